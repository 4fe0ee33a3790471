"""References are listed by the name under which the text cites them: "Ha and Schmidhuber, 2018"."""

from collections.abc import Iterable, Iterator
from typing import Any

import pybtex.plugin
from pybtex.database import Entry
from pybtex.style.formatting.plain import Style as PlainStyle
from pybtex.style.labels import BaseLabelStyle
from sphinx.application import Sphinx


def label(entry: Entry) -> str:
    """The authors' last names and the year: one, two, or the first "et al."."""
    people = entry.persons.get("author") or entry.persons.get("editor") or []
    names = [
        " ".join(part.render_as("text") for part in person.rich_last_names) for person in people
    ]
    who = " and ".join(names) if len(names) < 3 else f"{names[0]} et al."
    return f"{who or entry.fields.get('title', entry.key)}, {entry.fields.get('year', 'n.d.')}"


class AuthorYearLabels(BaseLabelStyle):
    """Labels as they stand in the text; a second of the same name and year gets a letter."""

    def format_labels(self, sorted_entries: Iterable[Entry]) -> Iterator[str]:
        """One label per entry, all different."""
        seen: dict[str, int] = {}
        for entry in sorted_entries:
            name = label(entry)
            seen[name] = seen.get(name, 0) + 1
            yield name if seen[name] == 1 else f"{name}{'abcdefgh'[seen[name] - 1]}"


class AuthorAndYear(PlainStyle):
    """The plain style (sorted by author) with these labels."""

    default_label_style = AuthorYearLabels


def setup(app: Sphinx) -> dict[str, Any]:
    """Make the style known under the name that stands in _config.yml."""
    pybtex.plugin.register_plugin("pybtex.style.formatting", "author_and_year", AuthorAndYear)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
