"""A search over two parameters, drawn: the landscape, the candidates and their cloud."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse
from numpy.typing import ArrayLike, NDArray

from wmlib.book import plots

LEVELS = (0.1, 0.3, 1, 3, 8, 20, 45, 90, 160)
"""heights of the valley at which a line is drawn"""


def valley(x: NDArray[np.floating]) -> NDArray[np.floating]:
    """Rosenbrock's banana, (..., 2) -> (...): bent, and lowest at (1, 1), where it is 0."""
    return (1 - x[..., 0]) ** 2 + 20 * (x[..., 1] - x[..., 0] ** 2) ** 2


def cloud(
    mean: ArrayLike,
    covariance: ArrayLike,
    points: ArrayLike = (),
    size: tuple[float, float] = (4.4, 3.5),
) -> Figure:
    """The valley in lines of equal height, its lowest point (x), candidates (P, 2), their cloud:
    the mean (+) and the ellipse of two deviations."""
    fig, ax = plt.subplots(figsize=size)
    x, y = np.meshgrid(np.linspace(-2, 2, 160), np.linspace(-1, 3, 160))
    ax.contour(x, y, valley(np.stack([x, y], -1)), LEVELS, colors=plots.GREYS[3], linewidths=1)
    ax.plot(1, 1, "x", ms=9, mew=1.6, color=plots.GREYS[2])
    ax.plot(*np.asarray(mean), "+", ms=11, mew=1.6, color=plots.GREYS[2])
    values, vectors = np.linalg.eigh(np.asarray(covariance))  # ascending
    angle = np.degrees(np.arctan2(vectors[1, 1], vectors[0, 1]))
    width, height = 4 * np.sqrt(values[::-1])
    look = {"fill": False, "lw": 1.6, "ec": plots.GREYS[2]}
    ax.add_patch(Ellipse(tuple(np.asarray(mean)), width, height, angle=angle, **look))
    ax.plot(*np.reshape(points, (-1, 2)).T, "o", ms=4, color=plots.GREYS[2])
    ax.grid(False)
    ax.set(xlim=(-2, 2), ylim=(-1, 3), xticks=range(-2, 3), yticks=range(-1, 4))
    ax.set(xlabel="first parameter", ylabel="second parameter")
    return fig
