"""Pages with live widgets and nothing else, for the browser tests and for whoever writes a widget.

`python tests/widget_site.py FOLDER` writes FOLDER/NAME.html for each widget below.
"""

import base64
import sys
from collections.abc import Iterable
from pathlib import Path
from shutil import copytree

from ipywidgets import Widget

from wmlib.book.widgets.page import _traits, place

ROOT = Path(__file__).resolve().parents[1]

PAGE = """<!doctype html>
<html lang="en" data-content_root="./" data-theme="{theme}"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>{name}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="_static/book.css"><link rel="stylesheet" href="_static/wm/widgets.css">
<style>body {{ background: var(--wm-paper); color: var(--wm-ink); margin: 1rem }}
main {{ max-width: 44rem; margin: auto }} .far {{ height: 2400px }}</style>
<script defer src="_static/wm/widgets.js"></script></head>
<body><main><p>Before.</p>{places}<p id="after">After.</p><div class="far"></div></main>
</body></html>
"""


def place_of(widget: Widget) -> str:
    """The place of one widget, without a notebook."""
    state = widget.get_state()
    for name, value in state.items():
        if isinstance(value, bytes | memoryview):
            state[name] = {"base64": base64.b64encode(value).decode()}
    return place(state["module"], _traits({"state": state}), state["still"])


def write_site(folder: Path, pages: dict[str, Iterable[Widget]]) -> None:
    """FOLDER/NAME.html (light) and NAME-dark.html with the widgets of each page."""
    from book_fonts import with_fonts
    from live_pages import write_folder

    write_folder(folder / "_static" / "wm")
    css = with_fonts((ROOT / "bookassets/book.css").read_text("utf-8"), ROOT / "bookassets")
    (folder / "_static" / "book.css").write_text(css, encoding="utf-8")
    copytree(ROOT / "bookassets/vendor/fonts", folder / "_static/vendor/fonts")
    for name, widgets in pages.items():
        places = "\n".join(place_of(widget) for widget in widgets)
        for theme, suffix in (("light", ""), ("dark", "-dark")):
            text = PAGE.format(name=name, places=places, theme=theme)
            (folder / f"{name}{suffix}.html").write_text(text, encoding="utf-8")


def every_widget() -> dict[str, list[Widget]]:
    """The pages of the widgets that load networks."""
    from wmlib.book import widgets

    return {
        "doom": [widgets.DreamPlayer("doom_take_cover")],
        "meter": [widgets.CheatingMeter()],
        "latent": [widgets.LatentExplorer(task) for task in ("car_racing", "doom_take_cover")],
        "mixture": [widgets.MixtureExplorer(task) for task in ("doom_take_cover", "car_racing")],
        "car": [widgets.DreamPlayer("car_racing")],
        "real": [widgets.RealAndDream()],
        "race": [widgets.CarRace()],
    }


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT / "tools"))
    write_site(Path(sys.argv[1]), every_widget())
