"""A Sphinx extension: the faces of running text lie inside the style sheet, so that nothing jumps.

A font that comes after the text moves the text. Faces with `font-display: block` in book.css are
written into it as data: URLs, so that they are there when the first line is set, over file:// too.
All other faces are `optional`: late ones wait for the next page. The theme preloads FontAwesome's
fonts in a way that browsers refuse over file://; those lines leave the pages.
"""

import base64
import re
from pathlib import Path

from sphinx.application import Sphinx

INLINE = re.compile(r"(@font-face \{[^}]*font-display: block;[^}]*url\()([\w./-]+\.woff2)\)")
PRELOAD = re.compile(r'<link rel="preload" as="font"[^>]*fontawesome[^>]*>\n?')


def with_fonts(css: str, folder: Path) -> str:
    """The style sheet with those fonts inside; `folder` is where its addresses begin."""

    def inline(face: re.Match[str]) -> str:
        code = base64.b64encode((folder / face[2]).read_bytes()).decode()
        return f"{face[1]}data:font/woff2;base64,{code})"

    return INLINE.sub(inline, css)


def settle_fonts(app: Sphinx, error: Exception | None) -> None:
    """Write the fonts into the built book.css, and take the preloads out of the built pages."""
    if error or app.builder.format != "html":
        return
    static = Path(app.outdir) / "_static"
    css = static / "book.css"
    css.write_text(with_fonts(css.read_text(encoding="utf-8"), static), encoding="utf-8")
    for page in Path(app.outdir).rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        if PRELOAD.search(text):
            page.write_text(PRELOAD.sub("", text), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    app.connect("build-finished", settle_fonts)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
