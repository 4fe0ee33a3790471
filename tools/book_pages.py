"""A small Sphinx extension: pages load nothing that the book does not use.

Jupyter Book always adds Thebe, which points every page at a CDN; the book runs without a kernel, so
its scripts are taken out again.
"""

from typing import Any

from sphinx.application import Sphinx


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
    return {"parallel_read_safe": True, "parallel_write_safe": True}
