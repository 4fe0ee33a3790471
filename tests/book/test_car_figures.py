"""The figures of chapter 7 show what they are given."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex

from wmlib.book import car_figures, plots
from wmlib.book.report import load_run


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_a_lap_is_drawn_whole_with_its_missed_tiles_solid():
    corners = np.array([[0, 0], [10, 0], [10, 10], [0, 10]], np.float32)
    tiles = np.zeros((2, 5, 4, 2), np.float32)
    tiles[1] = corners + 20 * np.arange(5)[:, None, None]
    game = {
        "n_tiles": np.array([0, 4]),
        "tile_poly": tiles,
        "tile_visited": np.array([[1, 1, 1, 1, 1], [1, 0, 1, 0, 0]]),
    }
    lines = np.random.default_rng(0).normal(size=(7, 2, 2))
    (ax,) = car_figures.laps(game, lines, {1: "a lap"}).axes
    touched, missed = ax.collections
    assert [len(c.get_paths()) for c in (touched, missed)] == [2, 2]  # the fifth is no tile
    assert to_hex(missed.get_facecolor()[0]) == plots.INK
    (way,) = ax.lines
    assert np.array_equal(np.stack(way.get_data(), 1), lines[:, 1])
    assert ax.get_title(loc="center") == "a lap"
    (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()
    assert left < 0 < 70 < right
    assert low < 0 < 70 < high


def test_ours_are_filled_and_others_hollow():
    (ax,) = car_figures.scores().axes
    dots = [line for line in ax.lines if line.get_marker() == "o"]
    lines = [line for group in car_figures.SCORES.values() for line in group]
    assert [tick.get_text() for tick in ax.get_yticklabels()] == [who for who, _ in lines]
    for dot, (_, what) in zip(dots, lines, strict=True):
        ours = isinstance(what, str)
        mean = load_run("car_racing", what).evaluation["mean"] if ours else what[0]
        assert dot.get_xdata()[0] == mean
        assert dot.get_markerfacecolor() == (plots.REAL if ours else "none")


def test_dreams_stand_in_rows_with_their_steps_above():
    pictures = [np.full((64, 64, 3), value, np.uint8) for value in (0, 100, 200)]
    fig = car_figures.dreams({"τ = 1": pictures, "τ = 2": pictures[::-1]}, [0, 50, 100])
    shown = [int(ax.images[0].get_array()[0, 0, 0]) for ax in fig.axes]
    assert shown == [0, 100, 200, 200, 100, 0]
    assert [ax.get_title(loc="center") for ax in fig.axes] == ["0", "50", "100", "", "", ""]
