"""The run that a command means when it is told none."""

import dataclasses
from pathlib import Path

from wmlib.cli.commands import Common
from wmlib.errors import UserError
from wmlib.tasks import get_task

RUNS = Path("runs")


def find_run(common: Common, preset_given: bool) -> tuple[Common, str]:
    """`common` with the run that exists, where runs/TASK-PRESET does not and just one other does;
    and a remark about it.

    Its preset is then the one that the folder is named after, unless one was given. UserError where
    there are several.
    """
    if common.run.path.is_dir():
        return common, ""
    task = get_task(common.task).name
    found = sorted(path for path in RUNS.glob(f"{task}-*") if path.is_dir())
    if not found:
        return common, ""  # the command itself says what is missing
    if len(found) > 1:
        names = ", ".join(str(path) for path in found)
        raise UserError(f"there is no {common.run.path}: choose with --run-dir one of {names}")
    (only,) = found
    named = only.name.removeprefix(f"{task}-")
    preset = common.preset
    if not preset_given and named in ("tiny", "small", "paper"):
        preset = named
    remark = f"there is no {common.run.path}: using {only}, and preset {preset}"
    return dataclasses.replace(common, run_dir=only, preset=preset), remark
