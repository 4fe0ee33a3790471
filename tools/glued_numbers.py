"""The numbers in the prose, as the notebooks show them: `python tools/glued_numbers.py BUILT`.

In the built book glue puts stored numbers into the sentences. Notebooks have no glue: `make sync`
writes them in, from bookassets/numbers.json (page -> key -> value), which this makes from the
executed pages of a built book. tools/build_page.py does it for its page; a test compares them.
"""

import ast
import json
import re
import sys
from functools import cache
from pathlib import Path
from typing import Any

from book_pages import well_set

ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT / "bookassets/numbers.json"
GLUED = re.compile(r"\{glue:text\}`([\w-]+)(?::([^`]*))?`")


def used(page: str) -> list[str]:
    """The keys that the prose of a page has."""
    text = (ROOT / "chapters" / f"{page}.md").read_text(encoding="utf-8")
    return sorted({found[1] for found in GLUED.finditer(text)})


def of_build(built: Path) -> dict[str, dict[str, Any]]:
    """What a built book (the folder with jupyter_execute in it) has glued into its pages."""
    found = {}
    for file in sorted(built.glob("jupyter_execute/chapters/*.glue.json")):
        page = file.name.removesuffix(".glue.json")
        records = json.loads(file.read_text(encoding="utf-8"))
        keys = [key for key in used(page) if key in records]
        found[page] = {key: _value(records[key]["data"]["text/plain"]) for key in keys}
    return found


def _value(text: str) -> float | int | str:
    """What glue has kept, a float to seven digits: the last ones differ between machines."""
    value: float | int | str = ast.literal_eval(text)
    return float(f"{value:.7g}") if isinstance(value, float) else value


@cache
def stored() -> dict[str, Any]:
    """Key -> value of all pages."""
    pages = json.loads(FILE.read_text(encoding="utf-8"))
    return {key: value for numbers in pages.values() for key, value in numbers.items()}


def put_in(line: str) -> str:
    """A line of prose with its numbers, set as on the page; ⟨key⟩ where none is stored yet."""

    def shown(found: re.Match[str]) -> str:
        value = stored().get(found[1])
        return f"⟨{found[1]}⟩" if value is None else well_set(format(value, found[2] or ""))

    return GLUED.sub(shown, line)


def keep(built: Path) -> None:
    """Bring bookassets/numbers.json up to date with the pages of a built book."""
    pages = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    pages |= of_build(built)
    there = {path.stem for path in (ROOT / "chapters").glob("*.md")}
    pages = {page: pages[page] for page in there & set(pages)}
    for page, numbers in pages.items():  # what the prose has no longer goes
        pages[page] = {key: numbers[key] for key in used(page) if key in numbers}
    pages = {page: numbers for page, numbers in pages.items() if numbers}
    text = json.dumps(pages, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    FILE.write_text(text, encoding="utf-8")
    stored.cache_clear()


if __name__ == "__main__":
    keep(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "_build")
