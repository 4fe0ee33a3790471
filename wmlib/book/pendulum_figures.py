"""The pendulum, drawn: its rod at each step, paler where it was longer ago."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from numpy.typing import NDArray

from wmlib.book import plots

STEPS_PER_SECOND = 20


def swings(episodes: Mapping[str, NDArray[np.floating]], seconds: int = 4) -> Figure:
    """The first `seconds` of some episodes, a row for each and a picture for each second.

    `episodes` maps a label to cos and sin of the angle, (T, 2 or more), at each step; upright is
    (1, 0), and the angle counts leftwards. Labels that begin with "dream" are drawn as dreams, as M
    tells them: such a rod need not keep its length. A single episode needs no label: "".
    """
    shape = len(episodes), seconds
    size = plots.WIDTH, plots.WIDTH / seconds * len(episodes) + 0.3
    fig, axes = plt.subplots(*shape, figsize=size, squeeze=False)
    for row, (label, states) in zip(axes, episodes.items()):
        colour = plots.DREAM if label.startswith("dream") else plots.REAL
        for second, ax in enumerate(row):
            start = second * STEPS_PER_SECOND
            _rods(ax, states[start : start + STEPS_PER_SECOND + 1, :2], colour)
            if ax.get_subplotspec().is_first_row():
                ax.set_title(f"second {second + 1}", weight="normal", loc="center", fontsize=11)
        row[0].set_ylabel(label)
    return fig


def _rods(ax: Axes, states: NDArray[np.floating], colour: str) -> None:
    """One stretch of time; the last rod is thick and carries its bob."""
    tips = np.stack([-states[:, 1], states[:, 0]], 1)  # (T, 2)
    before = [[(0, 0), tip] for tip in tips[:-1]]
    shades = np.linspace(0.12, 0.55, len(before))
    ax.add_patch(Circle((0, 0), 1, fill=False, ec=plots.GREYS[3], lw=0.8))
    ax.add_collection(LineCollection(before, colors=colour, alpha=shades, linewidths=1.3))
    ax.plot(*zip((0, 0), tips[-1]), color=colour, linewidth=3.4, solid_capstyle="round")
    ax.plot(*tips[-1], "o", ms=7, color=colour)
    ax.plot(0, 0, "o", ms=3.5, color=plots.INK)
    ax.set(xlim=(-1.2, 1.2), ylim=(-1.2, 1.2), aspect="equal", xticks=[], yticks=[])
    ax.grid(False)
    ax.spines[:].set_visible(False)
