"""`python -m wmlib COMMAND`: the stages of a run from the command line.

Every field of a stage's dataclass in `wmlib.configs` is a flag of its command; the preset gives
the defaults. A stage reads what the one before left in --run-dir, and goes on where it stopped.
"""

import io
import signal
import sys
import threading
from typing import Any

import wmlib
from wmlib.cli import commands, pages
from wmlib.cli.commands import Common, Trains
from wmlib.cli.parsing import PROGRAM, parse, print_completion
from wmlib.device import pick_device
from wmlib.errors import NothingKept, UserError, needing
from wmlib.records import metrics, progress
from wmlib.tasks import TASKS, get_task

COMMANDS: dict[str, type] = {
    "collect": commands.Collect,
    "train-vision": commands.TrainVision,
    "train-memory": commands.TrainMemory,
    "evolve": commands.Evolve,
    "policy-gradient": commands.PolicyGradient,
    "evaluate": commands.Evaluate,
    "run": commands.Run,
    "iterate": commands.Iterate,
    "dream-gradient": commands.DreamGradient,
    "play": commands.Play,
    "show": pages.Show,
    "report": pages.Report,
}


def _usage() -> str:
    lines = [
        f"usage: {PROGRAM} COMMAND [--task TASK] [--preset PRESET] [--help]",
        "",
        "commands:",
    ]
    told = {name: (kind.__doc__ or "").strip().splitlines() for name, kind in COMMANDS.items()}
    lines += [f"  {name:15} {first}" for name, (first, *_) in told.items()]
    return "\n".join([*lines, "", f"tasks: {', '.join(TASKS)}; presets: tiny, small, paper"])


def _dispatch(flags: Any) -> None:
    if not isinstance(flags, Common):
        return flags.act()
    task = get_task(flags.task)
    if not 0 <= flags.seed < 2**31:
        raise UserError(f"--seed {flags.seed}: choose 0 to {2**31 - 1:,}")
    pick_device(flags.device)  # before any work
    metrics.write_events(isinstance(flags, Trains) and flags.tensorboard)
    return flags.act(task)


def _stop_on_signals() -> None:
    """SIGTERM, and a terminal that closes, stop a command as Ctrl-C does: what is made is kept.

    A second one ends it at once: Python may lose an exception that comes in a callback of its own.
    """

    def stop(number: int, _: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        return  # only a main thread may ask for signals
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number and signal.getsignal(number) == signal.SIG_DFL:  # nohup chose to ignore it
            signal.signal(number, stop)


def _spell_any_letter() -> None:
    """A terminal that lacks a letter shows another one for it: no text may die of its letters."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _what_died(error: Exception) -> str | None:
    """In one line, what ended underneath a command that is not at fault; None of other errors."""
    from concurrent.futures.process import BrokenProcessPool

    from wmlib.envs.pool import GameDied, WorkerError

    text = " ".join(str(error).split())
    # torch has a class of its own for a GPU's memory, and none for the machine's.
    memory = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    if memory or "can't allocate memory" in text:
        return f"not enough memory for these settings ({text[:160]}): choose smaller ones"
    if isinstance(error, BrokenProcessPool):
        return "a worker process died, perhaps for lack of memory; the same command goes on"
    if isinstance(error, WorkerError | GameDied):
        return f"{text}; the same command goes on"
    return None


def main(args: list[str] | None = None) -> int:
    """Run one command; 0 on success, 2 for what the user can mend, 130 when stopped."""
    args = sys.argv[1:] if args is None else args
    _stop_on_signals()
    _spell_any_letter()
    if not args or args[0] in ("-h", "--help"):
        print(_usage())
        return 0
    if args[0] == "--version":
        print(f"wmlib {wmlib.__version__}")
        return 0
    if args[0].startswith("--tyro-"):
        print_completion(COMMANDS, args)
        return 0
    name = args[0]
    progress.be_quiet("--quiet" in args)
    try:
        if name not in COMMANDS:
            raise UserError(f"no command '{name}': choose one of {', '.join(COMMANDS)}")
        with needing(f"python -m wmlib {name}"):
            _dispatch(parse(name, COMMANDS[name], args[1:]))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        sys.stderr.close()  # the reader of a pipe (`| head`) has seen enough
        return 0
    except OSError as error:
        print(f"error: {error}; what was finished is kept, run the command again", file=sys.stderr)
        return 2
    except (RuntimeError, MemoryError) as error:
        died = _what_died(error)
        if died is None:
            raise
        print(f"error: {died}", file=sys.stderr)
        return 2
    except NothingKept:
        print("stopped: nothing was kept; the same command begins anew", file=sys.stderr)
        return 130
    except KeyboardInterrupt:
        print("stopped: what was finished is kept; the same command goes on", file=sys.stderr)
        return 130
    return 0
