"""Chapters are MyST; Colab shows plain Markdown. This turns the first into the second.

Directives become quotes, folded blocks and display maths; roles become words and numbers. The
built book is not touched by this: only the notebooks beside the chapters are written with it.
"""

import re
from functools import cache
from pathlib import Path

from book_references import label, tell_apart
from glued_numbers import put_in
from pybtex.database import parse_file

ROOT = Path(__file__).resolve().parents[1]
FENCE = re.compile(r"^(`{3,}|:{3,})\{([\w:-]+)\}[ ]*(.*)$")
LABEL = re.compile(r"^:label: (\S+)$|^\$\$ *\((\S+)\)$", re.M)
EXERCISE = re.compile(r"^[`:]{3,}\{exercise(?:-start)?\}.*\n(?::.*\n)*?:label: (\S+)", re.M)


def plain(markdown: str, repository: str | None) -> str:
    """The Markdown of one cell without MyST syntax; `repository` is where pictures are found."""
    lines, out = markdown.split("\n"), []
    while lines:
        line = lines.pop(0)
        match = FENCE.match(line)
        if match:
            mark, name, argument = match.groups()
            body = []
            while lines and not (lines[0].startswith(mark) and not lines[0].strip("`: ")):
                body.append(lines.pop(0))
            if lines:
                lines.pop(0)
            out.append(_directive(name, argument, body, repository))
        elif not re.match(r"^(\([\w-]+\)=|\{\.[\w-]+\})$", line):  # a label, a class
            out.append(_roles(line, repository))
    return "\n".join(out)


def _directive(name: str, argument: str, body: list[str], repository: str | None) -> str:
    """One directive as Markdown; unknown ones keep their text."""
    options = {}
    while body and (match := re.match(r"^:([\w-]+): *(.*)$", body[0])):
        options[match[1]] = match[2]
        body.pop(0)
    text = "\n".join(body).strip("\n")
    if name == "math":
        tag = f" \\tag{{{number}}}" if (number := equations().get(options.get("label", ""))) else ""
        return f"$$\n{text}{tag}\n$$"
    inner = plain(text, repository)
    if name in ("figure", "image"):
        alt = options.get("alt", "")
        return (
            f"![{alt}]({_web(argument, repository)})\n\n*{inner}*"
            if inner
            else (f"![{alt}]({_web(argument, repository)})")
        )
    if name == "exercise":
        number = exercises().get(options.get("label", ""), "")
        return f"**Exercise {number}.** {inner}"
    if name in ("solution", "dropdown") or "dropdown" in options.get("class", ""):
        title = "Solution" if name == "solution" else argument
        return f"<details><summary>{title}</summary>\n\n{inner}\n\n</details>"
    if name == "bibliography":
        return "The references are on the book's page."
    title = argument if name == "admonition" else name.capitalize()
    quoted = "\n".join(f"> {line}".rstrip() for line in inner.split("\n"))
    return f"> **{title}.**\n>\n{quoted}"


def _roles(line: str, repository: str | None) -> str:
    """Replace the roles of one line: citations, equations, glued numbers, links to pages."""
    line = re.sub(r"\{cite:([pt])\}`([^`]+)`", lambda m: _citations(m[2], m[1] == "p"), line)
    line = re.sub(r"\{eq\}`([^`]+)`", lambda m: f"({equations().get(m[1], '?')})", line)
    line = put_in(line)
    line = re.sub(r"\{(?:doc|ref|numref)\}`([^`<]+?) *<[^`]+>`", r"*\1*", line)
    line = re.sub(r"\{doc\}`([^`]+)`", lambda m: f"*{title_of(Path(m[1]).name)}*", line)
    line = re.sub(r"\{ref\}`(ex-[^`]+)`", lambda m: f"exercise {exercises().get(m[1], '')}", line)
    line = re.sub(r"\{[\w:-]+\}`([^`]+)`", r"*\1*", line)
    return re.sub(r"(!\[[^\]]*\])\(([^)]+)\)", lambda m: f"{m[1]}({_web(m[2], repository)})", line)


def _web(path: str, repository: str | None) -> str:
    """Address of a picture of the repository: Colab does not see the files beside a notebook.

    Without a repository the path stays, which is right for a clone. HEAD is the default branch.
    """
    if path.startswith("http") or repository is None:
        return path
    inside = path.strip().lstrip("./")
    return f"{repository.replace('github.com', 'raw.githubusercontent.com')}/HEAD/{inside}"


@cache
def _pages() -> dict[str, str]:
    return {p.stem: p.read_text(encoding="utf-8") for p in sorted(ROOT.glob("chapters/*.md"))}


def title_of(page: str) -> str:
    """The title of a page, as its first heading has it."""
    found = re.search(r"^# (.+)$", _pages().get(page, ""), re.M)
    return found[1] if found else page


def _number(page: str, place: int) -> str:
    """As Sphinx counts: chapter, dot, place; pages outside the chapters count 1, 2, 3."""
    return f"{int(page[:2])}.{place}" if page[:2].isdigit() else str(place)


@cache
def equations() -> dict[str, str]:
    """Equation label -> its number in the book."""
    numbers = {}
    for page, text in _pages().items():
        text = re.sub(r"^:label: ex-.*$", "", text, flags=re.M)  # those of exercises
        for place, found in enumerate(re.finditer(LABEL, text), 1):
            numbers[found[1] or found[2]] = _number(page, place)
    return numbers


@cache
def exercises() -> dict[str, str]:
    """Exercise label -> its number in the book."""
    return {
        found[1]: _number(page, place)
        for page, text in _pages().items()
        for place, found in enumerate(re.finditer(EXERCISE, text), 1)
    }


@cache
def _bibliography() -> dict[str, str]:
    """Citation key -> 'Ha and Schmidhuber, 2018'."""
    entries = parse_file(str(ROOT / "references.bib")).entries
    tell_apart(entries)
    return {key: label(entry) for key, entry in entries.items()}


def _citations(keys: str, in_brackets: bool) -> str:
    texts = [_bibliography().get(key.strip(), key) for key in keys.split(",")]
    if in_brackets:
        return f"({'; '.join(texts)})"
    return "; ".join(re.sub(r", (\d{4}\w?)$", r" (\1)", text) for text in texts)
