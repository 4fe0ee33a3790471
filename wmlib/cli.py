"""`python -m wmlib COMMAND`: the stages of a run from the command line.

Every field of a stage's dataclass in `wmlib.presets` is a flag of its command; the preset gives
the defaults. A stage reads what the one before left in --run-dir, and goes on where it stopped.
"""

import dataclasses
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from wmlib import runs, seeds
from wmlib.configs import (
    CollectConfig,
    EvaluateConfig,
    EvolveConfig,
    GradientConfig,
    IterateConfig,
    MemoryConfig,
    Preset,
    VisionConfig,
)
from wmlib.presets import ITERATE_PRESETS, TASKS, Task, get_preset, get_task
from wmlib.runs import RunFolder, UserError


@dataclass
class Common:
    """What every command needs to know."""

    task: str
    """car_racing, doom_take_cover or pendulum"""
    preset: str = "small"
    """tiny (minutes), small (about an hour on a laptop or in Colab) or paper (one GPU)"""
    device: str = "auto"
    """auto, cpu or cuda"""
    run_dir: Path | None = None
    """the run folder; default runs/TASK-PRESET"""
    seed: int = 0
    """seed of the whole run; each stage derives its own"""

    @property
    def run(self) -> RunFolder:
        """The run folder these flags mean."""
        return RunFolder(self.run_dir or Path("runs") / f"{self.task}-{self.preset}")


@dataclass
class Collect(Common):
    """Play a policy in the real game and store the episodes."""

    collect: Annotated[CollectConfig, tyro.conf.arg(name="")] = dataclasses.field(default=None)  # type: ignore[assignment]


@dataclass
class TrainVision(Common):
    """Train V on the stored frames, then encode them all."""

    vision: Annotated[VisionConfig, tyro.conf.arg(name="")] = dataclasses.field(default=None)  # type: ignore[assignment]


@dataclass
class TrainMemory(Common):
    """Train M on the latents."""

    memory: Annotated[MemoryConfig, tyro.conf.arg(name="")] = dataclasses.field(default=None)  # type: ignore[assignment]


@dataclass
class Evolve(Common):
    """Evolve C with CMA-ES, in the real game or in the dream."""

    evolve: Annotated[EvolveConfig, tyro.conf.arg(name="")] = dataclasses.field(default=None)  # type: ignore[assignment]
    output: str = "controller"
    """folder inside the run folder; name it otherwise to keep several controllers"""


@dataclass
class Evaluate(Common):
    """Score an agent in the real game; the last line printed is JSON."""

    evaluate: Annotated[EvaluateConfig, tyro.conf.arg(name="")] = dataclasses.field(default=None)  # type: ignore[assignment]
    seed: int = seeds.TEST.start
    """seed of the first episode; the next ones count up (test seeds: 1000 to 1999)"""
    weights: str | None = None
    """pretrained, or a run folder; default: --run-dir"""
    controller: str = "controller"
    """folder of the controller inside the run folder"""


@dataclass
class Run(Common):
    """All stages: collect, train V, train M, evolve C, evaluate in the real game."""

    stages: Annotated[Preset, tyro.conf.arg(name="")] = dataclasses.field(default=None)  # type: ignore[assignment]


@dataclass
class Iterate(Common):
    """The iterative procedure on the pendulum: play, learn M, learn C in M, again."""

    iterate: Annotated[IterateConfig, tyro.conf.arg(name="")] = dataclasses.field(default=None)  # type: ignore[assignment]


@dataclass
class DreamGradient(Common):
    """Train C by backpropagation through the dream of an iterate run; prints one JSON line."""

    gradient: Annotated[GradientConfig, tyro.conf.arg(name="")] = dataclasses.field(
        default_factory=GradientConfig
    )


@dataclass
class Play(Common):
    """Write a video: the real picture, V's reconstruction and M's dream side by side."""

    seed: int = seeds.TEST.start
    """seed of the episode"""
    weights: str | None = None
    """pretrained, or a run folder; default: --run-dir"""
    output: Path = Path("play.mp4")
    """the video file"""
    steps: int = 1000
    """longest video, in steps of the game"""


@dataclass
class Report:
    """Draw every table and figure from the published runs."""

    results: Path = Path("results")
    """folder of the published runs"""
    readme: Path = Path("README.md")
    """its results table is replaced between two markers"""


# ---------------------------------------------------------------- the stages


def collect(common: Common, task: Task, config: CollectConfig) -> None:
    """Stage 1."""
    from wmlib.stages import collect_run

    collect_run(common.run, task, config, common.seed)


def train_vision(common: Common, task: Task, config: VisionConfig) -> None:
    """Stage 2, and the encoding after which nothing touches a frame."""
    from wmlib import latents, vision
    from wmlib.rollouts import RolloutStore

    common.run.require("rollouts", "train-vision")
    device = runs.pick_device(common.device)
    vae = vision.train_vision(common.run, config, common.seed, device, task)
    latents.encode_run(common.run, vae, RolloutStore(common.run.stage("rollouts")), device)


def train_memory(common: Common, task: Task, config: MemoryConfig) -> None:
    """Stage 3."""
    from wmlib.memory import train_memory as train

    common.run.require("latents", "train-memory")
    train(common.run, config, common.seed, runs.pick_device(common.device), task)


def evolve(common: Common, task: Task, config: EvolveConfig, output: str = "controller") -> None:
    """Stage 4."""
    from wmlib.stages import evolve_run

    common.run.require("memory", "evolve")
    device = runs.pick_device(common.device)
    evolve_run(common.run, output, task, config, common.seed, device)


