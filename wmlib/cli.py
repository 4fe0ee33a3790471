"""`python -m wmlib COMMAND`: the stages of a run from the command line.

Every field of a stage's dataclass in `wmlib.presets` is a flag of its command; the preset gives
the defaults. A stage reads what the one before left in --run-dir, and goes on where it stopped.
"""

import dataclasses
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from wmlib import commands, runs, seeds
from wmlib.commands import Common
from wmlib.configs import (
    CollectConfig,
    EvaluateConfig,
    EvolveConfig,
    GradientConfig,
    IterateConfig,
    MemoryConfig,
    PolicyConfig,
    Preset,
    VisionConfig,
)
from wmlib.presets import ITERATE_PRESETS, POLICIES, TASKS, get_preset, get_task
from wmlib.runs import UserError


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
class PolicyGradient(Common):
    """Train C by policy gradient instead of evolving it: car in the game, Doom in the dream."""

    policy: Annotated[PolicyConfig, tyro.conf.arg(name="")] = dataclasses.field(default=None)  # type: ignore[assignment]
    output: str = "policy"
    """folder inside the run folder; evaluate it with --controller"""


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
    """The iterative procedure on the pendulum (--task pendulum): play, learn M, then C in M."""

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


# ---------------------------------------------------------------- parsing

COMMANDS: dict[str, type] = {
    "collect": Collect,
    "train-vision": TrainVision,
    "train-memory": TrainMemory,
    "evolve": Evolve,
    "policy-gradient": PolicyGradient,
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
    lines += [f"  {name:15} {(kind.__doc__ or '').strip()}" for name, kind in COMMANDS.items()]
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
    if kind is PolicyGradient:
        defaults["policy"] = POLICIES[common.task]
    if "stages" in fields:
        defaults["stages"] = preset
    default = kind(task=common.task, preset=common.preset, **defaults)
    return tyro.cli(kind, args=args, default=default, prog=program)


def _dispatch(flags: Any) -> None:
    if isinstance(flags, Report):
        from wmlib.report import write_report

        return write_report(flags.results, flags.readme)
    task = get_task(flags.task)
    if not 0 <= flags.seed < 2**31:
        raise UserError(f"--seed {flags.seed}: choose 0 to {2**31 - 1:,}")
    runs.pick_device(flags.device)  # before any work
    actions = {
        Collect: lambda: commands.collect(flags, task, flags.collect),
        TrainVision: lambda: commands.train_vision(flags, task, flags.vision),
        TrainMemory: lambda: commands.train_memory(flags, task, flags.memory),
        Evolve: lambda: commands.evolve(flags, task, flags.evolve, flags.output),
        PolicyGradient: lambda: commands.policy_gradient(flags, task, flags.policy, flags.output),
        Evaluate: lambda: commands.evaluate(
            flags, task, flags.evaluate, flags.weights, flags.controller
        ),
        Run: lambda: commands.run_all(flags, task, flags.stages),
        Iterate: lambda: commands.iterate(flags, flags.iterate),
        DreamGradient: lambda: commands.dream_gradient(flags, flags.gradient),
        Play: lambda: commands.play(flags, task, flags.weights, flags.output, flags.steps),
    }
    return actions[type(flags)]()


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
    except BrokenPipeError:
        sys.stderr.close()  # the reader of a pipe (`| head`) has seen enough
        return 0
    except OSError as error:
        print(f"error: {error}; what was finished is kept, run the command again", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped: what was finished is kept; the same command goes on", file=sys.stderr)
        return 130
    return 0
