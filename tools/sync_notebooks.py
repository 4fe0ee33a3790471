"""Bring the generated parts of the book up to date: `make sync`, or one page: `… 04_vision`.

For each chapters/*.md: write the set-up cell (with the repository's address from _config.yml) and
the flashcards (from flashcards.yml) into the page, then the notebook beside it that Colab opens.
Running it twice changes nothing; a test runs it and compares.
"""

import re
import sys
from pathlib import Path

import jupytext
import nbformat
import yaml
from colab_markdown import plain

ROOT = Path(__file__).resolve().parents[1]
SETUP = re.compile(
    r"```\{code-cell\} ipython3\n:tags: \[skip-execution, hide-input\]\n.*?\n```\n", re.S
)
PROMPT = ":mystnb: {code_prompt_show: For Colab, code_prompt_hide: For Colab}"
CARDS = re.compile(r"<!-- flashcards: (begin|all) -->\n.*?<!-- flashcards: end -->\n", re.S)


def repository() -> str:
    """The repository's address, which stands in _config.yml alone."""
    return yaml.safe_load((ROOT / "_config.yml").read_text())["repository"]["url"]


def setup_cell() -> str:
    """The set-up cell as it stands on every page, in MyST."""
    found = re.search(r'__version__ = "(.+)"', (ROOT / "wmlib/__init__.py").read_text())
    assert found, "wmlib/__init__.py has no __version__"
    code = (ROOT / "tools/setup_cell.py").read_text()
    code = code.replace("{url}", repository()).replace("{version}", found[1])
    return (
        f"```{{code-cell}} ipython3\n:tags: [skip-execution, hide-input]\n{PROMPT}\n\n"
        f"{code.rstrip()}\n```\n"
    )


def load_cards() -> list[dict[str, str]]:
    """The flashcards in the order of the file; each has id, chapter, question and answer."""
    return yaml.safe_load((ROOT / "flashcards.yml").read_text(encoding="utf-8"))


def folded_cards(cards: list[dict[str, str]]) -> str:
    """Questions as folded blocks of plain HTML and Markdown, which Colab shows as well."""
    return "".join(
        f'<details class="wm-card" data-card="{card["id"]}">'
        f"<summary>{card['question'].strip()}</summary>\n\n"
        f"{card['answer'].strip()}\n\n</details>\n\n"
        for card in cards
    )


def page_cards(page: str, scope: str) -> str:
    """The block between the markers of `page`: its own cards, or all under chapter headings."""
    if scope == "begin":
        body = folded_cards([card for card in load_cards() if card["chapter"] == page])
    else:
        body = ""
        for chapter in dict.fromkeys(card["chapter"] for card in load_cards()):
            text = (ROOT / "chapters" / f"{chapter}.md").read_text(encoding="utf-8")
            title = re.search(r"^# (.+)$", text, re.M)
            assert title, f"chapters/{chapter}.md has no title"
            body += f"## {title[1]}\n\n"
            body += folded_cards([card for card in load_cards() if card["chapter"] == chapter])
    # cards.js puts its bar into this place, whose height the style sheet keeps free for it.
    bar = '<div class="wm-cards-place"></div>\n\n' if body else ""
    return f"<!-- flashcards: {scope} -->\n\n{bar}{body}<!-- flashcards: end -->\n"


def synced_page(path: Path) -> str:
    """The Markdown of a page with its generated parts fresh."""
    text = path.read_text(encoding="utf-8")
    text, found = SETUP.subn(lambda _: setup_cell(), text, count=1)
    if not found:
        raise SystemExit(f"{path.name}: no set-up cell (see tools/CHAPTER_TEMPLATE.md)")
    return CARDS.sub(lambda match: page_cards(path.stem, match[1]), text)


def notebook(path: Path, text: str) -> str:
    """The output-free notebook of a page, as JSON; cell ids count up, so they never jump."""
    book = jupytext.reads(text, fmt="md:myst")
    book.metadata = {"kernelspec": book.metadata["kernelspec"]}
    for number, cell in enumerate(book.cells):
        cell["id"] = f"{path.stem[:40]}-{number:03d}"
        if cell["cell_type"] == "markdown":
            cell["source"] = plain(cell["source"], repository())
    nbformat.validate(book)
    return nbformat.writes(book) + "\n"


def generated(path: Path) -> dict[Path, str]:
    """File -> content of everything that belongs to one page."""
    text = synced_page(path)
    return {path: text, path.with_suffix(".ipynb"): notebook(path, text)}


def main(names: list[str]) -> None:
    """Rewrite what is out of date in the named pages (default: all) and say so."""
    for path in sorted((ROOT / "chapters").glob("*.md")):
        if names and path.stem not in names:
            continue
        for target, content in generated(path).items():
            if not target.exists() or target.read_text(encoding="utf-8") != content:
                target.write_text(content, encoding="utf-8")
                print(f"updated {target.relative_to(ROOT)}")


if __name__ == "__main__":
    main(sys.argv[1:])
