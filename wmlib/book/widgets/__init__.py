"""Live widgets: one source for the book's pages, JupyterLab and Colab (see README.md here)."""

from wmlib.book.widgets.cheating_meter import CheatingMeter
from wmlib.book.widgets.dream_player import DreamPlayer
from wmlib.book.widgets.latent_explorer import LatentExplorer
from wmlib.book.widgets.mixture_explorer import MixtureExplorer

__all__ = ["CheatingMeter", "DreamPlayer", "LatentExplorer", "MixtureExplorer"]