def evaluate(
    common: Common,
    task: Task,
    config: EvaluateConfig,
    weights: str | None = None,
    controller: str = "controller",
) -> None:
    """Stage 5: ends with one JSON line."""
    from wmlib.stages import evaluate_run

    result = evaluate_run(
        common.run.path if weights is None else weights,
        task,
        config,
        common.seed,
        runs.pick_device(common.device),
        controller,
    )
    print(json.dumps({key: result[key] for key in ("task", "mean", "std", "sem", "n")}))


def run_all(common: Common, task: Task, preset: Preset) -> None:
    """All five stages; finished ones are passed over."""
    collect(common, task, preset.collect)
    train_vision(common, task, preset.vision)
    train_memory(common, task, preset.memory)
    evolve(common, task, preset.evolve)
    evaluate(dataclasses.replace(common, seed=seeds.TEST.start), task, preset.evaluate)


def iterate(common: Common, config: IterateConfig) -> None:
    """The iterative procedure; prints one JSON line for each round."""
    from wmlib.iterative import iterate as run_rounds

    if common.task != "pendulum":
        raise UserError(f"iterate plays the pendulum so far, not {common.task}: --task pendulum")
    for row in run_rounds(common.run, config, common.seed, runs.pick_device(common.device)):
        print(json.dumps(row))


def dream_gradient(common: Common, config: GradientConfig) -> None:
    """C by gradient through the dream."""
    from wmlib.gradient import ascend_run

    if common.task != "pendulum":
        raise UserError(
            f"dream-gradient needs an M with a reward head, as the pendulum's, not {common.task}: "
            "--task pendulum"
        )
    print(json.dumps(ascend_run(common.run, config, common.seed)))


# ---------------------------------------------------------------- parsing

COMMANDS: dict[str, type] = {
    "collect": Collect,
    "train-vision": TrainVision,
    "train-memory": TrainMemory,
    "evolve": Evolve,
    "evaluate": Evaluate,
    "run": Run,
    "iterate": Iterate,
    "dream-gradient": DreamGradient,
    "play": Play,
    "report": Report,
}


def _usage() -> str:
    lines = [
        "usage: python -m wmlib COMMAND --task TASK [--preset PRESET] [--help]",
        "",
        "commands:",
    ]
    lines += [f"  {name:14} {(kind.__doc__ or '').strip()}" for name, kind in COMMANDS.items()]
    return "\n".join([*lines, "", f"tasks: {', '.join(TASKS)}; presets: tiny, small, paper"])


def _parse(name: str, kind: type, args: list[str]) -> Any:
    """Parse twice: task and preset first, for they decide the defaults of everything else."""
    program = f"python -m wmlib {name}"
    if not issubclass(kind, Common):
        return tyro.cli(kind, args=args, prog=program)
    first = [a for a in args if a not in ("-h", "--help")]
    if first != args and not any(a.startswith("--task") for a in args):
        first += ["--task", next(iter(TASKS))]  # help without a task shows the first one's numbers
    common, _ = tyro.cli(Common, args=first, return_unknown_args=True, prog=program)
    if kind in (Iterate, DreamGradient):
        if common.preset not in ITERATE_PRESETS:
            raise UserError(
                f"no preset '{common.preset}': choose one of {', '.join(ITERATE_PRESETS)}"
            )
        if kind is DreamGradient:
            return tyro.cli(kind, args=args, default=kind(common.task, common.preset), prog=program)
        rounds = Iterate(common.task, common.preset, iterate=ITERATE_PRESETS[common.preset])
        return tyro.cli(Iterate, args=args, default=rounds, prog=program)
    preset = get_preset(common.task, common.preset)
    fields = {f.name for f in dataclasses.fields(kind)}
    stages = {f.name: getattr(preset, f.name) for f in dataclasses.fields(Preset)}
    defaults = {k: v for k, v in stages.items() if k in fields}
    if "stages" in fields:
        defaults["stages"] = preset
    default = kind(task=common.task, preset=common.preset, **defaults)
    return tyro.cli(kind, args=args, default=default, prog=program)


def _dispatch(flags: Any) -> None:
    if isinstance(flags, Report):
        from wmlib.report import write_report

        return write_report(flags.results, flags.readme)
    task = get_task(flags.task)
    actions = {
        Collect: lambda: collect(flags, task, flags.collect),
        TrainVision: lambda: train_vision(flags, task, flags.vision),
        TrainMemory: lambda: train_memory(flags, task, flags.memory),
        Evolve: lambda: evolve(flags, task, flags.evolve, flags.output),
        Evaluate: lambda: evaluate(flags, task, flags.evaluate, flags.weights, flags.controller),
        Run: lambda: run_all(flags, task, flags.stages),
        Iterate: lambda: iterate(flags, flags.iterate),
        DreamGradient: lambda: dream_gradient(flags, flags.gradient),
        Play: lambda: _play(flags, task),
    }
    return actions[type(flags)]()


def _play(flags: Play, task: Task) -> None:
    from wmlib.agent import find_agent
    from wmlib.video import write_video

    agent = find_agent(flags.run.path if flags.weights is None else flags.weights, task)
    write_video(agent, flags.seed, flags.output, flags.steps)


def main(args: list[str] | None = None) -> int:
    """Run one command; 0 on success, 2 for what the user can mend, 130 when stopped."""
    args = sys.argv[1:] if args is None else args
    if not args or args[0] in ("-h", "--help"):
        print(_usage())
        return 0
    name = args[0]
    try:
        if name not in COMMANDS:
            raise UserError(f"no command '{name}': choose one of {', '.join(COMMANDS)}")
        _dispatch(_parse(name, COMMANDS[name], args[1:]))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: {error}; what was finished is kept, run the command again", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped: the same command goes on from here", file=sys.stderr)
        return 130
    return 0
