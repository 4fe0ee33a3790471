"""The house style of every figure: two colours with a meaning, and greys.

REAL is what the real game showed or scored (dashed: what V keeps of it), DREAM is what M imagined;
neither colour is used for anything else. `show` draws a matplotlib figure as inline SVG whose ink
is the page's text colour, so that one figure serves the light and the dark theme, JupyterLab and
Colab.
"""

import base64
import html
import io
import re
from dataclasses import replace
from importlib import resources

import numpy as np

from wmlib.errors import needing

with needing("wmlib.book", extra="book"):
    import matplotlib.pyplot as plt
    from IPython.display import HTML, display
    from matplotlib import font_manager
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.ticker import ScalarFormatter
    from PIL import Image

REAL = "#1f6fb2"
DREAM = "#d9720b"
GREYS = ("#6b7178", "#868c93", "#3f454b", "#c2c6ca")
WIDTH = 4.8
"""inches: a phone shows such a figure whole, with letters that can be read"""
_GREY_INK = (72, 58, 90, 28)  # each one's share of the page's ink, in per cent
INK = "#010203"  # a colour nobody uses: `show` turns it into the page's text colour
_GRID = "#8c8d8e"  # readable on white and on black alike
_FONTS = "'Source Sans 3 Variable','Source Sans 3',system-ui,sans-serif"
_SERIF = "'Source Serif 4 Variable','Source Serif 4',Georgia,serif"


def _register_fonts() -> None:
    """Let matplotlib measure text in the page's own font (the page draws it)."""
    if any(font.name == "Source Sans 3" for font in font_manager.fontManager.ttflist):
        return
    folder = resources.files("wmlib.book") / "assets" / "fonts"
    for file, weight in (("Regular", 400), ("Italic", 400), ("SemiBold", 700)):
        with resources.as_file(folder / f"SourceSans3-{file}.ttf") as path:
            font_manager.fontManager.addfont(str(path))
        fonts = font_manager.fontManager.ttflist  # the semi-bold calls itself another family
        fonts[-1] = replace(fonts[-1], name="Source Sans 3", weight=weight)


def use_house_style() -> None:
    """Set matplotlib's defaults for the book; call once, in the first code cell of a chapter."""
    _register_fonts()
    plt.rcParams.update(
        {
            "font.family": ["Source Sans 3", "DejaVu Sans"],
            "mathtext.fontset": "custom",
            "mathtext.rm": "Source Sans 3",
            "mathtext.it": "Source Sans 3:italic",
            "mathtext.bf": "Source Sans 3:bold",
            "mathtext.cal": "Source Sans 3:italic",
            "mathtext.sf": "Source Sans 3",
            "mathtext.tt": "DejaVu Sans Mono",
            "mathtext.fallback": "stix",
            "figure.figsize": (6.4, 3.1),
            "figure.facecolor": "none",
            "savefig.facecolor": "none",
            "figure.constrained_layout.use": True,
            "figure.dpi": 100,
            "axes.facecolor": "none",
            "axes.edgecolor": _GRID,
            "axes.labelcolor": INK,
            "axes.titlecolor": INK,
            "text.color": INK,
            "xtick.color": _GRID,
            "ytick.color": _GRID,
            "xtick.labelcolor": INK,
            "ytick.labelcolor": INK,
            "grid.color": _GRID,
            "grid.alpha": 0.25,
            "grid.linewidth": 0.8,
            "axes.grid": True,
            "axes.axisbelow": True,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.linewidth": 0.8,
            "axes.titlesize": 12.5,
            "axes.titleweight": "bold",
            "axes.titlelocation": "left",
            "axes.labelsize": 11.5,
            "xtick.labelsize": 10.5,
            "ytick.labelsize": 10.5,
            "ytick.alignment": "center",
            "legend.fontsize": 11,
            "font.size": 11,
            "legend.frameon": False,
            "lines.linewidth": 1.9,
            "image.cmap": "gray",
            "image.interpolation": "nearest",
            "svg.fonttype": "none",
            "svg.hashsalt": "wmlib",
            "axes.prop_cycle": plt.cycler(color=GREYS),
        }
    )


