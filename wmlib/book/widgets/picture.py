"""The still picture in a widget's place before it runs, without JavaScript and in print."""

import base64
import html
import io

import matplotlib.image
import numpy as np


def picture_url(pixels: np.ndarray) -> str:
    """uint8 (H, W, 3) as a PNG in a data: URL."""
    file = io.BytesIO()
    matplotlib.image.imsave(file, np.ascontiguousarray(pixels), format="png")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def still(picture: np.ndarray | str, alt: str, caption: str, width: int | None = None) -> str:
    """A figure of a uint8 picture (H, W, 3), shown `width` CSS pixels wide, or of an <svg> text."""
    if len(alt.split()) < 3:
        raise ValueError("a still needs alt: a sentence that says what it shows")
    if isinstance(picture, str):
        inner = picture
    else:
        size = "" if width is None else f' style="width:{width}px"'
        inner = (
            f'<img class="wm-still-pixels" alt="{html.escape(alt, quote=True)}" '
            f'src="{picture_url(picture)}"{size}>'
        )
    return (
        f'<figure class="wm-still">{inner}<figcaption>{html.escape(caption)}</figcaption></figure>'
    )
