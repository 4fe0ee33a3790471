"""The book's live widgets: in the built pages (no kernel), JupyterLab and Colab; see README.md."""

from wmlib.book.widgets.batter import Batter
from wmlib.book.widgets.credit_explorer import CreditExplorer
from wmlib.book.widgets.evolution_explorer import EvolutionExplorer
from wmlib.book.widgets.pendulum_lab import PendulumLab
from wmlib.book.widgets.picture_slider import PictureSlider, slider, slider_grid
from wmlib.book.widgets.time_line import TimeLine

__all__ = [
    "Batter",
    "CreditExplorer",
    "EvolutionExplorer",
    "PendulumLab",
    "PictureSlider",
    "TimeLine",
    "slider",
    "slider_grid",
]
