"""The batter of chapter 1: who still hits when the picture is old or the spin is strange?"""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import traitlets

from wmlib.book import plots
from wmlib.book.widgets.base import LiveWidget
from wmlib.book.widgets.picture import still


class Batter(LiveWidget):
    """Four batters, the age of the picture that they act on, and the spin of the pitches."""

    source = "batter"

    age = traitlets.Float(0.1).tag(sync=True)
    """seconds between what the eye sees and what the swing can use"""
    spin = traitlets.Float(4.0).tag(sync=True)
    """of the pitches, in metres per second squared; above 0 it holds the ball up"""
    practised = traitlets.Float(4.0).tag(sync=True)
    """the spin of the pitches that the learned model has watched"""
    contact = traitlets.List(traitlets.Float()).tag(sync=True)
    """share of pitches that each batter hits: no model, straight line, given physics, learned
    model; told by the browser"""

    def __init__(self, **traits: Any) -> None:
        super().__init__(still=_still(), **traits)


def _still() -> str:
    """One pitch: the ball, what is seen of it, and the straight line that misses it."""
    alt = "A ball falls towards the plate; the straight line through what was seen ends above it."
    fig, ax = plt.subplots(figsize=(6.2, 2.8))
    t = np.linspace(0, 0.4, 60)
    height = 1.8 - 1.09 * t - (9.81 - 4.0) * t**2 / 2
    seen, later = t <= 0.15, t >= 0.15
    ax.plot(42 * t, height, color=plots.REAL, label="the ball")
    ax.plot(42 * t[seen][::3], height[seen][::3], "o", ms=4, color=plots.REAL, label="seen")
    slope, level = np.polyfit(t[seen], height[seen], 1)
    ax.plot(42 * t[later], level + slope * t[later], "--", color=plots.DREAM, label="straight line")
    ax.axvline(42 * 0.25, color=plots.GREYS[1], lw=1)
    ax.set(xlabel="distance from the pitcher (m)", ylabel="height (m)", ylim=(0, 2.2))
    ax.legend(loc="lower left")
    caption = "Grey: here the swing begins. The page's own version throws pitches of your choice."
    return still(plots.page_svg(fig, alt), alt, caption)
