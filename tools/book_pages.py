"""A small Sphinx extension: pages load nothing that the book does not use; numbers are well set.

Jupyter Book always adds Thebe, which points every page at a CDN; the book runs without a kernel, so
its scripts are taken out again. Python prints negative numbers with a hyphen, and a line may break
within "81 ± 3"; prose has a minus sign and spaces that hold.
"""

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

VERBATIM = (nodes.literal, nodes.literal_block, nodes.math, nodes.math_block, nodes.raw)
HOLD = "\N{NO-BREAK SPACE}"


def well_set(text: str) -> str:
    """Minus signs before numbers; no line breaks around ±, × and =, or between a number and %."""
    text = re.sub(r"(?<![\w.\-])-(?=\d)", "\N{MINUS SIGN}", text)
    text = re.sub(r" ([±×]) ", rf"{HOLD}\1{HOLD}", text)
    text = re.sub(r"(?<=\w) = (?=[\d\N{MINUS SIGN}]|$)", f"{HOLD}={HOLD}", text)
    return re.sub(r"(?<=\d) %|^ %", f"{HOLD}%", text)


class SetNumbers(SphinxPostTransform):
    """Apply `well_set` to all text but code and formulas, after glue has put its numbers in."""

    default_priority = 900

    def run(self, **kwargs: Any) -> None:
        """Change the page's text in place."""
        for text in list(self.document.findall(nodes.Text)):
            above, verbatim = text.parent, False
            while above is not None and not verbatim:
                above, verbatim = above.parent, isinstance(above, VERBATIM)
            better = text if verbatim else well_set(text)
            if better != text:
                text.parent.replace(text, nodes.Text(better))


def drop_thebe(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: object
) -> None:
    """Remove the Thebe scripts from a page that is about to be written."""
    for kind in ("script_files", "css_files"):
        files = context.get(kind, [])
        files[:] = [
            item
            for item in files
            if "thebe" not in f"{item} {getattr(item, 'attributes', '')}".lower()
        ]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension; late, after the other extensions have added their files."""
    app.connect("html-page-context", drop_thebe, priority=990)
    app.add_post_transform(SetNumbers)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
