"""The book's live widgets: in the built pages (no kernel), JupyterLab and Colab; see README.md."""

from wmlib.book.widgets.picture_slider import PictureSlider, slider, slider_grid

__all__ = ["PictureSlider", "slider", "slider_grid"]
