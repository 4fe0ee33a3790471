"""Figures of CarRacing: scores on one axis, laps from above, dreams step by step."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray

from wmlib.book import paper, plots, report

DOT = 20.0
"""points of the game that a dot covers to either side"""
MARGIN = 15.0
"""units of the game around a track"""
NAMES = 90
"""points for the names to the left of the scores"""
GRID = (0, 300, 600, 900)
"""returns with a line"""


Theirs = Sequence[int]
"""mean and standard deviation of what others have published"""
THEIRS = {row.run: row.score for row in paper.CAR_RACING if row.score}
TALLEC = paper.CAR_UNTRAINED

SCORES: dict[str, tuple[tuple[str, str | Theirs], ...]] = {
    "V and M, C on z and h": (
        ("ours, published", "main"),
        ("ours, short search", "second_round"),
        ("paper", paper.CAR_BEST),
        ("Tallec et al.", TALLEC[:2]),
    ),
    "an M that never learned": (
        ("ours, short search", "random_memory"),
        ("Tallec et al.", TALLEC[2:]),
    ),
    "no M, C on z": (("ours, short search", "z_only"), ("paper", THEIRS["z_only"])),
    "no M, C with 40 hidden units": (
        ("ours, short search", "z_hidden"),
        ("paper", THEIRS["z_hidden"]),
    ),
    "without a model, as the paper cites them": (
        ("gym leaderboard", (838, 11)),
        ("A3C, discrete", (652, 10)),
        ("A3C, continuous", (591, 45)),
        ("DQN", (343, 18)),
    ),
    "a random player": (("ours", "random_uniform"),),
}
"""Heading -> lines: who, and a published run of ours or what others have published. The cited ones
stand in the paper's table of CarRacing."""


def scores() -> Figure:
    """Mean returns with standard deviations on one axis; others' dots are hollow."""
    fig, ax = plt.subplots(figsize=(plots.WIDTH, 5.5))
    y, names = 0.0, dict[float, str]()
    for heading, group in SCORES.items():
        ax.annotate(
            heading,
            (0, y),
            xytext=(-NAMES, 0),
            xycoords=ax.get_yaxis_transform(),
            textcoords="offset points",
            va="center",
            weight="bold",
        )
        for who, what in group:
            names[y := y + 1] = who
            _score(ax, y, what)
        top, bottom = y - len(group) + 0.5, y + 0.5  # a heading has no lines behind it
        ax.vlines(GRID, top, bottom, plots.GREYS[3], linewidth=0.8, alpha=0.7, zorder=0)
        solved = paper.CAR_SOLVED
        ax.vlines(solved, top, bottom, plots.GREYS[1], ":", linewidth=1.2, zorder=0)
        y += 1.5
    ax.set_yticks(list(names), list(names.values()), ha="left")
    ax.tick_params(axis="y", length=0, pad=NAMES)
    ax.grid(visible=False)
    ax.spines["left"].set_visible(False)
    ax.set(xlim=(-70, 1010), ylim=(y - 0.4, -0.6), xticks=GRID)
    ax.set_xlabel("return of an episode (dotted: solved)")
    return fig


def _score(ax: Axes, y: float, what: str | Theirs) -> None:
    """A dot with its whisker, and the numbers at the right end of the line."""
    if isinstance(what, str):
        found = report.load_run("car_racing", what).evaluation
        mean, std, colour, face = found["mean"], found["std"], plots.REAL, plots.REAL
    else:
        (mean, std), colour, face = what, plots.GREYS[2], "none"
    for end, side in ((mean - std, -DOT), (mean + std, DOT)):
        if std > DOT:  # no line through a hollow dot
            ax.plot([mean + side, end], [y, y], color=colour, linewidth=1.3)
    ax.plot(mean, y, "o", ms=6.5, color=colour, mfc=face)
    told = f"{mean:.0f} ± {std:.0f}".replace("-", "\N{MINUS SIGN}")
    ax.text(1.02, y, told, transform=ax.get_yaxis_transform(), va="center", fontsize=10)


def laps(game: Mapping[str, Any], lines: NDArray[np.floating], told: Mapping[int, str]) -> Figure:
    """Whole tracks from above on one scale, with the driven lines; missed tiles are solid.

    `game` is a snapshot of N games of the simulator at the end, `lines` (T, N, 2) where the cars
    were, and `told` maps the games to draw to their titles.
    """
    tracks = [game["tile_poly"][slot, : game["n_tiles"][slot]] for slot in told]  # (tiles, 4, 2)
    wide, high = np.max([np.ptp(tiles, (0, 1)) for tiles in tracks], 0) / 2 + MARGIN
    size = (plots.WIDTH, plots.WIDTH / len(told) * high / wide + 0.35)
    fig, axes = plt.subplots(1, len(told), figsize=size, squeeze=False)
    for ax, tiles, (slot, title) in zip(axes[0], tracks, told.items()):
        missed = game["tile_visited"][slot, : len(tiles)] == 0
        for which, colour in ((~missed, plots.GREYS[3]), (missed, plots.INK)):
            ax.add_collection(PolyCollection(tiles[which], facecolor=colour, edgecolor="none"))
        ax.plot(*lines[:, slot].T, color=plots.REAL, linewidth=1.1)
        x, y = (tiles.min((0, 1)) + tiles.max((0, 1))) / 2
        ax.set(xlim=(x - wide, x + wide), ylim=(y - high, y + high), aspect="equal")
        ax.set_title(title, weight="normal", loc="center", fontsize=11)
        ax.axis("off")
    return fig


def dreams(rows: Mapping[str, Sequence[NDArray[np.uint8]]], steps: Sequence[int]) -> Figure:
    """Pictures (64, 64, 3) of some dreams, a row each, at the `steps` that stand above."""
    shape = len(rows), len(steps)
    fig, axes = plt.subplots(*shape, figsize=(plots.WIDTH, plots.WIDTH * shape[0] / shape[1] + 0.2))
    for line, (name, pictures) in zip(np.atleast_2d(axes), rows.items()):
        for ax, picture, step in zip(line, pictures, steps):
            ax.imshow(picture, extent=(0, 64, 64, 0))
            ax.set(xticks=[], yticks=[])
            ax.grid(False)
            ax.spines[:].set(visible=True, color=plots.DREAM, linewidth=1.6)
            if ax.get_subplotspec().is_first_row():
                ax.set_title(f"{step}", weight="normal", loc="center", fontsize=11)
        if line[0].get_subplotspec().is_first_row():
            line[0].annotate(
                "step",
                (0, 1),
                xytext=(-4, 6),
                xycoords="axes fraction",
                textcoords="offset points",
                ha="right",
            )
        line[0].set_ylabel(name, rotation=0, ha="right", va="center")
    return fig
