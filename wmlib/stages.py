"""The stages of a run that need an agent: collect, evolve C, score; put together from parts."""

import sys
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from wmlib import claims, runs, seeds
from wmlib.agent import Agent, evaluate, find_agent, load_agent, weights_of
from wmlib.arena import Arena
from wmlib.configs import CollectConfig, EvaluateConfig, EvolveConfig, PolicyConfig
from wmlib.controller import Controller
from wmlib.dream import FeatureVectorEnv, can_dream, feature_sizes
from wmlib.evolution import check_cooling, evolve, least_generations
from wmlib.experience import Dreams, Games
from wmlib.exploring import make_player
from wmlib.game import game_id
from wmlib.policy_gradient import learn_policy, least_updates
from wmlib.presets import Task
from wmlib.rollouts import collect
from wmlib.runs import RunFolder, UserError
from wmlib.scoring import Scores
from wmlib.store import RolloutStore


def collect_run(run: RunFolder, task: Task, config: CollectConfig, seed: int) -> RolloutStore:
    """Stage 1 of a run: fill RUN/rollouts as the preset says, and write its manifest.

    `seed` is the run's, which decides the training seeds it plays (wmlib.seeds).
    """
    first = seeds.first_of_run(seed)
    if config.episodes > seeds.TRAINING.stop - first:
        raise UserError(
            f"--episodes {config.episodes}: from --seed {seed} on there are "
            f"{seeds.TRAINING.stop - first:,} training games"
        )
    player = make_player(config.policy, task, config.exploration)  # a mistake shows before
    game_id(task, config.game)  # the folder is claimed
    folder = run.stage("rollouts", create=True)
    if claims.begin_stage(folder, config, seed):
        store = RolloutStore(folder)
        if len(store) == runs.read_json(folder / "manifest.json", "result")["result"]["episodes"]:
            return store
        print(f"{folder} has lost episodes: they are played again", file=sys.stderr)
    with claims.stage_manifest(folder, "collect", config, seed, "cpu") as result:
        store = collect(
            task.name,
            player,
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


def _teachers(run_path: Path, task: Task, config: EvolveConfig | PolicyConfig, seed: int) -> Agent:
    """V and M that C learns behind; M untrained where `config` says so."""
    agent = load_agent(run_path, task, controller=None)
    if config.random_memory:
        agent.memory = agent.memory.untrained_copy(seed)
    return agent


def training_world(
    run_path: Path, task: Task, config: EvolveConfig, seed: int, device: str
) -> FeatureVectorEnv:
    """The feature environment that C is evolved in; made anew inside every worker process."""
    agent = _teachers(run_path, task, config, seed)
    if config.world == "dream":
        return agent.dream(
            config.slots,
            config.tau,
            max_episode_steps=config.max_episode_steps,
            end_above=config.end_above,
            device=device,
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
    if config.scaled and config.controller != "linear":
        raise UserError(f"--scaled is for a linear C: not with --controller {config.controller}")
    _check_output(output)
    agent = _teachers(run.path, task, config, seed)
    start, inputs = _start_of_search(run.path, output, agent, config)
    if config.world == "dream" and not can_dream(task, agent.memory):
        raise UserError(
            f"a dream of {task.name} needs an M that predicts rewards: train M with the heads "
            "end and reward (train-memory --heads end reward; run --memory.heads end reward)"
        )
    _check_episodes(config)
    if config.world == "real":
        game_id(task, config.game)
    folder = run.stage(output, create=True)
    check_cooling(folder, config)
    if claims.begin_stage(folder, config, seed, inputs, least_generations(folder)):
        return
    controller = agent.new_controller(config.controller)
    make_world = partial(training_world, run.path, task, config, seed, str(device))
    with ExitStack() as stack:
        result = stack.enter_context(claims.stage_manifest(folder, "evolve", config, seed, device))
        arena = stack.enter_context(closing(Arena(make_world, config.workers)))
        check = _real_check(stack, agent, controller, config, device)
        facts = {"memory_seed": seed} if config.random_memory else {}
        units = None
        if config.scaled:
            with closing(make_world()) as world:
                units = controller.units(feature_sizes(world, seeds.TRAINING.start).cpu())
        result |= evolve(arena, controller, config, folder, seed, check, units, start, **facts)


def _start_of_search(
    run_path: Path, output: str, agent: Agent, config: EvolveConfig
) -> tuple[Tensor | None, dict[str, str]]:
    """The first mean that `config` names (None: zeros), and the hashes of all that C depends on."""
    if not config.start:
        return None, weights_of(run_path)
    _check_output(config.start, "--start")
    if config.start == output:
        raise UserError(f"--start {output}: the new controllers need another folder, --output NAME")
    known = load_agent(run_path, agent.task, config.start)
    assert known.controller is not None
    if known.controller.kind != config.controller:
        raise UserError(
            f"--start {config.start} is a {known.controller.kind} controller: the search needs "
            f"--controller {known.controller.kind}"
        )
    theirs, ours = (a.memory.state_dict() for a in (known, agent))
    if not all(torch.equal(theirs[name], ours[name]) for name in ours):
        raise UserError(f"--start {config.start} was made behind another M (untrained, or trained)")
    hashes = weights_of(run_path, config.start)
    return known.params, {"start": hashes.pop("controller")} | hashes


def policy_run(
    run: RunFolder, output: str, task: Task, config: PolicyConfig, seed: int, device: torch.device
) -> None:
    """Stage 4 by policy gradient: train C in the world that `config` names.

    Leaves controllers and the learning curve in RUN/`output`.
    """
    _check_output(output)
    agent = _teachers(run.path, task, config, seed)
    _check_policy_world(task, agent, config)
    _check_episodes(config)
    folder = run.stage(output, create=True)
    if claims.begin_stage(folder, config, seed, weights_of(run.path), least_updates(folder)):
        return
    controller = agent.new_controller(config.controller)
    facts = {"memory_seed": seed} if config.random_memory else {}

    def world(slots: int) -> FeatureVectorEnv:
        cap = config.max_episode_steps
        if config.world == "real":
            return agent.real(slots, cap, "batched", device)
        return agent.dream(slots, config.tau, max_episode_steps=cap, device=device)

    with ExitStack() as stack:
        made = claims.stage_manifest(folder, "policy-gradient", config, seed, device)
        result = stack.enter_context(made)
        arena = stack.enter_context(closing(Arena(partial(world, config.evaluate_episodes))))
        real = _real_check(stack, agent, controller, config, device)

        def check(params: Tensor) -> dict[str, float]:
            score = arena.score(controller, params, config.evaluate_episodes)
            return dict(zip(("mean_return", "sem"), score)) | real(params)

        env = stack.enter_context(closing(world(config.dreams)))
        lives = (Games if config.world == "real" else Dreams)(env, config)  # type: ignore[arg-type]
        result |= learn_policy(lives, controller, config, folder, seed, check, **facts)


def _check_policy_world(task: Task, agent: Agent, config: PolicyConfig) -> None:
    """UserError where the policy gradient cannot play in the world that `config` names."""
    if config.world == "real" and task.batched_id is None:
        raise UserError(
            f"policy-gradient --world real plays the batched simulator, and {task.name} has none: "
            "--world dream"
        )
    survival = task.squash == "tanh" and task.step_reward > 0 and "end" in agent.memory.heads
    if config.world == "dream" and not survival:
        raise UserError(
            "policy-gradient --world dream learns to survive: it needs actions that are full left "
            "or right, a task that pays for each step (step_reward) and an M with an end head, as "
            f"Doom's; {task.name} has not all of them: use evolve, or --world real"
        )


def _check_episodes(config: EvolveConfig | PolicyConfig) -> None:
    """UserError where there are not enough validation seeds: now, not at the first evaluation."""
    for count in (config.evaluate_episodes, config.real_episodes):
        seeds.for_choosing(count)


def _check_output(output: str, flag: str = "--output") -> None:
    """UserError where a controller's folder would be another stage's, or outside the run."""
    taken = {*runs.NEEDS, "evaluation"} - {"controller"}
    if output in taken or output in ("", "..") or Path(output).name != output:
        raise UserError(f"{flag} '{output}': give a plain name that is not another stage's")


def _real_check(
    stack: ExitStack,
    agent: Agent,
    controller: Controller,
    config: EvolveConfig | PolicyConfig,
    device: torch.device,
) -> Callable[[Tensor], dict]:
    """The real game's return beside the dream's, on validation seeds; `stack` closes the games.

    Without `real_episodes` it finds nothing.
    """
    if not config.real_episodes:
        return lambda params: {}
    games = min(16, config.real_episodes)
    arena = stack.enter_context(
        closing(Arena(partial(agent.real, games, config.max_episode_steps, device=device)))
    )

    def check(params: Tensor) -> dict[str, float]:
        score = arena.score(controller, params, config.real_episodes)
        return dict(zip(("real_return", "real_sem"), score))

    return check


def evaluate_run(
    weights: str | Path,
    task: Task,
    config: EvaluateConfig,
    first_seed: int,
    device: torch.device,
    controller: str = "controller",
) -> dict[str, Any]:
    """Stage 5: score an agent in the reference game; the result lands in its run folder.

    Episodes are kept as they end: an interrupted scoring goes on where it stopped. (The published
    agent has no run folder, so its score is returned and nothing is kept.)
    """
    agent = find_agent(weights, task, controller)
    facts = {
        "max_episode_steps": config.max_episode_steps,
        "seeds": seeds.kind_of(first_seed, config.episodes),
    }
    if str(weights) == "pretrained":
        return facts | _score(agent, config, first_seed, device)
    hashes = weights_of(Path(weights), controller)
    scores = Scores(
        Path(weights), controller, facts | {"weights": hashes}, first_seed, config.episodes
    )
    if scores.finished:
        return scores.finished
    return scores.store(_score(agent, config, first_seed, device, scores.known, scores.keep))


def _score(
    agent: Agent, config: EvaluateConfig, first_seed: int, device: torch.device, *kept: Any
) -> dict[str, Any]:
    """Play with a progress bar; `kept` as in wmlib.agent.evaluate."""
    assert agent.controller is not None
    slots, total = min(config.slots, config.episodes), config.episodes
    env = agent.real(slots, config.max_episode_steps, device=device)
    bar = tqdm(unit=" steps", unit_scale=True, desc=f"play {total} episodes")
    try:
        result = evaluate(env, agent.controller, agent.params, total, first_seed, bar.update, *kept)
    finally:
        bar.close()
        env.close()
    return result | {"reference": bool(env.games.metadata.get("reference"))}
