"""Bring the generated parts of the book up to date: `make sync`, or one page: `… 04_vision`.

For each chapters/*.md: write the flashcards (from flashcards.yml) into the page, then the notebook
beside it, with a set-up cell in front. Running it twice changes nothing; a test compares.

The notebooks in the tree know no repository's address, so that they are the same in every fork.
`--publish FOLDER` writes those that Colab opens, which know it, into FOLDER/chapters.
"""

import re
import sys
from pathlib import Path

import address
import jupytext
import nbformat
import yaml
from colab_markdown import plain

ROOT = Path(__file__).resolve().parents[1]
CARDS = re.compile(r"<!-- flashcards: (begin|all) -->\n.*?<!-- flashcards: end -->\n", re.S)
TITLE = re.compile(r"\A(# .+)\n*")


def version() -> str:
    """The package's version, as wmlib/__init__.py has it."""
    found = re.search(r'__version__ = "(.+)"', (ROOT / "wmlib/__init__.py").read_text())
    assert found, "wmlib/__init__.py has no __version__"
    return found[1]


def setup_cell(home: str | None) -> str:
    """The code of the set-up cell, with the address `home` of the repository or without one.

    A repository installs its own release, so that a fork never gets another's code by the name.
    """
    code = (ROOT / "tools/setup_cell.py").read_text(encoding="utf-8").rstrip()
    other = '"wmlib==' if home else r'"\{url\}'
    code = re.sub(rf"^ *{other}.*\n", "", code, flags=re.M)
    advice = (
        f"wmlib {version()} was not found at {home or 'PyPI'}. "
        "Try again later, or upload a clone of the book and pip install it."
    )
    for word, value in {"url": home or "", "version": version(), "advice": advice}.items():
        code = code.replace(f"{{{word}}}", value)
    return code


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
    return CARDS.sub(lambda match: page_cards(path.stem, match[1]), text)


def notebook(path: Path, text: str, home: str | None = None) -> str:
    """The output-free notebook of a page, as JSON; cell ids count up, so they never jump.

    Title, set-up cell, the rest. Colab folds the set-up cell (`cellView`).
    """
    book = jupytext.reads(text, fmt="md:myst")
    book.metadata = {"kernelspec": book.metadata["kernelspec"]}
    first = book.cells[0]
    title = TITLE.match(first["source"])
    if first["cell_type"] != "markdown" or not title:
        raise SystemExit(f"{path.name}: a page begins with its title (tools/CHAPTER_TEMPLATE.md)")
    first["source"] = first["source"][title.end() :]
    setup = nbformat.v4.new_code_cell(setup_cell(home), metadata={"cellView": "form"})
    rest = book.cells if first["source"] else book.cells[1:]
    book.cells = [nbformat.v4.new_markdown_cell(title[1]), setup, *rest]
    for number, cell in enumerate(book.cells):
        cell["id"] = f"{path.stem[:40]}-{number:03d}"
        if cell["cell_type"] == "markdown":
            cell["source"] = plain(cell["source"], home)
    nbformat.validate(book)
    return nbformat.writes(book) + "\n"


def generated(path: Path) -> dict[Path, str]:
    """File -> content of everything in the tree that belongs to one page."""
    text = synced_page(path)
    return {path: text, path.with_suffix(".ipynb"): notebook(path, text)}


def publish(folder: Path) -> None:
    """Write the notebooks that Colab opens, with this repository's address, into `folder`."""
    home = address.repository()
    if home is None:
        raise SystemExit("no repository on GitHub: set GITHUB_REPOSITORY=owner/name, or `origin`")
    (folder / "chapters").mkdir(parents=True, exist_ok=True)
    for path in sorted((ROOT / "chapters").glob("*.md")):
        target = folder / "chapters" / f"{path.stem}.ipynb"
        target.write_text(notebook(path, synced_page(path), home), encoding="utf-8")
    print(f"wrote {len(list((folder / 'chapters').glob('*.ipynb')))} notebooks to {folder}")


def main(names: list[str]) -> None:
    """Rewrite what is out of date in the named pages (default: all) and say so."""
    if names[:1] == ["--publish"]:
        return publish(Path(names[1]))
    for path in sorted((ROOT / "chapters").glob("*.md")):
        if names and path.stem not in names:
            continue
        for target, content in generated(path).items():
            if not target.exists() or target.read_text(encoding="utf-8") != content:
                target.write_text(content, encoding="utf-8")
                print(f"updated {target.relative_to(ROOT)}")


if __name__ == "__main__":
    main(sys.argv[1:])
