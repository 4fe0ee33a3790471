"""The book is edited: pages of a length that is read, and sentences that a person wrote."""

import ast
import builtins
import re
from pathlib import Path

import pytest
from chromium import needs_chromium
from measure_pages import main_text, screens, words

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "chapters").glob("*.md"))
CHAPTERS = [page.stem for page in PAGES if re.match(r"\d\d_", page.stem)]
SHORT = [page.stem for page in PAGES if re.match(r"[A-DF-Z]_|interlude", page.stem)]  # E is a list
CELL = re.compile(r"^```\{code-cell\} ipython3\n((?:^:[^\n]*\n)*)\n?(.*?)^```$", re.M | re.S)
WORDS, SCREENS, SCREENS_OF_AN_APPENDIX = (1500, 2500), 14, 8
CLUMSY = {
    "up to about": r"\bup to about\b",
    "a bound on a bound": r"\bat (?:most|least) (?:about|up to)\b",
    "a doubled word": r"\b(?!(?:that|had|to)\b)([a-z]{2,}) \1\b",
    "a doubled number": r"(?<![\d.,])(\d[\d.,]*\d) \1(?![\d.,])",
    "a number without its name": "⟨",
    "a key of glue": r"KeyError|glue:",
    "a word of a program": r"\b(?:nan|np\.float\d+)\b",
}


def cells(page: Path) -> list[tuple[str, str]]:
    """Options and code of a page's cells."""
    return CELL.findall(page.read_text(encoding="utf-8"))


def is_prose(text: str) -> bool:
    """Six words in a row, and no table."""
    return len(re.findall(r"[A-Za-z']{2,}", text)) >= 6 and "|" not in text


def pieces(node: ast.AST) -> list[str]:
    """The literal strings below a node."""
    below = ast.walk(node)
    return [n.value for n in below if isinstance(n, ast.Constant) and isinstance(n.value, str)]


def written_by_a_program(code: str) -> list[str]:
    """Paragraphs that a cell displays, and sentences that an `if` chooses."""
    found = []
    for node in ast.walk(ast.parse(code)):
        name = getattr(getattr(node, "func", None), "id", "")
        if isinstance(node, ast.Call) and name == "Markdown" and "table(" not in ast.unparse(node):
            found += [text for text in pieces(node) if is_prose(text)]
        if isinstance(node, ast.IfExp):
            branches = pieces(node.body) + pieces(node.orelse)
            found += [text for text in branches if is_prose(text)]
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_no_cell_writes_sentences(page):
    wrong = [text for _, code in cells(page) for text in written_by_a_program(code)]
    assert wrong == []


def unknown_names(codes: list[str]) -> set[str]:
    """Names that the code uses and that nothing in it, so far, has made."""
    known, unknown = set(dir(builtins)), set()
    for code in codes:
        nodes = list(ast.walk(ast.parse(re.sub(r"^[%!].*", "", code, flags=re.M))))
        names = [n for n in nodes if isinstance(n, ast.Name)]
        known |= {n.id for n in names if isinstance(n.ctx, ast.Store)}
        known |= {n.name for n in nodes if isinstance(n, ast.FunctionDef | ast.ClassDef)}
        known |= {n.arg for n in nodes if isinstance(n, ast.arg)}
        imports = [a for n in nodes if isinstance(n, ast.Import | ast.ImportFrom) for a in n.names]
        known |= {(a.asname or a.name).split(".")[0] for a in imports}
        unknown |= {n.id for n in names} - known
    return unknown


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_a_reader_copies_from_the_page_runs(page):
    """Cells that the page does not show are not copied."""
    shown = [code for options, code in cells(page) if "remove" not in options]
    assert unknown_names(shown) == set()


def test_a_name_that_nothing_made_is_found():
    assert unknown_names(["import a.b\nc = a", "def f(x): return x + d\nf(c)"]) == {"d"}


def test_the_check_finds_what_it_looks_for():
    said = 'display(Markdown(f"It {x} was more than the other one had ever been."))'
    chosen = 's = "so the one is better than all others" if a else "so nobody can tell which is it"'
    assert len(written_by_a_program(said)) == 1
    assert len(written_by_a_program(chosen)) == 2
    assert written_by_a_program('display(Markdown(report.table(["a", "b"], rows)))') == []


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_chapter_opens_with_its_question_and_a_picture(name):
    """Then comes what one looks at or plays with; imports come with the code that needs them."""
    page = ROOT / f"chapters/{name}.md"
    assert re.search(r"\n---\n+# [^\n]+\n+\*\*Question\.\*\*", page.read_text(encoding="utf-8"))
    (options, code), *rest = cells(page)
    assert "remove-input" in options
    assert "vmc_map" in code
    opening = next(code for options, code in rest if "remove-cell" not in options)
    assert re.search(r"plots\.(show|film|pictures)\(|widgets\.|schematics\.", opening)


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_pages_have_the_length_of_a_lecture(book):
    count = {name: words(book / f"chapters/{name}.html") for name in CHAPTERS}
    assert {name: n for name, n in count.items() if not WORDS[0] <= n <= WORDS[1]} == {}


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_no_page_reads_as_a_program_writes(book):
    found = {}
    for page in (book / "chapters").glob("*.html"):
        text = main_text(page)
        for what, pattern in CLUMSY.items():
            if match := re.search(pattern, text):
                around = text[max(0, match.start() - 40) : match.end() + 40]
                found[f"{page.stem}: {what}"] = around
    assert found == {}


@needs_chromium
@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.timeout(2400)
def test_pages_have_few_screens(book, browser):
    tall = {}
    for name in CHAPTERS + SHORT:
        height = screens(browser, book / f"chapters/{name}.html")
        if height > (SCREENS if name in CHAPTERS else SCREENS_OF_AN_APPENDIX):
            tall[name] = round(height, 1)
    assert tall == {}
