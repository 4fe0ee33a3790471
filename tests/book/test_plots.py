"""Figures, films, sliders and schematics: what the book shows, and that it can be read."""

import base64
import io
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import av
import matplotlib.pyplot as plt
import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from wmlib.book import network_schematics, plots, schematics, widgets

DRAWINGS = {
    "map": schematics.vmc_map(),
    "map of V": schematics.vmc_map("V"),
    "flow": schematics.flow(),
    "time": schematics.timeline(),
    "dream time": schematics.timeline(dream=True),
    "rollout": schematics.rollout(),
    "five": schematics.dream_steps(),
    "loop": schematics.iterative_loop(),
    "V": network_schematics.vae(),
    "LSTM": network_schematics.lstm(),
}


@pytest.fixture(autouse=True, scope="module")
def shell():
    """`display` needs a shell, as in a notebook; else it only prints."""
    yield InteractiveShell.instance()
    InteractiveShell.clear_instance()


@pytest.fixture
def figure():
    plots.use_house_style()
    fig, ax = plt.subplots()
    ax.plot([0, 1], [0, 1], color=plots.REAL, label="real")
    ax.plot([0, 1], [1, 0], color=plots.DREAM, label="dream")
    for grey in plots.GREYS:
        ax.axhline(0.5, color=grey)
    ax.set(xlabel="generation", title="A title")
    ax.legend()
    return fig


def shown(function, *args, **kwargs) -> str:
    """The HTML that `function` displays."""
    with capture_output() as captured:
        function(*args, **kwargs)
    return captured.outputs[0].data["text/html"]


def test_a_figure_follows_the_theme_and_says_what_it_shows(figure):
    page = shown(plots.show, figure, alt='Two lines cross at "one half".', caption="Below.")
    svg = re.search(r"<svg.*</svg>", page, re.S)[0]
    root = ET.fromstring(svg)
    assert root.get("aria-label") == 'Two lines cross at "one half".'
    assert root.get("role") == "img"
    assert plots.INK not in svg, "ink must be the page's text colour"
    assert "currentColor" in svg
    assert f"var(--wm-real, {plots.REAL})" in svg
    assert f"var(--wm-dream, {plots.DREAM})" in svg
    assert not any(grey in svg for grey in plots.GREYS), "greys must follow the theme"
    style = (Path(__file__).parents[2] / "bookassets" / "book.css").read_text()
    for i in set(re.findall(r"--wm-grey-\d", svg)):
        assert style.count(f"{i}:") == 2, f"{i} needs a value for the light and for the dark theme"
    assert not re.search(r"<g id=", svg), "ids would repeat from figure to figure"
    assert "<figcaption>Below.</figcaption>" in page
    assert not plt.fignum_exists(figure.number)


@pytest.mark.parametrize("alt", ["", "a plot"])
def test_a_figure_without_alt_text_is_refused(figure, alt):
    with pytest.raises(ValueError, match="alt="):
        plots.show(figure, alt=alt)


def test_a_film_holds_every_frame():
    frames = np.zeros((12, 64, 64, 3), np.uint8)
    frames[6:, :, :32] = 250
    page = shown(plots.film, {"real": frames, "dream, τ = 1": frames}, alt="The left half lights.")
    movies = re.findall(r"data:video/mp4;base64,([^\"]+)", page)
    assert len(movies) == 2
    with av.open(io.BytesIO(base64.b64decode(movies[0]))) as container:
        decoded = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(decoded) == 12
    assert decoded[0].shape == (192, 192, 3)
    assert decoded[0].mean() < 10
    assert abs(decoded[-1][:, :80].mean() - 250) < 10
    assert decoded[-1][:, 112:].mean() < 10
    assert page.index(plots.REAL) < page.index(plots.DREAM)


@pytest.mark.parametrize(
    "frames",
    [
        np.zeros((3, 8, 8), np.uint8),
        np.zeros((3, 8, 8, 3), np.float32),
    ],
)
def test_a_film_of_something_else_is_refused(frames):
    with pytest.raises(ValueError, match="uint8"):
        plots.film({"real": frames}, alt="Nothing to see here.")


