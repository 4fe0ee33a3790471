"""Speeds are measured on a quiet machine only: who else computed while we measured?

machine = QuietMachine()              # ends the program if others are at work
...                                   # measure
write_json(path, {..., "others": machine.others()})      # ends it if they were meanwhile
"""

import os
import time
from pathlib import Path

LIMIT = 0.05
"""Share of all cores' time that other processes may take."""
LOOK = 2.0
"""Seconds for which one looks before measuring."""


def busy_seconds() -> float | None:
    """Core seconds since the start that this machine was at work; None if it does not tell."""
    path = Path("/proc/stat")
    if not path.exists():  # not Linux
        return None
    ticks = [int(word) for word in path.read_text().split("\n", 1)[0].split()[1:9]]
    idle, waiting = ticks[3:5]  # what a host took from us (steal) is work, too
    return (sum(ticks) - idle - waiting) / os.sysconf("SC_CLK_TCK")


def own_seconds() -> float:
    """Core seconds of this process and of those of its children that have ended."""
    return sum(os.times()[:4])


class QuietMachine:
    """Watches, from its making on, how much of the machine's time goes to other processes."""

    def __init__(self, limit: float = LIMIT) -> None:
        self.limit = limit
        self._mark()
        time.sleep(LOOK)
        self.others()
        self._mark()

    def _mark(self) -> None:
        self._start = time.monotonic(), busy_seconds(), own_seconds()

    def others(self) -> float:
        """The share of all cores' time that others took; SystemExit if it is above the limit."""
        start, busy, own = self._start
        now, cores = busy_seconds(), os.cpu_count() or 1
        if busy is None or now is None:
            share = max(0.0, os.getloadavg()[0] - 1) / cores  # of the last minute, less ourselves
        else:
            taken = (now - busy) - (own_seconds() - own)
            share = max(0.0, taken) / (cores * (time.monotonic() - start))
        if share > self.limit:
            raise SystemExit(
                f"error: other processes take {share:.0%} of this machine, and a speed measured "
                f"beside them is not written: run this again when it is below {self.limit:.0%}"
            )
        return round(share, 4)
