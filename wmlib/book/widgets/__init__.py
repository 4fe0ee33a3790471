"""Live widgets: one source for the book's pages, JupyterLab and Colab (see README.md here)."""

from wmlib.book.widgets.dream_player import DreamPlayer

__all__ = ["DreamPlayer"]
