"""Flags to a command's dataclass; a mistake is one line that names the nearest flag.

tyro does the parsing and draws a box around a mistake; here its words become a UserError.
"""

import contextlib
import dataclasses
import difflib
import io
import itertools
import re
import sys
from pathlib import Path
from typing import Any, get_args, get_type_hints

import tyro
import tyro.extras

from wmlib import presets
from wmlib.cli.commands import Common
from wmlib.cli.finding import find_run
from wmlib.configs import DreamWorld, RealWorld
from wmlib.errors import UserError
from wmlib.records.progress import tell
from wmlib.tasks import TASKS, Task, get_task

SCRIPT = Path(sys.argv[0]).name == "wmlib"
PROGRAM = "wmlib" if SCRIPT else "python -m wmlib"
_WORLDS = {"dream": DreamWorld, "real": RealWorld}


def parse(name: str, kind: type, args: list[str]) -> Any:
    """Parse twice: task and preset first, for they decide the defaults of everything else."""
    if not issubclass(kind, Common):
        return _cli(name, kind, args)
    args = _one_world(args)
    first = [a for a in args if a not in ("-h", "--help")]
    for_help = first != args
    if not _given(first, "--task"):
        if not for_help:
            raise UserError(f"{name} needs --task: choose one of {', '.join(TASKS)}")
        first += ["--task", next(iter(TASKS))]  # help without a task shows the first one's numbers
    common, _ = _told(name, Common, first, return_unknown_args=True)
    task, remark = get_task(common.task), ""
    if not (for_help or kind.makes_run or common.run_dir or _given(first, "--weights")):
        common, remark = find_run(common, _given(first, "--preset"))
    stages = _stage_defaults(kind, common.task, common.preset)
    stages = {k: _in_world(v, task, first, k) for k, v in stages.items()}
    named = common.task if _given(args, "--task") else tyro.MISSING
    found = {"task": named, "preset": common.preset, "run_dir": common.run_dir}
    flags = _cli(name, kind, args, default=kind(**found, **stages))
    if remark:
        tell(remark)
    return flags


def print_completion(commands: dict[str, Any], args: list[str]) -> None:
    """Print, or write, what a shell needs to complete commands and flags (tyro's own)."""
    tyro.extras.subcommand_cli_from_dict(commands, prog="wmlib", args=args)


def _cli(name: str, kind: type, args: list[str], **settings: Any) -> Any:
    """What `args` mean; UserError for a flag that there is not."""
    try:
        flags, unknown = _told(name, kind, args, return_unknown_args=True, **settings)
    except UserError:  # a flag that there is not may have swallowed what is missed
        page = _help(kind, settings)
        words = [a.partition("=")[0] for a in args if a.startswith("--")]
        unknown = [word for word in words if word not in re.findall(r"--[a-z][\w.-]*", page)]
        if not unknown:
            raise
    if unknown:
        raise UserError(_unknown(name, kind, unknown[0].partition("=")[0], settings))
    return flags


def _help(kind: type, settings: dict[str, Any]) -> str:
    """The help of a command."""
    page = io.StringIO()
    with contextlib.redirect_stdout(page), contextlib.suppress(SystemExit):
        tyro.cli(kind, args=["--help"], **settings)
    return page.getvalue()


def _unknown(name: str, kind: type, word: str, settings: dict[str, Any]) -> str:
    if not word.startswith("-"):
        return f"{name}: '{word}' belongs to no flag; {PROGRAM} {name} --help lists them"
    for world, its in _WORLDS.items():
        if word in {f"--{f.name.replace('_', '-')}" for f in dataclasses.fields(its)}:
            prefix = "evolve." if name == "run" else ""
            flags = f"--{prefix}{word.removeprefix('--')} belongs to --{prefix}world {world}"
            return f"{name}: {flags}, which is not the one chosen"
    known = re.findall(r"^\W*(?:-\w, )?(--[a-z][\w.-]*)", _help(kind, settings), re.MULTILINE)
    ends = {f"--{flag.removeprefix('--').rpartition('.')[2]}": flag for flag in reversed(known)}
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.75)
    near = near or [ends[end] for end in difflib.get_close_matches(word, ends, n=1, cutoff=0.5)]
    hint = f"the nearest is {near[0]}" if near else f"{PROGRAM} {name} --help lists them"
    return f"{name} has no flag {word}; {hint}"


def _told(name: str, kind: type, args: list[str], **settings: Any) -> Any:
    """tyro.cli, whose box becomes one line."""
    box = io.StringIO()
    try:
        with contextlib.redirect_stderr(box):
            return tyro.cli(kind, args=args, prog=f"{PROGRAM} {name}", **settings)
    except SystemExit as stop:
        if not stop.code:
            raise
    inside = [line.strip("│ ") for line in box.getvalue().splitlines()[1:]]
    told = itertools.takewhile(lambda line: not line.startswith("──"), inside)
    raise UserError(f"{name}: {' '.join(' '.join(told).split())}")


def _given(args: list[str], flag: str) -> bool:
    return any(a == flag or a.startswith(flag + "=") for a in args)


def _stage_defaults(kind: type, task: str, preset: str) -> dict[str, Any]:
    """What the preset says of the stages that a command has flags for."""
    wanted = {f.name for f in dataclasses.fields(kind)} & set(presets.GROUPS)
    return {name: presets.get_settings(task, preset, name) for name in wanted}


def _in_world(settings: Any, task: Task, args: list[str], prefix: str) -> Any:
    """Settings in the world that --world names (`run`: --evolve.world), where it is another kind.

    Its flags depend on it, so it must be known before they are parsed.
    """
    if isinstance(settings, presets.Preset):
        return dataclasses.replace(
            settings, evolve=_in_world(settings.evolve, task, args, "evolve.")
        )
    flag = f"--{prefix}world" if prefix.endswith(".") else "--world"
    word = next((a for a in _values(args, flag)), None)
    now = getattr(settings, "world", None)
    if word not in _WORLDS or now is None or now.kind == word:
        return settings
    if _WORLDS[word] not in get_args(get_type_hints(type(settings))["world"]):
        raise UserError(f"{flag} {word}: C learns in the {now.kind} alone here")
    world = _WORLDS[word](max_episode_steps=now.max_episode_steps)
    return dataclasses.replace(settings, world=world)


def _one_world(args: list[str]) -> list[str]:
    """The same without a --world (--evolve.world) that is given again later: the last counts, as
    of any flag, but the parser knows the choices of one world alone."""
    flags = [a.partition("=")[0] for a in args]
    worlds = [i for i, f in enumerate(flags) if re.fullmatch(r"--(\w+\.)?world", f)]
    past = [i for i in worlds if flags[i] in flags[i + 1 :]]
    dropped = {*past, *(i + 1 for i in past if args[i] == flags[i])}
    return [a for i, a in enumerate(args) if i not in dropped]


def _values(args: list[str], flag: str) -> list[str]:
    """What follows `flag`, as `--flag value` or `--flag=value`."""
    pairs = [b for a, b in itertools.pairwise(args) if a == flag]
    return pairs + [a.partition("=")[2] for a in args if a.startswith(flag + "=")]
