"""The code of a chapter's own cells, so that tests can run it."""

from pathlib import Path
from typing import Any

import jupytext

CHAPTERS = Path(__file__).resolve().parents[1] / "chapters"


def code_of(chapter: str, *beginnings: str) -> list[str]:
    """The cells of a chapter that begin so, in this order, each found exactly once."""
    cells = jupytext.read(CHAPTERS / f"{chapter}.md").cells
    sources = [cell["source"] for cell in cells if cell["cell_type"] == "code"]
    found = []
    for beginning in beginnings:
        (source,) = [source for source in sources if source.startswith(beginning)]
        found.append(source)
    return found


def names_of(chapter: str, *beginnings: str, **names: Any) -> dict[str, Any]:
    """What these cells of a chapter define when they run after each other, beside `names`."""
    for source in code_of(chapter, *beginnings):
        exec(compile(source, chapter, "exec"), names)
    return names
