"""The time line of chapter 5: who is computed when, one arrow at a time."""

from typing import Any

import traitlets

from wmlib.book import schematics
from wmlib.book.widgets.base import LiveWidget
from wmlib.book.widgets.picture import still

ALT = "Time line of x, z, h and a over three steps, in the game."


class TimeLine(LiveWidget):
    """One step of x, z, a and h, forwards and back, in the game or in the dream."""

    source = "time_line"

    dream = traitlets.Bool(False).tag(sync=True)
    """whether M takes the place of V"""
    stage = traitlets.Int(6).tag(sync=True)
    """how far the step has come; the last stage (6, in a dream 4) shows all of it"""

    def __init__(self, caption: str = "", **traits: Any) -> None:
        drawing = schematics.timeline(dream=bool(traits.get("dream", False)))
        super().__init__(still=still(drawing.svg(), ALT, caption), **traits)
