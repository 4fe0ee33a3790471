"""Sliders over pictures computed beforehand: they need no kernel."""

import html
import itertools
import re
from collections.abc import Sequence

import numpy as np
import traitlets
from matplotlib.figure import Figure

from wmlib.book.plots import page_svg, picture_url
from wmlib.book.widgets.base import LiveWidget

Picture = np.ndarray | Figure
_FIGURES = itertools.count(1)


class PictureSlider(LiveWidget):
    """One slider or two, and the picture that they choose; made by `slider` and `slider_grid`."""

    source = "picture_slider"

    labels = traitlets.List(traitlets.Unicode()).tag(sync=True)
    options = traitlets.List(traitlets.List(traitlets.Unicode())).tag(sync=True)
    """what each slider can be set to, as it is shown"""
    index = traitlets.List(traitlets.Int()).tag(sync=True)
    """which option each slider stands at"""
    pictures = traitlets.List(traitlets.Unicode()).tag(sync=True)
    """HTML of all pictures, in the order of the options, the last slider's fastest"""


def slider(
    label: str,
    values: Sequence[object],
    pictures: Sequence[Picture],
    alt: str,
    *,
    start: int = 0,
    height: int = 192,
) -> PictureSlider:
    """One slider that chooses among `pictures` (uint8 (H, W, 3) or figures), one for each value.

    Return it from the last line of a cell. `start` is the index shown first. Raises ValueError
    when the numbers of values and pictures differ.
    """
    return _chooser([label], [values], pictures, alt, [start], height)


def slider_grid(
    row_label: str,
    rows: Sequence[object],
    column_label: str,
    columns: Sequence[object],
    pictures: Sequence[Sequence[Picture]],
    alt: str,
    *,
    start: tuple[int, int] = (0, 0),
) -> PictureSlider:
    """Two sliders over `pictures[row][column]`: say, a latent dimension and its value."""
    if any(len(row) != len(columns) for row in pictures):
        raise ValueError(f"each row needs {len(columns)} pictures, one for each value")
    flat = [picture for row in pictures for picture in row]
    return _chooser([row_label, column_label], [rows, columns], flat, alt, list(start))


def _chooser(
    labels: list[str],
    values: list[Sequence[object]],
    pictures: Sequence[Picture],
    alt: str,
    start: list[int],
    height: int = 192,
) -> PictureSlider:
    count = int(np.prod([len(row) for row in values]))
    if count != len(pictures):
        raise ValueError(f"{count} values but {len(pictures)} pictures: one for each, please")
    if any(not 0 <= i < len(row) for i, row in zip(start, values, strict=True)):
        raise ValueError(f"start={start} is not among the values")
    options = [[_named(value) for value in row] for row in values]
    cells = [_cell(picture, alt, height) for picture in pictures]
    chosen = " · ".join(
        f"{label} {row[i]}" for label, row, i in zip(labels, options, start, strict=True)
    )
    first = cells[int(np.ravel_multi_index(start, [len(row) for row in values]))]
    still = (
        f'<figure class="wm-still"><div class="wm-first">{html.escape(chosen)}</div>{first}'
        "</figure>"
    )
    return PictureSlider(labels=labels, options=options, index=start, pictures=cells, still=still)


def _named(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _cell(picture: Picture, alt: str, height: int) -> str:
    if len(alt.split()) < 3:
        raise ValueError("sliders need alt=: a sentence that says what the pictures show")
    if isinstance(picture, Figure):
        svg = page_svg(picture, alt).replace(' class="wm-wide"', "", 1)  # it never scrolls
        return _with_own_names(svg, f"f{next(_FIGURES)}-")
    return (
        f'<img alt="{html.escape(alt, quote=True)}" src="{picture_url(picture)}" '
        f'style="height:{height}px;max-width:100%;image-rendering:pixelated;margin:0">'
    )


def _with_own_names(svg: str, prefix: str) -> str:
    """An SVG whose ids no other has: one hidden figure's clipping path would hide all curves."""
    return re.sub(r'( id="|url\(#|href="#)', rf"\g<1>{prefix}", svg)
