"""`python -m wmlib COMMAND`: the stages of a run from the command line.

Every field of a stage's dataclass in `wmlib.configs` is a flag of its command; the preset gives
the defaults. A stage reads what the one before left in --run-dir, and goes on where it stopped.
"""

import dataclasses
import sys
from typing import Any

import tyro

from wmlib import commands, runs
from wmlib.commands import Common, DreamGradient, Iterate, PolicyGradient, Report
from wmlib.configs import GradientConfig, PolicyConfig, Preset
from wmlib.presets import ITERATE_PRESETS, POLICIES, TASKS, get_preset, get_task
from wmlib.runs import UserError

COMMANDS: dict[str, type] = {
    "collect": commands.Collect,
    "train-vision": commands.TrainVision,
    "train-memory": commands.TrainMemory,
    "evolve": commands.Evolve,
    "policy-gradient": PolicyGradient,
    "evaluate": commands.Evaluate,
    "run": commands.Run,
    "iterate": Iterate,
    "dream-gradient": DreamGradient,
    "play": commands.Play,
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
    default = kind(
        task=common.task,
        preset=common.preset,
        **_stage_defaults(kind, common.task, common.preset),
    )
    return tyro.cli(kind, args=args, default=default, prog=program)


def _stage_defaults(kind: type, task: str, preset: str) -> dict[str, Any]:
    """What the preset says of the stages that a command has flags for."""
    if kind in (Iterate, DreamGradient):
        if preset not in ITERATE_PRESETS:
            raise UserError(f"no preset '{preset}': choose one of {', '.join(ITERATE_PRESETS)}")
        known: dict[str, Any] = {"iterate": ITERATE_PRESETS[preset], "gradient": GradientConfig()}
    else:
        stages = get_preset(task, preset)
        known = {f.name: getattr(stages, f.name) for f in dataclasses.fields(Preset)}
        known |= {"stages": stages, "policy": POLICIES.get(task, PolicyConfig())}
    return {f.name: known[f.name] for f in dataclasses.fields(kind) if f.name in known}


def _dispatch(flags: Any) -> None:
    if isinstance(flags, Report):
        return flags.act()
    task = get_task(flags.task)
    if not 0 <= flags.seed < 2**31:
        raise UserError(f"--seed {flags.seed}: choose 0 to {2**31 - 1:,}")
    runs.pick_device(flags.device)  # before any work
    return flags.act(task)


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
