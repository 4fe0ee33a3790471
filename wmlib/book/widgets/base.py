"""What all live widgets share: an anywidget whose JavaScript is bundled from `js/`.

One source serves three places. In JupyterLab and Colab anywidget carries the code and the traits.
On the book's static pages there is no kernel: the build (`tools/live_pages.py`) writes each
widget's traits into the page, and one script shared by all pages runs the same code on them.
"""

from collections.abc import Mapping
from typing import Any

import anywidget
import ipywidgets
import traitlets

from wmlib.book.widgets.bundle import FOLDER, for_jupyter

CSS = FOLDER.parent / "widgets.css"


class LiveWidget(anywidget.AnyWidget):
    """A widget that a module of `js/` draws: `class Batter(LiveWidget)` with `source = "batter"`.

    (Not as a keyword of the class: Colab's traitlets, 5.7, takes none.) All traits tagged
    `sync=True` reach JavaScript by `model.get("name")`. What is drawn before JavaScript runs,
    without it and in print is `still`.
    """

    module = traitlets.Unicode().tag(sync=True)
    """which module of `js/` draws this widget"""
    still = traitlets.Unicode().tag(sync=True)
    """HTML that stands in the widget's place until it runs: a picture and its caption"""
    networks = traitlets.Dict().tag(sync=True)
    """by role ("memory", "decoder", …) the name of the file that the browser loads"""

    source = ""

    def __init_subclass__(cls) -> None:
        if "source" in cls.__dict__:  # anywidget makes subclasses of its own, with traits
            cls._esm = for_jupyter(cls.source)
            cls._css = CSS.read_text(encoding="utf-8")
        super().__init_subclass__()

    def __init__(self, files: Mapping[str, bytes] | None = None, **traits: Any) -> None:
        """`files` give the networks' bytes to a browser that asks for them."""
        super().__init__(module=self.source, **traits)
        self._files = files
        self.on_msg(self._answer)

    def _answer(self, widget: ipywidgets.Widget, content: Any, buffers: list) -> None:
        """The browser asks for a network ({"need": name}): send its bytes."""
        name = content.get("need") if isinstance(content, dict) else None
        if name is None or self._files is None:
            return
        try:
            self.send({"network": name}, buffers=[self._files[name]])
        except KeyError:
            self.send({"network": name, "error": f"Python has no network {name}"})
