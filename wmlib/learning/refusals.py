"""What `run` and `iterate` say before any work, where a later stage would refuse it after hours."""

import torch

from wmlib import seeds
from wmlib.agent import Agent, agent_folder, load_agent
from wmlib.configs import DreamWorld, IterateConfig, Preset, RealWorld
from wmlib.data.exploring import make_player
from wmlib.data.store import refuse_other_games
from wmlib.device import check_spread
from wmlib.errors import UserError
from wmlib.learning.control import check_learning, check_start
from wmlib.learning.evolution import least_generations
from wmlib.learning.memory import check_same
from wmlib.model.imagine import check_dream
from wmlib.model.memory import MDNRNN
from wmlib.model.vision import WEIGHTS, Vision
from wmlib.records.files import read_json, sha256
from wmlib.records.run_folder import RunFolder, is_finished
from wmlib.records.stage import CLAIM, Stage
from wmlib.tasks import Task
from wmlib.worlds.real import game_id

# ---------------------------------------------------------------- run


def check_run(run: RunFolder, task: Task, stages: Preset, seed: int, device: torch.device) -> None:
    """UserError for what a stage would refuse, or where one was begun with other settings, or from
    fewer episodes."""
    if stages.evaluate.cluster:
        check_spread("--evaluate.cluster", device)
    if stages.collect.episodes < 2:
        raise UserError("--collect.episodes 1: M needs at least 2, one is held out")
    refuse_other_games(run, task)
    check_learning(task, stages.evolve, stages.memory.heads, device)
    check_start(run, "controller", stages.evolve)
    for name, config in (
        ("rollouts", stages.collect),
        ("vision", stages.vision),
        ("memory", stages.memory),
        ("controller", stages.evolve),
    ):
        folder = run.stage(name)
        inputs = read_json(folder / CLAIM).get("inputs") if (folder / CLAIM).is_file() else None
        if inputs and (name == "memory" or (name == "vision" and not is_finished(folder))):
            inputs["episodes"] = stages.collect.episodes
        least = least_generations(folder) if name == "controller" else None
        Stage(folder, name, config, seed, inputs, least=least).check()


# ---------------------------------------------------------------- iterate


def check_iteration(
    run: RunFolder, task: Task, config: IterateConfig, seed: int, device: torch.device
) -> None:
    """UserError for settings that have no meaning in a round, and for a folder of `run`."""
    first = config.first_episodes or config.episodes
    seeds.check_games(seed, first + config.episodes * (config.iterations - 1))
    seeds.for_rounds(config.score_episodes, _chosen_by(config))
    if min(config.see, default=1) < 1:
        raise UserError(f"--see {' '.join(map(str, config.see))}: rounds count from 1")
    given_vision(task, config)
    game_id(task, config.game)
    if config.first and not config.start:
        make_player(config.first, task, config.exploration)
    if config.episodes < 2:
        raise UserError(f"--episodes {config.episodes}: M needs at least 2, one is held out")
    if (run.path / "rollouts" / CLAIM).exists():  # its episodes would be taken for the rounds'
        raise UserError(f"{run.path} holds the stages of `run`: give iterate another --run-dir")
    if task.pictures:
        _check_seen(run, config)
    _check_learners(task, config, device)


def _chosen_by(config: IterateConfig) -> int:
    """How many real episodes decide which C of a round is kept."""
    return config.practice.evaluate_episodes if config.also_real else 0


