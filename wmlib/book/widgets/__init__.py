"""Live widgets: one source for the book's pages, JupyterLab and Colab (see README.md here)."""

from wmlib.book.widgets.car_race import CarRace
from wmlib.book.widgets.dream_player import DreamPlayer
from wmlib.book.widgets.real_and_dream import RealAndDream

__all__ = ["CarRace", "DreamPlayer", "RealAndDream"]
