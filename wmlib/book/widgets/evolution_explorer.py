"""The evolution explorer of chapter 6: CMA-ES on a landscape over two parameters."""

from typing import Any

import numpy as np
import traitlets

from wmlib.book import evolution_figures, plots
from wmlib.book.widgets.base import LiveWidget
from wmlib.book.widgets.picture import still


class EvolutionExplorer(LiveWidget):
    """The cloud of candidates, its mean and its ellipse, one generation at a time."""

    source = "evolution_explorer"

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
    alt = "A bent valley in grey lines, and the ellipse from which the first candidates are drawn."
    fig = evolution_figures.cloud((-1.2, 1.5), 0.4**2 * np.eye(2), size=(3.6, 3.4))
    return still(plots.page_svg(fig, alt), alt, "The page's own version lets the cloud run.")
