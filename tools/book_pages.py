"""A small Sphinx extension: pages load nothing that the book does not use; numbers are well set.

Jupyter Book always adds Thebe, which points every page at a CDN; the book runs without a kernel, so
its scripts are taken out again, MathJax where there is no formula and FontAwesome's script
everywhere (the icons come from its fonts). Python prints negative numbers with a hyphen, and a line
may break within "81 ± 3" or between a formula and its comma; prose has a minus sign, and spaces
that hold.
"""

import re
import shutil
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

VERBATIM = (nodes.literal, nodes.literal_block, nodes.math, nodes.math_block, nodes.raw)
ICON_SCRIPT = re.compile(r"<script[^>]*fontawesome[^>]*></script>\n?")
HOLD = "\N{NO-BREAK SPACE}"


def well_set(text: str) -> str:
    """Minus signs before numbers; no line breaks around ±, × and =; a space that holds before %."""
    text = re.sub(r"(?<![\w.\-])-(?=\d)", "\N{MINUS SIGN}", text)
    text = re.sub(r" ([±×]) ", rf"{HOLD}\1{HOLD}", text)
    text = re.sub(r"(?<=\w) = (?=[\d\N{MINUS SIGN}]|$)", f"{HOLD}={HOLD}", text)
    return re.sub(r"(?<=\d) ?%|^ %", f"{HOLD}%", text)


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


class HoldPunctuation(SphinxPostTransform):
    """No line begins with the comma after a formula, or ends with the bracket before one."""

    default_priority = 910  # after `SetNumbers`, which looks at whole texts

    def run(self, **kwargs: Any) -> None:
        """Put formulas and what touches them into spans that do not break."""
        for formula in list(self.document.findall(nodes.math)):
            held, beside = nodes.inline(classes=["wm-hold"]), formula.parent
            at = beside.index(formula)
            before, after = (beside[i] if 0 <= i < len(beside) else None for i in (at - 1, at + 1))
            opening = re.search(r"[(\[]+$", before) if isinstance(before, nodes.Text) else None
            closing = re.match(r"[.,;:!?)\]]+", after) if isinstance(after, nodes.Text) else None
            if not opening and not closing:
                continue
            formula.replace_self(held)
            held += formula
            if opening:
                held.insert(0, nodes.Text(opening[0]))
                beside[at - 1] = nodes.Text(before[: opening.start()])
            if closing:
                held += nodes.Text(closing[0])
                beside[at + 1] = nodes.Text(after[closing.end() :])


class NamePrompts(SphinxPostTransform):
    """MyST-NB has one word for all that folds; here it is an output, a preparation, or the code of
    what stands below."""

    default_priority = 190  # MyST-NB folds the cells at 199

    def run(self, **kwargs: Any) -> None:
        """Name the prompts of cells that fold what comes of them, or from which nothing comes."""
        for cell in self.document.findall(nodes.container):
            shown = [p.get("nb_element") for p in cell.children if isinstance(p, nodes.Element)]
            if cell.get("hide_mode") == "output" and "cell_code_source" in shown:
                cell["prompt_show"], cell["prompt_hide"] = "Show the output", "Hide the output"
            if cell.get("hide_mode") == "input" and "cell_code_output" not in shown:
                cell["prompt_show"], cell["prompt_hide"] = "Show the preparation", "Hide it"


def has_formulas(doctree: nodes.document | None) -> bool:
    """Whether MathJax has anything to do; a widget may set formulas of its own."""
    if doctree is None:
        return False
    return any(
        isinstance(node, nodes.math | nodes.math_block)
        or (isinstance(node, nodes.raw) and "jupyter.widget-view" in node.astext())
        for node in doctree.findall()
    )


def drop_scripts(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Remove Thebe, and MathJax where it is idle, from a page that is about to be written."""
    idle = ("thebe",) if has_formulas(doctree) else ("thebe", "mathjax")
    for kind in ("script_files", "css_files"):
        files = context.get(kind, [])
        files[:] = [
            item
            for item in files
            if not any(word in f"{item} {getattr(item, 'attributes', '')}".lower() for word in idle)
        ]
    if page == "search":
        app.add_js_file("search-excerpts.js", priority=900)


def drop_icon_script(app: Sphinx, error: Exception | None) -> None:
    """FontAwesome's script (1.4 MB) stands in the theme's template: out of the written pages."""
    if error or app.builder.format != "html":
        return
    for page in Path(app.outdir).rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        if "fontawesome" in text:
            page.write_text(ICON_SCRIPT.sub("", text), encoding="utf-8")
    for script in Path(app.outdir).glob("_static/vendor/fontawesome/*/js"):
        shutil.rmtree(script)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension; late, after the other extensions have added their files."""
    app.setup_extension("book_site")
    app.setup_extension("book_fonts")
    app.setup_extension("book_references")
    app.connect("html-page-context", drop_scripts, priority=990)
    app.connect("build-finished", drop_icon_script)
    app.add_post_transform(NamePrompts)
    app.add_post_transform(SetNumbers)
    app.add_post_transform(HoldPunctuation)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
