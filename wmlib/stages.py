"""The stages of a run that need an agent: collect, evolve C, score; put together from parts."""

from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from wmlib import runs, seeds
from wmlib.agent import evaluate, find_agent, load_agent
from wmlib.arena import Arena, standard_error
from wmlib.configs import CollectConfig, EvaluateConfig, EvolveConfig
from wmlib.controller import Controller
from wmlib.dream import FeatureVectorEnv
from wmlib.evolution import evolve
from wmlib.exploring import make_player
from wmlib.presets import Task
from wmlib.rollouts import RolloutStore, collect
from wmlib.runs import RunFolder, UserError


def collect_run(run: RunFolder, task: Task, config: CollectConfig, seed: int) -> RolloutStore:
    """Stage 1 of a run: fill RUN/rollouts as the preset says, and write its manifest.

    `seed` is the run's; run 0 plays the training seeds from 100,000 on, run 1 from 120,000 on, …
    """
    first = seeds.TRAINING.start + 20_000 * seed
    seeds.check("training", first, config.episodes)
    folder = run.stage("rollouts", create=True)
    if runs.begin_stage(folder, config, seed):
        return RolloutStore(folder)
    with runs.stage_manifest(folder, "collect", config, seed, "cpu") as result:
        store = collect(
            task.name,
            make_player(config.policy, task, config.exploration),
            config.episodes,
            first,
            folder,
            config.num_envs,
            config.game,
            config.max_episode_steps,
            config.min_episode_steps,
        )
        result |= {
            "episodes": len(store),
            "policies": dict(Counter(row["policy"] for row in store.index)),
            "frames": store.n_frames,
            "dropped": len(store.dropped),
            "bytes_per_frame": round(store.bytes_per_frame()),
        }
    return store


def training_world(
    run_path: Path, task: Task, config: EvolveConfig, seed: int, device: str
) -> FeatureVectorEnv:
    """The feature environment that C is evolved in; made anew inside every worker process."""
    agent = load_agent(run_path, task, controller=None)
    if config.random_memory:
        agent.memory = agent.memory.untrained_copy(seed)
    if config.world == "dream":
        return agent.dream(
            config.slots, config.tau, max_episode_steps=config.max_episode_steps, device=device
        )
    return agent.real(config.slots, config.max_episode_steps, config.game, device)


def evolve_run(
    run: RunFolder, output: str, task: Task, config: EvolveConfig, seed: int, device: torch.device
) -> None:
    """Stage 4: evolve C in the world that `config` names.

    Leaves controllers and the learning curve in RUN/`output`.
    """
    if config.workers and device.type == "cuda":
        raise UserError("--workers spreads over CPU processes; with --device cuda use --slots")
    folder = run.stage(output, create=True)
    if runs.begin_stage(folder, config, seed):
        return
    agent = load_agent(run.path, task, controller=None)
    controller = agent.new_controller(config.controller)
    make_world = partial(training_world, run.path, task, config, seed, str(device))
    with ExitStack() as stack:
        result = stack.enter_context(runs.stage_manifest(folder, "evolve", config, seed, device))
        arena = stack.enter_context(closing(Arena(make_world, config.workers)))
        check: Callable[[Tensor], dict] = lambda mean: {}  # noqa: E731
        if config.real_episodes:
            games = min(8, config.real_episodes)
            make_game = partial(agent.real, games, config.max_episode_steps)
            check = _real_check(stack.enter_context(closing(Arena(make_game))), controller, config)
        facts = {"memory_seed": seed} if config.random_memory else {}
        result |= evolve(arena, controller, config, folder, seed, check, **facts)


def _real_check(
    arena: Arena, controller: Controller, config: EvolveConfig
) -> Callable[[Tensor], dict]:
    """The real game's return (played in `arena`) beside the dream's, on validation seeds."""
    jobs = [(0, seeds.VALIDATION.start + i) for i in range(config.real_episodes)]

    def check(mean: Tensor) -> dict[str, float]:
        returns = arena.play(controller, mean[None], jobs).returns
        return {"real_return": float(returns.mean()), "real_sem": standard_error(returns)}

    return check


def evaluate_run(
    weights: str | Path,
    task: Task,
    config: EvaluateConfig,
    first_seed: int,
    device: torch.device,
    controller: str = "controller",
) -> dict[str, Any]:
    """Stage 5: score an agent in the reference game; the result lands in its run folder."""
    if config.episodes < 1:
        raise UserError(f"--episodes {config.episodes}: play at least 1")
    agent = find_agent(weights, task, controller)
    assert agent.controller is not None
    slots = min(config.slots, config.episodes)
    env = agent.real(slots, config.max_episode_steps, device=device)
    bar = tqdm(
        unit=" steps", unit_scale=True, desc=f"play {config.episodes} episodes", disable=None
    )
    try:
        result = evaluate(
            env, agent.controller, agent.params, config.episodes, first_seed, bar.update
        )
    finally:
        bar.close()
        env.close()
    result["reference"] = bool(env.games.metadata.get("reference"))
    result["seeds"] = seeds.kind_of(first_seed)
    if str(weights) != "pretrained":
        name = "evaluation.json" if controller == "controller" else f"{controller}.json"
        runs.write_json(Path(weights) / name, result | {"versions": runs.versions()})
    return result