def _check_learners(task: Task, config: IterateConfig, device: torch.device) -> None:
    """UserError where C cannot learn in rounds as it is told to."""
    taught = getattr(config, config.learner)
    if not isinstance(taught.world, DreamWorld):
        raise UserError(f"--{config.learner}.world real: iterate trains C in the dream")
    if config.also_real and not isinstance(config.practice.world, RealWorld):
        raise UserError("--practice.world dream: C practises in the real game, --also-real")
    for learning in (taught, config.practice) if config.also_real else (taught,):
        check_learning(task, learning, config.memory.heads, device)
    dreams, plays = taught.controller, config.practice.controller
    if config.also_real and dreams != plays:
        told = f"--practice.controller {plays} and --{config.learner}.controller {dreams}"
        if not _can_go_on(dreams, plays):
            raise UserError(f"--also-real: the dreamed C cannot go on with {told}: give both alike")
        if config.go_on and config.iterations > 1:
            raise UserError(f"--go-on: a deep C cannot dream on with {told}: make both deep")
    if config.go_on and config.learner == "gradient":
        raise UserError("--go-on is for --learner evolve or policy: the gradient begins anew")
    if config.go_on and not config.memory_goes_on and taught.controller in ("linear", "deep"):
        raise UserError(
            "--go-on is for a C that sees z alone (--evolve.controller z or hidden), or with "
            "--memory-goes-on: a C that sees h cannot play behind another M"
        )
    groups = {config.learner: taught} | ({"practice": config.practice} if config.also_real else {})
    for group, learning in groups.items():
        for name, value in _OF_ONE_TRAINING.items():
            if getattr(learning, name, value) != value:
                raise UserError(
                    f"--{group}.{name.replace('_', '-')} {getattr(learning, name)}: a round trains "
                    "C in one process, behind its own M, and asks no game but its own about it; "
                    f"leave it at {value!r}"
                )


_OF_ONE_TRAINING = {
    "random_memory": False,
    "workers": 0,
    "cluster": "",
    "start": "",
    "real_episodes": 0,
}
"""Settings of a learner that have no meaning in a round, and what they must be."""


def _can_go_on(begun: str, kind: str) -> bool:
    """Whether a C of the kind `begun` can learn on as one of `kind`: a linear one may grow."""
    return kind == begun or (begun, kind) == ("linear", "deep")


def check_first_agent(agent: Agent, config: IterateConfig) -> None:
    """UserError where the M or C of --start cannot go on as the settings say."""
    assert agent.controller is not None
    if config.start and config.memory_goes_on:
        check_dream(agent.task, agent.memory.heads)
        with torch.device("meta"):  # its shape alone
            wanted = MDNRNN.of(agent.vision.n_z, agent.task.n_actions, config.memory)
        check_same(agent.memory, wanted)
    if config.start and config.vision_from and (config.memory_goes_on or config.go_on):
        paths = [agent_folder(name, agent.task) for name in (config.start, config.vision_from)]
        if len({sha256(path.stage("vision") / WEIGHTS) for path in paths}) > 1:
            raise UserError(
                f"--vision-from {config.vision_from}: M and C of --start {config.start} go on, and "
                "know its own V alone; leave --vision-from out"
            )
    kind = getattr(config, config.learner).controller
    if config.start and config.go_on and not _can_go_on(agent.controller.kind, kind):
        raise UserError(
            f"--start {config.start} has a {agent.controller.kind} controller and "
            f"--{config.learner}.controller is {kind}: to go on from it (--go-on), give both the "
            "same"
        )


def _check_seen(run: RunFolder, config: IterateConfig) -> None:
    """UserError where a round, after the first, has not seen as --see says now."""
    for number in range(2, config.iterations + 1):
        seen = [run.round(n).stage("vision") / WEIGHTS for n in (number, number - 1)]
        if not all(path.exists() for path in seen):
            return
        now, before = map(sha256, seen)
        if (now != before) != (number in config.see):
            did = "kept V" if now == before else "trained V anew"
            raise UserError(
                f"--see {' '.join(map(str, config.see))}: {run.round(number).path} has {did}; "
                "name the rounds in which V is new as they were, or give another --run-dir"
            )


def given_vision(task: Task, config: IterateConfig) -> Vision | None:
    """Another run's V, where the settings of an iteration name one."""
    named = config.vision_from or config.start
    return load_agent(named, task, None).vision if named else None