def show(fig: Figure, alt: str, caption: str = "") -> None:
    """Display `fig` as a themed card; `alt` says in one sentence what one is meant to see in it.

    Raises ValueError when `alt` is missing: a figure without it is lost on part of the readers.
    """
    if len(alt.split()) < 4:
        raise ValueError("show needs alt=: a sentence that says what the figure shows")
    display(HTML(_card(page_svg(fig, alt), caption)))


def name_end(
    ax: Axes, name: str, end: tuple[float, float], beside: tuple[float, float], colour: str
) -> None:
    """`name` at the right of a line's `end`, `beside` it by so much, a thin line between them."""
    leader = {"arrowstyle": "-", "color": colour, "lw": 0.7, "relpos": (0, 0.5), "shrinkB": 3}
    ax.annotate(
        name,
        end,
        (end[0] + beside[0], end[1] + beside[1]),
        va="center",
        color=colour,
        annotation_clip=False,
        arrowprops=leader,
    )


class _Commas(ScalarFormatter):
    """matplotlib's numbers at the ticks, with a comma from 1,000 on, as in the prose."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        told = super().__call__(x, pos)
        return re.sub(r"(?<![\d.])\d{4,}", lambda digits: f"{int(digits[0]):,}", told)


def page_svg(fig: Figure, alt: str) -> str:
    """`fig` as an inline SVG element in the page's own ink and fonts; closes the figure."""
    for axis in (axis for ax in fig.axes for axis in (ax.xaxis, ax.yaxis)):
        if type(axis.get_major_formatter()) is ScalarFormatter:
            axis.set_major_formatter(_Commas())
    buffer = io.StringIO()
    fig.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    plt.close(fig)
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.S)
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)  # ids would repeat from figure to figure
    svg = re.sub(r"'Source Sans 3'(, 'DejaVu Sans')?", _FONTS, svg)
    svg = re.sub(r"'STIX\w+'", _SERIF, svg)
    width = re.search(r'width="([\d.]+)pt"', svg)
    pixels = float(width[1]) * 4 / 3 if width else 680
    wide = pixels > 470 and fig.get_figwidth() > fig.get_figheight()
    kind = ' class="wm-wide"' if wide else ""  # scrolls on a phone
    attributes = (
        f'<svg{kind} role="img" aria-label="{html.escape(alt, quote=True)}" '
        f'style="max-width:{pixels:.0f}px;width:100%;height:auto"'
    )
    svg = re.sub(r' (width|height)="[\d.]+pt"', "", svg, count=2)
    svg = svg.replace("<svg", attributes, 1).replace(INK, "currentColor")
    # The dark theme has its own shades of the colours and greys (bookassets/book.css); where that
    # style sheet is not at hand, a grey is the page's ink made paler.
    for name, colour in (("real", REAL), ("dream", DREAM)):
        svg = svg.replace(colour, f"var(--wm-{name}, {colour})")
    for i, (grey, share) in enumerate(zip(GREYS, _GREY_INK)):
        pale = f"color-mix(in srgb, currentColor {share}%, transparent)"
        svg = svg.replace(grey, f"var(--wm-grey-{i}, {pale})")
    return svg


def _card(content: str, caption: str = "") -> str:
    below = f"<figcaption>{html.escape(caption, quote=False)}</figcaption>" if caption else ""
    return f'<figure class="wm-figure"><div class="wm-scroll">{content}</div>{below}</figure>'


def picture_url(picture: np.ndarray) -> str:
    """A uint8 picture (H, W, 3), every pixel kept, as a URL that needs no other file."""
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        raise ValueError(f"a picture is uint8 (H, W, 3), got {picture.dtype} {picture.shape}")
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="WEBP", lossless=True, quality=100)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()


