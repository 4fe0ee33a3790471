"""Real and dream: the real CarRacing in the page, and what M dreams from the same actions."""

from functools import cache
from pathlib import Path

import numpy as np
import torch
import traitlets

from wmlib.agent import Agent
from wmlib.book import samples
from wmlib.book.widgets.base import LiveWidget
from wmlib.book.widgets.picture import still
from wmlib.book.widgets.sources import find_networks
from wmlib.model.vision import VAE, decode_pictures

TASK = "car_racing"
ROLES = ("controllers", "memory", "decoder", "encoder")
PAIRS = 100  # of moments, for `unrelated`
FRAME = 60  # of the samples, shown as the still


@cache
def unrelated(vision: VAE) -> float:
    """How much what V keeps differs between two unrelated moments, at least: three of four pairs
    have a larger mean absolute difference than this, of 255."""
    frames = samples.load(TASK).frames
    chosen = np.random.default_rng(0).integers(0, len(frames), 2 * PAIRS)
    with torch.inference_mode():
        mu, _ = vision.encode(torch.from_numpy(frames[chosen]))
    pictures = decode_pictures(vision, mu)
    apart = np.abs(pictures[:PAIRS].astype(int) - pictures[PAIRS:])
    return float(np.quantile(apart.mean((1, 2, 3)), 0.25))


class RealAndDream(LiveWidget):
    """The real game, what V keeps of it and what M dreams: `RealAndDream()`, or of a run folder."""

    source = "real_and_dream"

    tau = traitlets.Float(1.0, min=0.1, max=3.0).tag(sync=True)
    """temperature of the dream"""
    seed = traitlets.Int(10_000, min=0).tag(sync=True)
    """which road; the same as in Python"""
    controller = traitlets.Unicode("published").tag(sync=True)
    """which C drives, by its name"""
    wake_every = traitlets.Int(100, min=0).tag(sync=True)
    """steps after which the dream begins anew at what V and M know; 0: only when told"""
    playing = traitlets.Bool(True).tag(sync=True)
    step = traitlets.Int(0).tag(sync=True)
    """steps of this drive so far"""
    action = traitlets.List(traitlets.Float()).tag(sync=True)
    """what was done last: steer, gas, brake"""
    human = traitlets.Bool(False).tag(sync=True)
    """whether the reader acted last"""
    apart = traitlets.Float(0.0).tag(sync=True)
    """mean difference of what V keeps and what M dreams, of 255"""
    unrelated = traitlets.Float().tag(sync=True)
    """three of four pairs of unrelated moments differ more: beyond it they have parted"""

    def __init__(
        self, weights: str | Path | Agent = "pretrained", tau: float = 1.0, seed: int = 10_000
    ) -> None:
        published = str(weights) == "pretrained"
        roles = (*ROLES, "untrained") if published else ROLES
        agent, files, names = find_networks(TASK, weights, roles)
        super().__init__(
            files,
            tau=tau,
            seed=seed,
            still=still(
                samples.load(TASK).frames[FRAME],
                "A red car seen from above on a grey road through grass, the real game.",
                "Real: the game itself runs here, beside it what V keeps and what M dreams from "
                "the same actions. With JavaScript it moves, and the arrow keys drive.",
                width=240,
            ),
            networks=names,
            unrelated=unrelated(agent.vision),
            controller="published" if published else "params",
        )
