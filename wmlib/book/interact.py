"""Sliders over pictures computed beforehand: they work with a kernel and on the static page alike.

The slider and a row of hidden tabs are linked in the browser (`jslink`), so no kernel is asked. Tab
is used because it exists in ipywidgets 7.7 (Colab) and 8; the newer Stack does not.
"""

import html
from collections.abc import Sequence

import ipywidgets as widgets
import numpy as np
from matplotlib.figure import Figure

from wmlib.book.plots import page_svg, picture_url

_HIDE_TABS = (
    "<style>.wm-stack > .lm-TabBar, .wm-stack > .p-TabBar {display: none !important}"
    ".wm-stack > .widget-tab-contents, .wm-stack > .jupyter-widget-tab-contents"
    "{border: none !important; padding: 0 !important; background: transparent !important}</style>"
)

Picture = np.ndarray | Figure


def slider(
    label: str,
    values: Sequence[object],
    pictures: Sequence[Picture],
    alt: str,
    *,
    start: int = 0,
    height: int = 192,
) -> widgets.VBox:
    """One slider that chooses among `pictures` (uint8 (H, W, 3) or figures), one for each value.

    Return it from the last line of a cell. `start` is the index shown first. Raises ValueError
    when the numbers of values and pictures differ.
    """
    stack, chooser = _linked(label, values, [_cell(p, alt, height) for p in pictures], start)
    return _framed([chooser, stack])


def slider_grid(
    row_label: str,
    rows: Sequence[object],
    column_label: str,
    columns: Sequence[object],
    pictures: Sequence[Sequence[Picture]],
    alt: str,
    *,
    start: tuple[int, int] = (0, 0),
    height: int = 192,
) -> widgets.VBox:
    """Two controls over `pictures[row][column]`: say, a latent dimension and its value."""
    chooser = _chooser(column_label, columns, start[1])
    stacks = []
    for row in pictures:
        _same_length(columns, row)
        stacks.append(_stack([_cell(p, alt, height) for p in row], start[1]))
        widgets.jslink((chooser, "index"), (stacks[-1], "selected_index"))
    outer, row_chooser = _linked(row_label, rows, stacks, start[0])
    return _framed([row_chooser, chooser, outer])


def _linked(
    label: str,
    values: Sequence[object],
    children: list[widgets.Widget],
    start: int,
) -> tuple[widgets.Tab, widgets.SelectionSlider]:
    _same_length(values, children)
    stack, chooser = _stack(children, start), _chooser(label, values, start)
    widgets.jslink((chooser, "index"), (stack, "selected_index"))
    return stack, chooser


def _same_length(values: Sequence[object], pictures: Sequence[object]) -> None:
    if len(values) != len(pictures):
        raise ValueError(f"{len(values)} values but {len(pictures)} pictures: one for each, please")


def _chooser(label: str, values: Sequence[object], start: int) -> widgets.SelectionSlider:
    options = [
        (f"{value:g}" if isinstance(value, float) else str(value), i)
        for i, value in enumerate(values)
    ]
    return widgets.SelectionSlider(
        options=options,
        index=start,
        description=label,
        continuous_update=True,
        layout=widgets.Layout(width="min(420px, 96%)"),
    )


def _stack(children: list[widgets.Widget], start: int) -> widgets.Tab:
    stack = widgets.Tab(children=children)
    stack.selected_index = start
    stack.add_class("wm-stack")
    return stack


def _framed(children: list[widgets.Widget]) -> widgets.VBox:
    box = widgets.VBox([widgets.HTML(_HIDE_TABS), *children])
    box.add_class("wm-widget")
    return box


def _cell(picture: Picture, alt: str, height: int) -> widgets.HTML:
    if len(alt.split()) < 3:
        raise ValueError("sliders need alt=: a sentence that says what the pictures show")
    if isinstance(picture, Figure):
        return widgets.HTML(f'<div class="wm-scroll">{page_svg(picture, alt)}</div>')
    return widgets.HTML(
        f'<img class="wm-pixels" alt="{html.escape(alt, quote=True)}" src="{picture_url(picture)}" '
        f'style="height:{height}px;image-rendering:pixelated;margin:0">'
    )
