"""How long work tells what it does: bars that end when they say, and in a log file a line a while.

Every bar of the package is a `Bar`. Its estimate counts from the first step of the work (not from
the compiling before it) and from the mean speed since.
"""

import sys
import time
from typing import Any

from tqdm import tqdm

EVERY = 30.0
"""seconds between two lines where nobody watches (a log file)"""
_LINE = "{desc}: {n_fmt}/{total_fmt}{unit}, {elapsed} gone, {remaining} to go{postfix}"
_quiet = False


def be_quiet(quiet: bool) -> None:
    """From now on `tell` says nothing and bars stay hidden, or not."""
    global _quiet
    _quiet = quiet


def tell(text: str) -> None:
    """A line about what happens, for those who wait (results and errors are printed)."""
    if not _quiet:
        tqdm.write(text, file=sys.stderr)


class _Lines:
    """A file for tqdm: of what it writes over and over, a line every EVERY seconds and the last."""

    def __init__(self) -> None:
        self._last, self._due, self._told = "", time.monotonic() + EVERY, 0.0

    def write(self, text: str) -> None:
        self._last = text.strip("\r\n ") or self._last
        now = time.monotonic()
        ends = text == "\n" and now > self._told + 1
        if (ends or now >= self._due) and self._last:
            print(self._last, file=sys.stderr, flush=True)
            self._last, self._due, self._told = "", now + EVERY, now

    def flush(self) -> None:
        pass


class Bar(tqdm):
    """A progress bar on the terminal; in a log file a line a while; with `be_quiet` nothing."""

    def __init__(self, iterable: Any = None, *, disable: bool = False, **settings: Any) -> None:
        settings = {"smoothing": 0, **settings}
        settings["unit"] = f" {settings.get('unit', 'step')}s"
        if not sys.stderr.isatty():
            settings |= {"file": _Lines(), "bar_format": _LINE, "mininterval": 1.0}
        self._begun = False
        super().__init__(iterable, disable=disable or _quiet, **settings)

    def update(self, n: float | None = 1) -> bool | None:
        """Count n more; the clock starts at the first that are counted."""
        shown = super().update(n)
        if not (self._begun or self.disable):
            self._begun, self.initial = True, self.n
            self.start_t = self.last_print_t = self._time()
        return shown


class EpisodeBar(Bar):
    """A bar over episodes whose steps are counted, so that it moves, and knows, before one ends.

    They end after at most `cap` steps each; how many it will be is estimated from those that have.
    """

    def __init__(
        self, desc: str, episodes: int, cap: int, ended: int = 0, steps: int = 0, **settings: Any
    ) -> None:
        self.episodes, self.cap, self.ended = episodes, cap, ended
        mean = steps / ended if ended else cap
        settings |= {"total": round(episodes * mean), "initial": steps, "desc": desc}
        super().__init__(unit="step", unit_scale=True, **settings)

    def finish(self, episodes: int = 1) -> None:
        """So many more have ended."""
        self.ended += episodes
        if not self.ended:
            return
        mean = min(self.cap, self.n / self.ended)  # those under way are counted in: no short bias
        self.total = max(round(self.episodes * mean), self.n)
        if self.ended >= self.episodes:
            self.total = self.n
