"""The credit explorer of chapter 2: what a late bell costs a learner."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import traitlets

from wmlib.book import credit, plots
from wmlib.book.widgets.base import LiveWidget
from wmlib.book.widgets.picture import still


class CreditExplorer(LiveWidget):
    """Delay and number of parameters against the episodes that one useful step costs."""

    source = "credit_explorer"

    delay = traitlets.Int(10).tag(sync=True)
    """T: presses between the deciding one and the bell"""
    parameters = traitlets.Int(64).tag(sync=True)
    """D: weights of the linear controller, one for each pixel"""
    episodes = traitlets.Int(100).tag(sync=True)
    """N: episodes averaged for one estimate of the gradient"""
    price = traitlets.Float().tag(sync=True)
    """episodes for which REINFORCE's noise equals its signal; told by the browser"""
    price_evolution = traitlets.Float().tag(sync=True)

    def __init__(self, **traits: Any) -> None:
        super().__init__(still=_still(), **traits)


def _still() -> str:
    alt = "The price of one useful step rises with the delay for REINFORCE and not for evolution."
    fig, ax = plt.subplots(figsize=(6.2, 2.8))
    delays = np.unique(np.geomspace(1, 1001, 40).astype(int))
    for D, style in ((16, "-"), (64, "--"), (256, ":")):
        tasks = [credit.LampTask(int(T) - 1, D) for T in delays]
        worth = np.array([credit.reinforce_noise(task) for task in tasks])
        ax.plot(delays, worth[:, 1] / worth[:, 0], style, color=plots.GREYS[2], label=f"D = {D}")
        signal, noise = credit.evolution_noise(tasks[0])
        ax.axhline(noise / signal, ls=style, color=plots.GREYS[1])
    ax.set(xscale="log", yscale="log", xlabel="presses T + 1", ylabel="episodes")
    ax.legend()
    caption = "Rising: REINFORCE. Level: evolution. The page's own version lets you choose T and D."
    return still(plots.page_svg(fig, alt), alt, caption)
