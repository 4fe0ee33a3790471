"""Live widgets: one source for the book's pages, JupyterLab and Colab (see README.md here)."""

from wmlib.errors import needing

with needing("wmlib.book.widgets", extra="book"):
    from wmlib.book.widgets.batter import Batter
    from wmlib.book.widgets.bundle import listing
    from wmlib.book.widgets.car_race import CarRace
    from wmlib.book.widgets.cheating_meter import CheatingMeter
    from wmlib.book.widgets.credit_explorer import CreditExplorer
    from wmlib.book.widgets.dream_player import DreamPlayer
    from wmlib.book.widgets.evolution_explorer import EvolutionExplorer
    from wmlib.book.widgets.latent_explorer import LatentExplorer
    from wmlib.book.widgets.mixture_explorer import MixtureExplorer
    from wmlib.book.widgets.pendulum_lab import PendulumLab
    from wmlib.book.widgets.picture_slider import PictureSlider, slider, slider_grid
    from wmlib.book.widgets.real_and_dream import RealAndDream
    from wmlib.book.widgets.time_line import TimeLine

__all__ = [
    "Batter",
    "CarRace",
    "CheatingMeter",
    "CreditExplorer",
    "DreamPlayer",
    "EvolutionExplorer",
    "LatentExplorer",
    "MixtureExplorer",
    "PendulumLab",
    "PictureSlider",
    "RealAndDream",
    "TimeLine",
    "listing",
    "slider",
    "slider_grid",
]
