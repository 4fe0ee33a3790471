"""A Sphinx extension: live widgets run on the built pages, which have no kernel.

It writes one script, one style sheet and one file for each network into _static/wm, all shared by
the pages, and turns each widget view of a notebook into a place for that script.
"""

import base64
import json
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from wmlib.book.widgets.base import CSS
from wmlib.book.widgets.bundle import for_page
from wmlib.book.widgets.page import with_places, without_live
from wmlib.book.widgets.sources import shipped

FOLDER = "wm"
NETWORKS = {
    "car_racing": ("controllers", "memory", "decoder", "encoder", "untrained"),
    "doom_take_cover": ("controllers", "memory", "decoder", "probe"),
}
"""The networks that pages load, by task."""
STATES = "application/vnd.jupyter.widget-state+json"


def make_page_live(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: object
) -> None:
    """Give the widgets of a page their places, and load the widgets' script if there are any."""
    scripts = context.get("script_files", [])
    for item in [s for s in scripts if getattr(s, "attributes", {}).get("type") == STATES]:
        table = json.loads(item.attributes["body"])
        context["body"] = with_places(context["body"], table["state"])
        table["state"] = without_live(table["state"])
        scripts.remove(item)
        if table["state"]:
            app.add_js_file(None, type=STATES, body=json.dumps(table).replace("</", "<\\/"))
    if 'class="wm-place"' in context.get("body", ""):
        app.add_js_file(f"{FOLDER}/widgets.js", loading_method="defer")
        app.add_css_file(f"{FOLDER}/widgets.css")


def write_shared_files(app: Sphinx, error: Exception | None) -> None:
    """Write what all pages share, after the last page."""
    if error is not None or app.builder.format != "html":
        return
    write_folder(Path(app.outdir) / "_static" / FOLDER)


def write_folder(folder: Path) -> None:
    """The script, the styles and the networks that all pages share."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "widgets.js").write_text(for_page(), encoding="utf-8")
    (folder / "widgets.css").write_text(CSS.read_text(encoding="utf-8"), encoding="utf-8")
    for name, content in network_scripts().items():
        (folder / name).write_text(content, encoding="ascii")


def network_scripts() -> dict[str, str]:
    """By file name the scripts that bring the packaged networks to a page, also over file://."""
    scripts = {}
    for task, roles in NETWORKS.items():
        files = shipped(task)[1]
        for role in roles:
            code = base64.b64encode(files[role]).decode()
            scripts[f"{task}.{role}.js"] = f'wmNetwork("{task}.{role}", "{code}");\n'
    return scripts


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension; after myst-nb has added a page's widget states."""
    app.connect("html-page-context", make_page_live, priority=900)
    app.connect("build-finished", write_shared_files)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
