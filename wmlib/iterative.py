"""The iterative procedure: play, learn M from all that was seen, learn C in M, again (chapter 10;
paper, section "Iterative Training Procedure").

    1. M and C begin with random parameters.
    2. C, with exploration noise, plays N episodes of the real game; everything is stored.
    3. M learns p(x', r' | x, a, h) from all episodes so far; C is evolved inside M.
    4. Back to 2 until the task is done.

Here on the pendulum that starts hanging, whose three numbers x need no V. Each round has a folder
of its own with the stages of any run, so it stops and resumes as they do.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from wmlib import seeds
from wmlib.agent import Agent, evaluate, packaged_folder
from wmlib.arena import Arena
from wmlib.claims import begin_stage, stage_manifest
from wmlib.configs import EvolveConfig, IterateConfig
from wmlib.controller import load_controllers
from wmlib.dream import DreamEnv
from wmlib.evolution import evolve
from wmlib.exploring import ExploringPolicy
from wmlib.latents import encode_run
from wmlib.memory import MDNRNN, load_memory
from wmlib.memory_training import train_memory
from wmlib.presets import Task, get_task
from wmlib.rollouts import collect
from wmlib.runs import (
    RunFolder,
    UserError,
    is_finished,
    read_json,
    write_json,
)
from wmlib.training import one_thread
from wmlib.weights import load_weights, save_weights

X_SCALE = (1.0, 1.0, 0.5)
"""of cos, sin and angular velocity: the last matters most where it is small, near the bottom"""
LOG_VARIANCE = -8.0
"""of z = x: M learns from slightly blurred states (sigma 0.018); its dreams forgive errors"""
SCORE_EPISODES = 16


class StateVision(nn.Module):
    """Stands in V's place for a game whose observation x is a few numbers: z = x, scaled."""

    scale: Tensor

    def __init__(self, scale: tuple[float, ...] = X_SCALE) -> None:
        super().__init__()
        self.register_buffer("scale", torch.tensor(scale))
        self.n_z = len(scale)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """States (B, N_z) -> (mu, logvar), each (B, N_z), with the same small variance."""
        mu = x.float() * self.scale
        return mu, torch.full_like(mu, LOG_VARIANCE)


def random_agent(task: Task, config: IterateConfig, seed: int) -> Agent:
    """M and C with random parameters: where the procedure begins."""
    generator = torch.Generator().manual_seed(seed)
    memory = MDNRNN.of(len(X_SCALE), task.n_actions, config.memory).untrained_copy(seed)
    empty = torch.zeros(1, len(X_SCALE))
    agent = Agent(task, StateVision(), memory, (empty, empty))  # type: ignore[arg-type]
    agent.controller = agent.new_controller(config.evolve.controller)
    params = torch.randn(agent.controller.n_params, generator=generator) * config.evolve.sigma0
    agent.controllers = {"params": params.half().float()}
    return agent


def load_round(folder: Path, task: Task, controller: bool = True) -> Agent:
    """The agent that a round left; without `controller` while there is none yet."""
    memory = load_memory(folder / "memory" / "memory.safetensors", task)
    starts, _ = load_weights(folder / "latents" / "starts.safetensors")
    agent = Agent(task, StateVision(), memory, (starts["mu"], starts["logvar"]))  # type: ignore[arg-type]
    if controller:
        path = folder / "controller" / "controller.safetensors"
        agent.controller, agent.controllers, _ = load_controllers(path, task)
    return agent


def published_round(number: int) -> Agent:
    """The agent of a round of the published tiny run (its first and last are in the package)."""
    return load_round(packaged_folder("pendulum") / f"round_{number:02d}", get_task("pendulum"))


def last_folder(folder: str | Path) -> Path:
    """The folder of the last finished round of an `iterate` run."""
    finished = finished_rounds(folder)
    if not finished:
        raise UserError(
            f"{folder} has no finished round: run `python -m wmlib iterate --task pendulum` with "
            "the same --preset or --run-dir first"
        )
    return finished[-1]


def finished_rounds(folder: str | Path) -> list[Path]:
    """The folders of the finished rounds of an `iterate` run, in order."""
    rounds = [path for path in Path(folder).glob("round_*") if path.name[6:].isdigit()]
    return [path for path in sorted(rounds, key=lambda p: int(p.name[6:])) if is_finished(path)]


def make_dream(num_envs: int, weights: str | Path, tau: float = 1.0, **kwargs: Any) -> DreamEnv:
    """The vector entry point of `wmlib/PendulumHangingDream-v0`: `weights` is an `iterate` run."""
    agent = load_round(last_folder(weights), get_task("pendulum"))
    return agent.dream(num_envs, tau, **kwargs)