def test_pictures_survive_unchanged():
    from PIL import Image

    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    page = shown(plots.pictures, {"real": picture}, alt="Noise.")
    data = re.search(r"data:image/webp;base64,([^\"]+)", page)[1]
    assert (np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))) == picture).all()


@pytest.mark.parametrize("value", [3, 2.5, "text", np.float32(1.5), np.int64(7)])
def test_glue_writes_the_record_of_myst_nb(value):
    from myst_nb import glue

    plain = value.item() if isinstance(value, np.generic) else value
    with capture_output() as ours:
        plots.glue("key", value)
    with capture_output() as theirs:
        glue("key", plain, display=False)
    assert ours.outputs[0].data == theirs.outputs[0].data
    assert ours.outputs[0].metadata == theirs.outputs[0].metadata


def pictures(n: int) -> list[np.ndarray]:
    return [np.full((8, 8, 3), 10 * k, np.uint8) for k in range(n)]


def test_slider_holds_all_pictures_and_shows_one():
    box = widgets.slider("τ", [0.5, 1.0, 1.3], pictures(3), alt="Three grey squares.", start=1)
    assert (box.labels, box.options, box.index) == (["τ"], [["0.5", "1", "1.3"]], [1])
    assert len(set(box.pictures)) == 3
    assert all('alt="Three grey squares."' in picture for picture in box.pictures)
    assert box.pictures[1] in box.still
    assert "τ 1<" in box.still


def test_slider_grid_shows_the_picture_of_row_and_column():
    rows = [pictures(3), [p + 100 for p in pictures(3)]]
    box = widgets.slider_grid(
        "dimension", [4, 7], "z", [-1.0, 0.0, 1.0], rows, alt="Six grey squares.", start=(1, 2)
    )
    assert (box.index, len(box.pictures)) == ([1, 2], 6)
    assert box.pictures[5] in box.still
    assert plots.picture_url(rows[1][2]) in box.pictures[5]


def test_slider_wants_a_picture_for_each_value():
    with pytest.raises(ValueError, match="3 values but 2 pictures"):
        widgets.slider("τ", [1, 2, 3], pictures(2), alt="Three grey squares.")
    with pytest.raises(ValueError, match="each row needs 2"):
        widgets.slider_grid("a", [1], "b", [1, 2], [pictures(3)], alt="Three grey squares.")
    with pytest.raises(ValueError, match="alt="):
        widgets.slider("τ", [1, 2], pictures(2), alt="")
    with pytest.raises(ValueError, match="start"):
        widgets.slider("τ", [1, 2], pictures(2), alt="Three grey squares.", start=2)


@pytest.mark.parametrize("name", DRAWINGS)
def test_schematics_are_sound_and_inside_their_frame(name):
    drawing = DRAWINGS[name]
    root = ET.fromstring(drawing.svg())
    assert len(root.get("aria-label").split()) > 12, "a description that replaces the picture"
    left, top, width, height = map(float, root.get("viewBox").split())
    for text in root.iter("{http://www.w3.org/2000/svg}text"):
        size, x, y = (float(text.get(key)) for key in ("font-size", "x", "y"))
        length = 0.5 * size * len("".join(text.itertext()))
        start = x - {"middle": length / 2, "start": 0, "end": length}[text.get("text-anchor")]
        assert left <= start + 1
        assert start + length <= left + width + 4, "".join(text.itertext())
        assert top <= y - 0.6 * size
        assert y <= top + height
    for circle in root.iter("{http://www.w3.org/2000/svg}circle"):
        x, y, r = (float(circle.get(key)) for key in ("cx", "cy", "r"))
        assert left <= x - r
        assert x + r <= left + width
        assert y + r <= top + height


def test_the_map_lights_what_it_is_asked_to():
    assert "Lit on this page: V." in schematics.vmc_map("V").svg()
    assert schematics.vmc_map("V").svg() != schematics.vmc_map("M").svg()
    with pytest.raises(ValueError, match="vmc_map cannot light"):
        schematics.vmc_map("V X")
