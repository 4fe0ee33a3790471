"""The stage of C, by three learners: evolution, policy gradient, gradient through the dream.

Each plays in the world that its settings name, dream or game, and leaves the same: controllers by
name, the published one as `params`, and a learning curve.
"""

import hashlib
from collections.abc import Collection
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from wmlib import seeds
from wmlib.agent import Agent, load_agent, weights_of
from wmlib.configs import DreamWorld, EvolveConfig, GradientConfig, PolicyConfig, RealWorld
from wmlib.device import check_spread
from wmlib.errors import UserError
from wmlib.learning import team
from wmlib.learning.choosing import both_checks, real_check
from wmlib.learning.dream_gradient import ascend, first_try
from wmlib.learning.evolution import (
    SIZED,
    check_cooling,
    evolve,
    feature_sizes,
    least_generations,
)
from wmlib.model.imagine import check_dream
from wmlib.records.files import sha256
from wmlib.records.run_folder import DREAMED, NEEDS, RunFolder
from wmlib.records.stage import Stage
from wmlib.tasks import Task
from wmlib.worlds.play import Arena
from wmlib.worlds.real import game_id

Learning = EvolveConfig | PolicyConfig | GradientConfig
"""How C may learn."""


def check_learning(
    task: Task, config: Learning, heads: Collection[str], device: torch.device
) -> None:
    """UserError where C cannot learn in this way, behind an M with these heads, on this device."""
    seeds.for_choosing(max(config.evaluate_episodes, config.real_episodes))
    if isinstance(config.world, RealWorld):
        game_id(task, config.world.game)
    else:
        check_dream(task, heads)
        if getattr(config, "random_memory", False):
            raise UserError("--random-memory is for the real game: an untrained M has no dream")
    if isinstance(config, EvolveConfig):
        if config.workers and config.cluster:
            raise UserError("--workers and --cluster are two ways to spread: leave one out")
        if config.workers or config.cluster:
            check_spread("--workers" if config.workers else "--cluster", device)
        if config.scaled and config.controller != "linear":
            told = f"not with --controller {config.controller}"
            raise UserError(f"--scaled is for a linear C: {told}")
    elif isinstance(config, PolicyConfig) and config.team > 1 and config.controller == "deep":
        raise UserError("--team: the mean of deep Cs is no C; give --controller linear, or z")
    elif not isinstance(config.world, RealWorld):
        if not {"reward", "end"} & set(heads):
            raise UserError(
                "this way to learn in dreams needs an M with an end head or a reward head: "
                f"{task.name}'s has neither; use evolve"
            )
        if getattr(config, "dream_patience", 0) and "reward" not in heads:
            raise UserError("--dream-patience waits for rewards, and this M has no reward head")


def _teachers(
    run: RunFolder, output: str, task: Task, config: Learning, seed: int, device: torch.device
) -> Agent:
    """V and M that C learns behind; M untrained where `config` says so.

    UserError for what cannot be done: now, before a folder is claimed.
    """
    _check_output(output)
    agent = load_agent(run.path, task, controller=None)
    check_learning(task, config, agent.memory.heads, device)
    if getattr(config, "random_memory", False):
        agent.memory = agent.memory.untrained_copy(seed)
    return agent


def evolve_run(
    run: RunFolder,
    output: str,
    task: Task,
    config: EvolveConfig,
    seed: int,
    device: torch.device,
    begin: Tensor | None = None,
) -> dict[str, Any]:
    """Stage 4: evolve C in the world that `config` names.

    The search begins at `begin` (n_params,), or where `config` says. Leaves controllers and the
    learning curve in RUN/`output`.
    """
    agent = _teachers(run, output, task, config, seed, device)
    start, inputs = _start_of_search(run, output, agent, config)
    if begin is not None:
        start = begin
        inputs["start"] = _digest(begin)
    folder = run.stage(output, create=True)
    check_cooling(folder, config)
    least = least_generations(folder)
    with Stage(folder, "evolve", config, seed, inputs, device, least) as stage:
        if not stage.done:
            controller = agent.new_controller(config.controller)
            make_world = partial(agent.world, config.world, config.slots, str(device))
            facts = {"memory_seed": seed} if config.random_memory else {}
            with ExitStack() as stack:
                arena = Arena(make_world, config.workers, config.cluster)
                stack.callback(arena.close)
                check = real_check(stack, agent, controller, config, device)
                units = None
                if config.scaled:
                    # not --slots of them: the search would depend on it
                    with closing(agent.world(config.world, SIZED, str(device))) as world:
                        sizes = feature_sizes(world, seeds.TRAINING.start)
                    units = controller.units(sizes.cpu())
                stage.result |= evolve(
                    arena, controller, config, folder, seed, check, units, start, **facts
                )
    return stage.result


