"""Commands that need no task: what they read tells it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from wmlib.errors import UserError
from wmlib.records.progress import tell


@dataclass(kw_only=True)
class Show:
    """Write one HTML page about a run, finished or under way: curves, pictures, dreams, scores."""

    run: tyro.conf.Positional[Path]
    """the run folder, a round of `iterate`, or the folder of a whole iteration"""
    output: Path | None = None
    """the page; default RUN/show.html"""
    watch: int = 0
    """write it again every so many seconds, until Ctrl-C; the page reloads itself (0: once)"""
    quiet: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """say nothing"""

    def act(self) -> None:
        """Needs no task: the run's manifests tell it."""
        from wmlib.book.run_page import watch_run, write_page

        page = self.output or self.run / "show.html"
        if self.watch < 0:
            raise UserError(f"--watch {self.watch}: seconds between two pages, or 0 for one page")
        write_page(self.run, page, self.watch)
        tell(f"{page}: open it in a browser")
        if self.watch:
            watch_run(self.run, page, self.watch)


@dataclass(kw_only=True)
class Report:
    """Draw every table and figure from the published runs."""

    results: Path = Path("results")
    """folder of the published runs"""
    readme: Path = Path("README.md")
    """its results table is replaced between two markers"""

    def act(self) -> None:
        """Needs no task: all of them are reported."""
        from wmlib.book.write_report import write_report

        write_report(self.results, self.readme)
