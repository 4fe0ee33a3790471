"""The still picture in a widget's place before it runs, without JavaScript and in print."""

import html
from collections.abc import Sequence

import numpy as np

from wmlib.book.plots import picture_url


def still(picture: np.ndarray | str, alt: str, caption: str, width: int | None = None) -> str:
    """A figure of a uint8 picture (H, W, 3), shown `width` CSS pixels wide, or of an <svg> text."""
    if isinstance(picture, str):
        return _figure(picture, caption)
    return _figure(_image(picture, alt, width), caption)


def row_of_pictures(
    pictures: Sequence[np.ndarray], titles: Sequence[str], alt: str, caption: str
) -> str:
    """A figure of several uint8 pictures (H, W, 3) side by side, each under its title."""
    cells = [
        f"<div><p>{html.escape(title)}</p>{_image(picture, f'{alt} {title}')}</div>"
        for picture, title in zip(pictures, titles, strict=True)
    ]
    return _figure(f'<div class="wm-columns">{"".join(cells)}</div>', caption)


def _image(picture: np.ndarray, alt: str, width: int | None = None) -> str:
    if len(alt.split()) < 3:
        raise ValueError("a still needs alt: a sentence that says what it shows")
    size = "" if width is None else f' style="width:{width}px"'
    text = html.escape(alt, quote=True)
    return f'<img class="wm-still-pixels" alt="{text}" src="{picture_url(picture)}"{size}>'


def _figure(inner: str, caption: str) -> str:
    return (
        f'<figure class="wm-still">{inner}<figcaption>{html.escape(caption)}</figcaption></figure>'
    )
