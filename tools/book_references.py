"""References are listed by the name under which the text cites them: "Ha and Schmidhuber, 2018".

Two of the same name and year are told apart by a letter behind the year, in the text, in the list
and in the notebooks (colab_markdown.py).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pybtex.plugin
from pybtex.database import Entry, Person
from pybtex.style.formatting.plain import Style as PlainStyle
from pybtex.style.labels import BaseLabelStyle
from sphinx.application import Sphinx


def last_name(person: Person) -> str:
    """The last name without TeX."""
    return " ".join(part.render_as("text") for part in person.rich_last_names)


def label(entry: Entry) -> str:
    """The authors' last names and the year: one, two, or the first "et al."."""
    names = [last_name(person) for person in entry.persons["author"]]
    alone = len(names) > 2 or "others" in names
    return f"{f'{names[0]} et al.' if alone else ' and '.join(names)}, {entry.fields['year']}"


def tell_apart(entries: Mapping[str, Entry]) -> None:
    """Write a letter behind the year of entries that else had the same label, in their order."""
    same = defaultdict(list)
    for entry in entries.values():
        entry.fields["year"] = entry.fields["year"].rstrip("abcdefgh")  # it may have been done
        same[label(entry)].append(entry)
    for group in same.values():
        for letter, entry in zip("abcdefgh", group if len(group) > 1 else (), strict=False):
            entry.fields["year"] += letter


class AuthorYearLabels(BaseLabelStyle):
    """Labels as they stand in the text."""

    def format_labels(self, sorted_entries: Iterable[Entry]) -> Iterator[str]:
        """One label per entry."""
        return map(label, sorted_entries)


class AuthorAndYear(PlainStyle):
    """The plain style (sorted by author) with these labels."""

    default_label_style = AuthorYearLabels


def setup(app: Sphinx) -> dict[str, Any]:
    """Make the style known under the name that stands in _config.yml."""
    pybtex.plugin.register_plugin("pybtex.style.formatting", "author_and_year", AuthorAndYear)
    # After sphinxcontrib.bibtex, which reads the file in the same event.
    app.connect(
        "builder-inited",
        lambda app: tell_apart(app.env.get_domain("cite").bibdata.data.entries),
        priority=900,
    )
    return {"parallel_read_safe": True, "parallel_write_safe": True}
