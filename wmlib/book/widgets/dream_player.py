"""The dream player: watch C in M's dream, or take over."""

from pathlib import Path

import traitlets

from wmlib.agent import Agent
from wmlib.book.widgets import dreams
from wmlib.book.widgets.base import LiveWidget
from wmlib.book.widgets.picture import still
from wmlib.book.widgets.sources import find_networks
from wmlib.errors import UserError

ROLES = ("controllers", "memory", "decoder")

CAPTIONS = {
    "doom_take_cover": (
        "A room with walls of stone, monsters at its far end and often a fireball, as M dreams it.",
        "Dreamed: M continues the game, V's decoder paints it, C dodges. With JavaScript it moves, "
        "and the arrow keys take over.",
        150,
    ),
    "car_racing": (
        "A car seen from above on a grey road through grass, as M dreams it.",
        "Dreamed: M continues the race, V's decoder paints it, C drives. With JavaScript it moves, "
        "and the arrow keys take over.",
        90,
    ),
}
"""By task: what its still picture shows, its caption, and the step of the dream that is shown."""


class DreamPlayer(LiveWidget):
    """Play inside M: `DreamPlayer("car_racing")`, or `DreamPlayer(task, "runs/mine")`."""

    source = "dream_player"

    task = traitlets.Unicode().tag(sync=True)
    tau = traitlets.Float(1.0, min=0.1, max=3.0).tag(sync=True)
    """temperature of the dream"""
    seed = traitlets.Int(0, min=0).tag(sync=True)
    """which dream; one more begins the next one"""
    controller = traitlets.Unicode("published").tag(sync=True)
    """which C acts, by its name"""
    playing = traitlets.Bool(True).tag(sync=True)
    step = traitlets.Int(0).tag(sync=True)
    """steps of this dream so far"""
    action = traitlets.List(traitlets.Float()).tag(sync=True)
    """what was done last"""
    risk = traitlets.Float(0.0).tag(sync=True)
    """M's probability that the last action ended the episode"""
    human = traitlets.Bool(False).tag(sync=True)
    """whether the reader acted last"""

    def __init__(
        self, task: str, weights: str | Path | Agent = "pretrained", tau: float = 1.0, seed: int = 0
    ) -> None:
        if task not in CAPTIONS:
            raise UserError(f"no dream to see of '{task}': choose one of {', '.join(CAPTIONS)}")
        agent, files, names = find_networks(task, weights, ROLES)
        alt, caption, step = CAPTIONS[task]
        picture = still(dreams.picture(agent, seed, tau, step), alt, caption, width=352)
        super().__init__(
            files,
            task=task,
            tau=tau,
            seed=seed,
            still=picture,
            networks=names,
            controller="published" if str(weights) == "pretrained" else "params",
        )
