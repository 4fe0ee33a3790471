"""The live widgets on a static page: what the build of the book does with them.

A notebook's widgets arrive as views and a table of states. Each view becomes a "place" that holds
the widget's still picture and its traits, and needs no widget manager; the code and the styles,
which the states carry once per widget, are left out, because one script serves all pages.
"""

import html
import json
import re
from collections.abc import Mapping
from typing import Any

VIEW = re.compile(
    r'<script type="application/vnd\.jupyter\.widget-view\+json">\s*(\{.*?\})\s*</script>', re.S
)
_BOOKKEEPING = ("layout", "tabbable", "tooltip", "still", "module")


def is_live(state: Mapping[str, Any]) -> bool:
    """Whether this is the state of one of our widgets."""
    return str(state["state"].get("_anywidget_id", "")).startswith("wmlib.")


def place(module: str, traits: Mapping[str, Any], still: str = "") -> str:
    """The HTML in which the page's script starts the widget `module` with these traits."""
    data = json.dumps(traits, sort_keys=True).replace("</", "<\\/")
    task = f' data-task="{html.escape(traits["task"])}"' if "task" in traits else ""
    return (
        f'<div class="wm-place" data-widget="{html.escape(module)}"{task}>{still}'
        f'<script type="application/json">{data}</script></div>'
    )


def _traits(state: Mapping[str, Any]) -> dict[str, Any]:
    """The traits that the widget's JavaScript reads; bytes become {"base64": …}."""
    kept = {
        name: value
        for name, value in state["state"].items()
        if not name.startswith("_") and name not in _BOOKKEEPING
    }
    for buffer in state.get("buffers", []):
        if len(buffer["path"]) != 1 or buffer["encoding"] != "base64":
            raise ValueError(f"a widget's bytes must be a trait of their own: {buffer['path']}")
        kept[buffer["path"][0]] = {"base64": buffer["data"]}
    return kept


def with_places(body: str, states: Mapping[str, Mapping[str, Any]]) -> str:
    """A page's HTML with a place for each view of a live widget; other views stay."""

    def replace(view: re.Match[str]) -> str:
        state = states.get(json.loads(html.unescape(view[1]))["model_id"])
        if state is None or not is_live(state):
            return view[0]
        own = state["state"]
        return place(own["module"], _traits(state), own["still"])

    return VIEW.sub(replace, body)


def without_live(states: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The states that are not ours; nothing if only layouts of ours are left."""
    rest = {key: state for key, state in states.items() if not is_live(state)}
    drawn = [state for state in rest.values() if state["model_name"] != "LayoutModel"]
    return rest if drawn else {}
