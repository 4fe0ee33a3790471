"""The cheating meter: four dreams at four temperatures, fireballs and survival counted live."""

import traitlets

from wmlib.book.plots import picture_url
from wmlib.book.report import load_run
from wmlib.book.widgets import dreams
from wmlib.book.widgets.base import LiveWidget
from wmlib.book.widgets.picture import row_of_pictures
from wmlib.book.widgets.sources import TEMPERATURES, find_networks, shipped_controllers

TASK = "doom_take_cover"
STEP = 60
"""Which step of each dream the still picture shows."""


class CheatingMeter(LiveWidget):
    """What a C that learned at a temperature meets there: `CheatingMeter()`.

    Each of the published controllers acts in dreams of the temperature at which it learned.
    """

    source = "cheating_meter"

    taus = traitlets.List(traitlets.Float()).tag(sync=True)
    controllers = traitlets.List(traitlets.Unicode()).tag(sync=True)
    """which C acts at each temperature"""
    real = traitlets.List(traitlets.List(traitlets.Float())).tag(sync=True)
    """for each C the mean, standard error and number of its stored lives in the real game"""
    pictures = traitlets.List(traitlets.Unicode()).tag(sync=True)
    """what each dream shows before it runs"""
    seed = traitlets.Int(0, min=0).tag(sync=True)
    playing = traitlets.Bool(True).tag(sync=True)
    fireballs = traitlets.List(traitlets.Float()).tag(sync=True)
    """mean number of fireballs in view in each dream so far"""
    lives = traitlets.List(traitlets.List(traitlets.Int())).tag(sync=True)
    """lengths of the lives that have ended, for each dream"""

    def __init__(self, seed: int = 0) -> None:
        roles = ("controllers", "memory", "decoder", "probe")
        agent, files, names = find_networks(TASK, "pretrained", roles)
        chosen = shipped_controllers(agent.task)
        keys = [f"tau_{tau:.2f}" for tau in TEMPERATURES]
        scores = [load_run(TASK, f"{key}_seed_0").evaluation for key in keys]
        frames = [
            dreams.picture(agent, seed, tau, STEP, chosen[key][2])
            for tau, key in zip(TEMPERATURES, keys)
        ]
        super().__init__(
            files,
            networks=names,
            taus=list(TEMPERATURES),
            controllers=keys,
            real=[[s["mean"], s["sem"], s["n"]] for s in scores],
            pictures=[picture_url(frame) for frame in frames],
            seed=seed,
            still=row_of_pictures(
                frames,
                [f"τ = {tau:g}" for tau in TEMPERATURES],
                "Four dreams of the same room at four temperatures.",
                "Dreamed at four temperatures, each by the C that learned at its own. With "
                "JavaScript they move, and fireballs and lives are counted.",
            ),
        )