def pictures(
    images: dict[str, np.ndarray],
    alt: str,
    *,
    height: int = 160,
    caption: str = "",
) -> None:
    """Show uint8 pictures (H, W, 3) in a row, each with its label, which chooses the frame
    (`_border`)."""
    blocks = []
    for label, image in images.items():
        described = html.escape(f"{label}: {alt}", quote=True)
        blocks.append(
            _framed(
                label,
                (
                    f'<img alt="{described}" src="{picture_url(np.asarray(image))}" '
                    f'style="height:{height}px;image-rendering:pixelated;display:block;{_border(label)}">'
                ),
            )
        )
    display(HTML(_card(f'<div class="wm-films">{"".join(blocks)}</div>', caption)))


def _border(label: str) -> str:
    """The frame of a picture or film: blue for "real…", orange for "dream…", dashed blue for what V
    keeps of a real one, "V…"; none for others."""
    for word, name, colour, line in (
        ("real", "real", REAL, "solid"),
        ("V", "real", REAL, "dashed"),
        ("dream", "dream", DREAM, "solid"),
    ):
        if label.startswith((word, word.capitalize())):
            return f"border:3px {line} var(--wm-{name}, {colour});border-radius:6px;"
    return "border-radius:4px;"


def _framed(label: str, content: str) -> str:
    return (
        f'<div class="wm-film" style="display:inline-block;margin:4px;vertical-align:top">{content}'
        f'<div class="wm-label">{html.escape(label)}</div></div>'
    )


def film(
    films: dict[str, np.ndarray],
    alt: str,
    *,
    fps: int = 30,
    height: int = 192,
    caption: str = "",
    on_paper: bool = False,
) -> None:
    """Show looping films side by side, each uint8 (T, H, W, 3); they need no kernel and no network.

    Keys are the captions, and choose the frames (`_border`). `on_paper`: drawn on white, which the
    dark theme turns over.
    """
    kind, blocks = ' class="wm-paper"' if on_paper else "", []
    inner = height - 6 if on_paper else height  # without the frame
    for label, frames in films.items():
        movie = base64.b64encode(_encode_mp4(np.asarray(frames), fps)).decode()
        border = _border(label)
        video = (
            f'<video{kind} autoplay loop muted playsinline controls height="{inner}" '
            'controlslist="nodownload nofullscreen noremoteplayback" '
            f'aria-label="{html.escape(f"{label}: {alt}", quote=True)}" '
            f'poster="{picture_url(np.asarray(frames[0]))}" '
            f'style="image-rendering:pixelated;max-width:100%;{"" if on_paper else border}" '
            f'src="data:video/mp4;base64,{movie}"></video>'
        )
        if on_paper:  # the frame is not turned over
            video = f'<div style="line-height:0;overflow:hidden;{border}">{video}</div>'
        blocks.append(_framed(label, video))
    display(HTML(_card(f'<div class="wm-films">{"".join(blocks)}</div>', caption)))


def _encode_mp4(frames: np.ndarray, fps: int) -> bytes:
    """Encode uint8 (T, H, W, 3) as H.264, small pictures enlarged to at least 192 rows."""
    import av

    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[-1] != 3:
        raise ValueError(f"a film needs uint8 (T, H, W, 3), got {frames.dtype} {frames.shape}")
    scale = max(1, -(-192 // frames.shape[1]))
    frames = frames.repeat(scale, axis=1).repeat(scale, axis=2)
    frames = frames[:, : frames.shape[1] // 2 * 2, : frames.shape[2] // 2 * 2]  # H.264: even sides
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=fps, options={"crf": "26"})
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for picture in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return buffer.getvalue()


def glue(name: str, value: float | int | str) -> None:
    """Keep `value` for the prose, where {glue:text}`name:.1f` prints it.

    The same record that myst-nb's `glue` writes, without needing myst-nb (Colab has none).
    """
    if isinstance(value, np.generic):
        value = value.item()
    data = {"application/papermill.record/text/plain": repr(value)}
    meta = {"scrapbook": {"name": name, "mime_prefix": "application/papermill.record/"}}
    display(data, raw=True, metadata=meta)
