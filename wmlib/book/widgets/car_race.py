"""The race: the reader's lap against the published agent's on the same road."""

from pathlib import Path

import traitlets

from wmlib.agent import Agent
from wmlib.book import samples
from wmlib.book.widgets.base import LiveWidget
from wmlib.book.widgets.picture import still
from wmlib.book.widgets.real_and_dream import FRAME, ROLES, TASK
from wmlib.book.widgets.sources import find_networks


class CarRace(LiveWidget):
    """One lap in the real game, against an agent: `CarRace()`, or of a run folder."""

    source = "car_race"

    seed = traitlets.Int(10_002, min=0).tag(sync=True)
    """which road; the same as in Python"""
    your_return = traitlets.Float(0.0).tag(sync=True)
    """of the last race that was driven to its end"""
    agent_return = traitlets.Float(0.0).tag(sync=True)

    def __init__(self, weights: str | Path | Agent = "pretrained", seed: int = 10_002) -> None:
        _, files, names = find_networks(TASK, weights, ROLES)
        super().__init__(
            files,
            seed=seed,
            still=still(
                samples.load(TASK).frames[FRAME],
                "A red car seen from above on a grey road through grass, the real game.",
                "Real: with JavaScript this is a race of one lap against the published agent.",
                width=240,
            ),
            networks=names,
        )
