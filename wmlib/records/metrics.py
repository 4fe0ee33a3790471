"""Append-only logs: one JSON object a line, each line whole before the next begins."""

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from wmlib.errors import UserError
from wmlib.records.files import write_bytes

Row = dict[str, Any]


def read_rows(path: Path, valid: Callable[[Row], bool], remedy: str) -> list[Row]:
    """All whole rows of a log; a torn last line (a crash while writing) is left out.

    A damaged row elsewhere is a UserError that ends in `remedy`: what follows it must not be lost
    in silence.
    """
    if not path.exists():
        return []
    *lines, _ = path.read_bytes().split(b"\n")  # what has no end was being written
    rows = []
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
            if not (isinstance(row, dict) and valid(row)):
                raise ValueError("not a row of this log")
        except ValueError:
            raise UserError(f"{path}: line {number} of {len(lines)} is damaged: {remedy}") from None
        rows.append(row)
    return rows


def add_row(path: Path, row: Row) -> None:
    """Add one row at the end of a log."""
    with open(path, "a") as file:
        file.write(json.dumps(row) + "\n")


def drop_torn_row(path: Path) -> None:
    """Cut off a last line that has no end: the next row would be glued to it."""
    with open(path, "ab+") as file:
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)


_events = False


def write_events(wanted: bool) -> None:
    """From now on what is logged becomes TensorBoard events, too, beside the log; or not."""
    global _events
    if wanted and importlib.util.find_spec("tensorboard") is None:
        raise UserError("--tensorboard needs TensorBoard: pip install 'wmlib[tensorboard]'")
    _events = wanted


class Metrics:
    """Numbers of a training, one row for each moment that is logged.

    `resume_at(key, value)` drops the rows written after the checkpoint that training goes on
    from, so that an interrupted and an uninterrupted run leave the same file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._events: Any = None

    def append(self, **row: Any) -> None:
        """Add one row."""
        try:
            add_row(self.path, row)
        except OSError as error:
            raise UserError(f"cannot write {self.path}: {error.strerror}") from error
        if _events and (step := row.get("update", row.get("generation"))) is not None:
            self._add_events(row, step)

    def _add_events(self, row: Row, step: int) -> None:
        if self._events is None:
            from torch.utils.tensorboard import SummaryWriter

            self._events = SummaryWriter(str(self.path.parent), purge_step=step)
        for name, value in row.items():
            mean = sum(value) / len(value) if isinstance(value, list) else value
            self._events.add_scalar(name, mean, step)
        self._events.flush()

    def read(self) -> list[Row]:
        """All whole rows."""
        remedy = "mend it, or cut the file off there to go on from that point"
        return read_rows(self.path, lambda row: True, remedy)

    def resume_at(self, key: str, value: int) -> None:
        """Keep only the rows whose `key` is at most `value`."""
        rows = self.read()
        if not all(isinstance(row.get(key), int) for row in rows):
            raise UserError(f"{self.path}: a row has no whole '{key}': mend it, or delete the file")
        rows = [row for row in rows if row[key] <= value]
        write_bytes(self.path, "".join(json.dumps(row) + "\n" for row in rows).encode())
