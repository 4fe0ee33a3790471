"""The evolution explorer of chapter 6: CMA-ES on a landscape over two parameters."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import traitlets
from matplotlib.patches import Ellipse

from wmlib import plots
from wmlib.book.widgets.base import LiveWidget
from wmlib.book.widgets.picture import still


class EvolutionExplorer(LiveWidget, module="evolution_explorer"):
    """The cloud of candidates, its mean and its ellipse, one generation at a time."""

    landscape = traitlets.Enum(["valley", "bowl", "gorge", "pits"], "valley").tag(sync=True)
    sigma0 = traitlets.Float(0.4).tag(sync=True)
    """the cloud's first width"""
    population = traitlets.Int(16).tag(sync=True)
    """candidates in a generation"""
    seed = traitlets.Int(1).tag(sync=True)
    """of the candidates; another one starts again"""
    generation = traitlets.Int(1).tag(sync=True)
    """told by the browser, as are sigma, mean and best"""
    sigma = traitlets.Float().tag(sync=True)
    mean = traitlets.List(traitlets.Float()).tag(sync=True)
    best = traitlets.Float().tag(sync=True)

    def __init__(self, **traits: Any) -> None:
        super().__init__(still=_still(), **traits)


def _still() -> str:
    """The bent valley and the first cloud."""
    alt = "A bent valley in grey, and the ellipse from which the first candidates are drawn."
    fig, ax = plt.subplots(figsize=(3.6, 3.4))
    x, y = np.meshgrid(np.linspace(-2, 2, 160), np.linspace(-1, 3, 160))
    depth = -np.log((1 - x) ** 2 + 20 * (y - x**2) ** 2 + 0.02)
    bands = np.digitize(depth, np.linspace(depth.min(), depth.max(), 13)[1:-1])
    ax.imshow(bands, cmap="Greys", alpha=0.6, extent=(-2, 2, -1, 3), origin="lower")
    ax.add_patch(Ellipse((-1.2, 1.5), 1.6, 1.6, fill=False, lw=1.6, ec=plots.GREYS[2]))
    ax.grid(False)
    ax.set(xlabel="first parameter", ylabel="second parameter")
    return still(plots.page_svg(fig, alt), alt, "The page's own version lets the cloud run.")