@one_thread()
def iterate(
    run: RunFolder, config: IterateConfig, seed: int, device: torch.device
) -> list[dict[str, Any]]:
    """All rounds; returns one row for each (see `_round`), and writes them to RUN/rounds.json.

    Resumes where it stopped.
    """
    _refuse_unused(config.evolve)
    if config.episodes < 2:
        raise UserError(f"--episodes {config.episodes}: M needs at least 2, one is held out")
    begin_stage(run.stage("", create=True), config, seed)
    task = get_task("pendulum")
    agent, manifests = random_agent(task, config, seed), []
    for number in range(1, config.iterations + 1):
        folder = RunFolder(run.path / f"round_{number:02d}")
        folder.path.mkdir(parents=True, exist_ok=True)
        if not is_finished(folder.path):
            with stage_manifest(folder.path, "iterate", config, seed, device) as result:
                result |= _round(run, folder, agent, config, seed, number, device)
        agent = load_round(folder.path, task)
        manifests.append(read_json(folder.path / "manifest.json"))
    rows = [manifest["result"] for manifest in manifests]
    shared = ("command", "config", "seed", "device", "versions")
    told = {key: manifests[-1][key] for key in shared}
    told["seconds"] = round(sum(manifest["seconds"] for manifest in manifests), 1)
    write_json(run.path / "rounds.json", told | {"rounds": rows})
    return rows


def _refuse_unused(config: EvolveConfig) -> None:
    """UserError for settings of `evolve` that have no meaning in a round."""
    wanted = {
        "world": "dream",
        "random_memory": False,
        "workers": 0,
        "real_episodes": 0,
        "scaled": False,
        "start": "",
    }
    for name, value in wanted.items():
        if getattr(config, name) != value:
            raise UserError(
                f"--evolve.{name.replace('_', '-')} {getattr(config, name)}: iterate evolves C in "
                f"the dream, in one process, and scores it afterwards; leave it at {value!r}"
            )


def _round(
    run: RunFolder,
    folder: RunFolder,
    agent: Agent,
    config: IterateConfig,
    seed: int,
    number: int,
    device: torch.device,
) -> dict[str, Any]:
    """One round: play with `agent`, train M and C anew; what came of it, as numbers."""
    task = agent.task
    first = seeds.first_of_run(seed)
    slots = config.episodes
    store = collect(
        task.name,
        ExploringPolicy(agent, config.exploration),
        config.episodes * number,
        first,
        run.path / "rollouts",
        num_envs=slots,
        progress=False,
    )
    vision = StateVision()
    weights = folder.stage("vision", create=True) / "vision.safetensors"
    save_weights(weights, vision.state_dict(), task=task.name)
    encode_run(folder, vision, store, device)  # type: ignore[arg-type]
    train_memory(folder, config.memory, seed, device, task)
    chosen = _evolve(folder, task, config, seed, device)
    score = real_score(load_round(folder.path, task))
    return {
        "round": number,
        "real_steps": store.n_frames,
        "highest": float(max(store.frames(i)[:, 0].max() for i in range(len(store)))),
        "collected_return": float(np.mean([r["return"] for r in store.index[-config.episodes :]])),
        "dream_return": chosen["mean_return"],
        "real_return": score["mean"],
        "real_sem": score["sem"],
        "n": score["n"],
    }


def _evolve(
    folder: RunFolder, task: Task, config: IterateConfig, seed: int, device: torch.device
) -> dict[str, Any]:
    agent = load_round(folder.path, task, controller=False)
    steps = config.evolve.max_episode_steps
    arena = Arena(
        lambda: agent.dream(
            config.evolve.slots, config.evolve.tau, max_episode_steps=steps, device=device
        )
    )
    controller = agent.new_controller(config.evolve.controller)
    place = folder.stage("controller", create=True)
    if begin_stage(place, config.evolve, seed):
        return read_json(place / "manifest.json")["result"]
    with stage_manifest(place, "evolve", config.evolve, seed, device) as result:
        result |= evolve(arena, controller, config.evolve, place, seed)
    return result


def real_score(agent: Agent) -> dict[str, Any]:
    """The real game, without exploration, on validation seeds."""
    env = agent.real(SCORE_EPISODES // 2)
    assert agent.controller is not None
    try:
        return evaluate(env, agent.controller, agent.params, SCORE_EPISODES, seeds.VALIDATION.start)
    finally:
        env.close()
