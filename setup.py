"""Copies results/ into what is built, as wmlib/published; pyproject.toml says everything else.

A checkout has no such copy (wmlib.book.paper.published_folder): a link would not survive Windows.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

RESULTS = Path("results")


class BuildWithResults(build_py):
    """The package's files, and the published runs beside them (JSON and metrics, no figures)."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        for path in sorted(RESULTS.rglob("*.json*")):
            target = Path(self.build_lib, "wmlib", "published", path.relative_to(RESULTS))
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)


setup(cmdclass={"build_py": BuildWithResults})
