"""The iterative procedure: play, learn M from all that was seen, learn C in M, again (chapter 10;
paper, section "Iterative Training Procedure").

    1. M and C begin with random parameters.
    2. C, with exploration noise, plays N episodes of the real game; everything is stored.
    3. M learns p(x', r', … | x, a, h) from all episodes so far; C learns inside M.
    4. Back to 2 until the task is done.

Each round is a run folder, RUN/round_01 and so on, made of the stages of any run; all rounds share
RUN/rollouts. So it stops and resumes as the stages do, and an agent of any round can be loaded,
scored and filmed.
"""

import contextlib
from typing import Any

import numpy as np
import torch

from wmlib import seeds
from wmlib.agent import Agent, load_agent
from wmlib.configs import DreamWorld, EvaluateConfig, IterateConfig, VisionConfig
from wmlib.data.exploring import ExploringPolicy
from wmlib.data.rollouts import collect
from wmlib.data.store import RolloutStore
from wmlib.device import one_thread
from wmlib.errors import UserError
from wmlib.learning.control import evolve_run
from wmlib.learning.memory import train_memory
from wmlib.learning.stages import evaluate_run
from wmlib.learning.vision import vision_run
from wmlib.model.memory import MDNRNN
from wmlib.model.vision import StateVision
from wmlib.records.files import read_json, write_json
from wmlib.records.run_folder import RunFolder
from wmlib.records.stage import Stage
from wmlib.tasks import Task

SCORE_EPISODES = 16


def random_agent(task: Task, config: IterateConfig, seed: int) -> Agent:
    """M and C with random parameters: where the procedure begins."""
    generator = torch.Generator().manual_seed(seed)
    vision = StateVision(task.state_scale)
    memory = MDNRNN.of(vision.n_z, task.n_actions, config.memory).untrained_copy(seed)
    empty = torch.zeros(1, vision.n_z)
    agent = Agent(task, vision, memory, (empty, empty))
    agent.controller = agent.new_controller(config.evolve.controller)
    params = torch.randn(agent.controller.n_params, generator=generator) * config.evolve.sigma0
    agent.controllers = {"params": params.half().float()}
    return agent


def iterate(
    run: RunFolder, task: Task, config: IterateConfig, seed: int, device: torch.device
) -> list[dict[str, Any]]:
    """All rounds; returns one row for each (see `_row`), and writes them to RUN/rounds.json.

    Resumes where it stopped.
    """
    _refuse_unused(task, config, seed)
    agent, rows = random_agent(task, config, seed), []
    small = one_thread() if not task.pictures else contextlib.nullcontext()
    with small, Stage(run.stage("", create=True), "iterate", config, seed, device=device) as stage:
        if stage.done:
            return stage.result["rounds"]
        for number in range(1, config.iterations + 1):
            here = run.round(number)
            here.stage("", create=True)
            row = _stored_row(here)
            rows.append(row or _round(run, here, agent, config, seed, number, device))
            agent = load_agent(here.path, task)
        stage.result["rounds"] = rows
    told = read_json(run.path / "manifest.json")
    shared = ("command", "config", "seed", "device", "versions", "seconds")
    write_json(run.path / "rounds.json", {key: told[key] for key in shared} | {"rounds": rows})
    return rows


def _stored_row(here: RunFolder) -> dict[str, Any] | None:
    """What came of a round that is finished; up to version 0.1.0 its manifest told it."""
    if (here.path / "round.json").exists():
        return read_json(here.path / "round.json", real_return=float)
    if (here.path / "manifest.json").exists():
        return read_json(here.path / "manifest.json", result=dict)["result"]
    return None


def _refuse_unused(task: Task, config: IterateConfig, seed: int) -> None:
    """UserError for settings that have no meaning in a round."""
    if task.pictures:
        raise UserError(f"iterate plays games that tell a state so far, not {task.name}")
    seeds.first_of_run(seed)
    if config.episodes < 2:
        raise UserError(f"--episodes {config.episodes}: M needs at least 2, one is held out")
    if not isinstance(config.evolve.world, DreamWorld):
        raise UserError("--evolve.world real: iterate evolves C in the dream")
    wanted = {"random_memory": False, "workers": 0, "real_episodes": 0, "scaled": False}
    for name, value in {**wanted, "start": ""}.items():
        if getattr(config.evolve, name) != value:
            raise UserError(
                f"--evolve.{name.replace('_', '-')} {getattr(config.evolve, name)}: iterate "
                f"evolves C in one process, and scores it afterwards; leave it at {value!r}"
            )


def _round(
    run: RunFolder,
    here: RunFolder,
    agent: Agent,
    config: IterateConfig,
    seed: int,
    number: int,
    device: torch.device,
) -> dict[str, Any]:
    """One round: play with `agent`, train M and C anew; what came of it goes to round.json, too."""
    task = agent.task
    store = collect(
        task.name,
        ExploringPolicy(agent, config.exploration),
        config.episodes * number,
        seeds.first_of_run(seed),
        run.path / "rollouts",
        num_envs=config.episodes,
        progress=False,
    )
    vision_run(here, task, VisionConfig(n_z=agent.memory.n_z, frames=1, epochs=1), seed, device)
    train_memory(here, config.memory, seed, device, task)
    dreamed = evolve_run(here, "controller", task, config.evolve, seed, device)
    scoring = EvaluateConfig(SCORE_EPISODES, SCORE_EPISODES // 2, task.max_episode_steps)
    score = evaluate_run(here.path, task, scoring, seeds.VALIDATION.start, device)
    row = {"round": number} | _row(store, config.episodes)
    row |= {"dream_return": dreamed["mean_return"], "real_return": score["mean"]}
    row |= {"real_sem": score["sem"], "n": score["n"]}
    write_json(here.path / "round.json", row)
    return row


def _row(store: RolloutStore, new: int) -> dict[str, float]:
    """What the data of a round are: real steps so far, the highest first number of a state, and
    the mean return of the `new` episodes."""
    return {
        "real_steps": store.n_frames,
        "highest": float(max(store.frames(i)[:, 0].max() for i in range(len(store)))),
        "collected_return": float(np.mean([row["return"] for row in store.index[-new:]])),
    }