def _inputs(run: RunFolder, config: Learning) -> dict[str, str]:
    """The hashes of what C learns from: V, M, and where dreams begin (M's moments belong to M)."""
    found = weights_of(run)
    if isinstance(config.world, DreamWorld) and config.world.starts == "first":
        found["starts"] = sha256(run.stage("latents") / "starts.safetensors")
    return found


def _digest(params: Tensor) -> str:
    """The hash of C's weights (n_params,)."""
    return hashlib.sha256(params.numpy().tobytes()).hexdigest()


def check_start(run: RunFolder, output: str, config: EvolveConfig) -> None:
    """UserError where a search cannot begin at the controller that `config` names, if any."""
    if not config.start:
        return
    _check_output(config.start, "--start")
    if config.start == output:
        raise UserError(f"--start {output}: the new controllers need another folder, --output NAME")
    if not (run.path / config.start / "controller.safetensors").is_file():
        raise UserError(f"--start: no controller '{config.start}' in {run.path}")


def _start_of_search(
    run: RunFolder, output: str, agent: Agent, config: EvolveConfig
) -> tuple[Tensor | None, dict[str, str]]:
    """The first mean that `config` names (None: zeros), and the hashes of all that C depends on."""
    if not config.start:
        return None, _inputs(run, config)
    check_start(run, output, config)
    known = load_agent(run.path, agent.task, config.start)
    assert known.controller is not None
    if known.controller.kind != config.controller:
        raise UserError(
            f"--start {config.start} is a {known.controller.kind} controller: the search needs "
            f"--controller {known.controller.kind}"
        )
    theirs, ours = (a.memory.state_dict() for a in (known, agent))
    if not all(torch.equal(theirs[name], ours[name]) for name in ours):
        raise UserError(f"--start {config.start} was made behind another M (untrained, or trained)")
    began = weights_of(run, config.start)["controller"]
    return known.params, {"start": began} | _inputs(run, config)


def policy_run(
    run: RunFolder,
    output: str,
    task: Task,
    config: PolicyConfig,
    seed: int,
    device: torch.device,
    begin: Tensor | None = None,
) -> dict[str, Any]:
    """Stage 4 by policy gradient: train C, from zeros or `begin` (n_params,), in the world that
    `config` names.

    Leaves controllers and the learning curve in RUN/`output`.
    """
    agent = _teachers(run, output, task, config, seed, device)
    folder = run.stage(output, create=True)
    least, inputs = team.least(folder, config), _inputs(run, config)
    if begin is not None:
        inputs["start"] = _digest(begin)
    with Stage(folder, "policy-gradient", config, seed, inputs, device, least) as stage:
        if not stage.done:
            controller = agent.new_controller(config.controller)
            facts = {"memory_seed": seed} if config.random_memory else {}
            with ExitStack() as stack:
                check = both_checks(stack, agent, controller, config, device)
                env = stack.enter_context(closing(agent.world(config.world, config.dreams, device)))
                stage.result |= team.learn(
                    env, controller, config, folder, seed, check, begin, **facts
                )
    return stage.result


def gradient_run(
    run: RunFolder, output: str, task: Task, config: GradientConfig, seed: int, device: torch.device
) -> dict[str, Any]:
    """Stage 4 by the gradient through the dream, from random weights.

    Leaves controllers and the learning curve in RUN/`output`.
    """
    agent = _teachers(run, output, task, config, seed, device)
    folder = run.stage(output, create=True)
    with Stage(folder, "dream-gradient", config, seed, _inputs(run, config), device) as stage:
        if not stage.done:
            controller = agent.new_controller(config.controller)
            with ExitStack() as stack:
                check = both_checks(stack, agent, controller, config, device)
                env = stack.enter_context(closing(agent.world(config.world, config.dreams, device)))
                start = first_try(env, controller, config, seed)
                stage.result |= ascend(env, controller, start, config, folder, seed, check)
    return stage.result


def _check_output(output: str, flag: str = "--output") -> None:
    """UserError where a controller's folder would be another stage's, or outside the run, or its
    score a file of the run's own (NAME.json)."""
    taken = {*NEEDS, DREAMED, *_FILES} - {"controller"}
    plain = Path(output).name == output and not output.startswith(("round_", "."))
    if output in taken or not output or not plain:
        raise UserError(f"{flag} '{output}': give a plain name that is not another stage's")


_FILES = {"evaluation", "config", "manifest", "progress", "round", "rounds"}
"""names of files that lie in a run folder, without their .json"""
