"""The latent explorer: turn the numbers that V keeps of a real frame, and see what they say."""

from pathlib import Path

import numpy as np
import torch
import traitlets

from wmlib.agent import Agent
from wmlib.book import samples
from wmlib.book.plots import picture_url
from wmlib.book.widgets.base import LiveWidget
from wmlib.book.widgets.picture import row_of_pictures
from wmlib.book.widgets.sources import find_networks
from wmlib.model.vision import decode_pictures

FRAMES = 8
TELLING = 0.3
"""A dimension tells something if V's mean moves by more than this from frame to frame (standard
deviation; the noise of a sample is about 1 where it tells nothing)."""


class LatentExplorer(LiveWidget):
    """A real frame, what V keeps of it, and what a turned code draws: `LatentExplorer(task)`."""

    source = "latent_explorer"

    task = traitlets.Unicode().tag(sync=True)
    frames = traitlets.List(traitlets.Unicode()).tag(sync=True)
    """real frames as data: URLs"""
    codes = traitlets.List(traitlets.List(traitlets.Float())).tag(sync=True)
    """V's mean of z for each of them"""
    dimensions = traitlets.List(traitlets.Int()).tag(sync=True)
    """those that tell something, the most telling first"""
    index = traitlets.Int(0, min=0).tag(sync=True)
    """which frame"""
    z = traitlets.List(traitlets.Float()).tag(sync=True)
    """the turned code"""

    def __init__(self, task: str, weights: str | Path | Agent = "pretrained") -> None:
        agent, files, names = find_networks(task, weights, ("decoder",))
        frames, order = some_frames(task), telling_dimensions(agent, task)
        with torch.no_grad():
            codes = agent.vision.encode(torch.from_numpy(frames))[0]  # (n, N_z)
        kept = decode_pictures(agent.vision, codes[:1])[0]
        super().__init__(
            files,
            networks=names,
            task=task,
            frames=[picture_url(frame) for frame in frames],
            codes=[[round(float(value), 4) for value in code] for code in codes],
            dimensions=order,
            still=row_of_pictures(
                [frames[0], kept],
                ["a real frame", f"what V keeps of it, in {agent.vision.n_z} numbers"],
                "One picture of the game, twice:",
                "With JavaScript each of the numbers can be turned.",
            ),
        )


def some_frames(task: str) -> np.ndarray:
    """uint8 (n, 64, 64, 3): real frames far from each other; in Doom with fireballs to be seen."""
    found = samples.load(task)
    rows = np.arange(len(found.frames))
    if "fireballs" in found.facts:
        rows = rows[found.facts["fireballs"] > 1]
    places = np.linspace(0, len(rows) - 1, 2 * FRAMES + 1).astype(int)[1::2]
    return found.frames[rows[places]]


def telling_dimensions(agent: Agent, task: str) -> list[int]:
    """The dimensions of z that tell something, the most telling first."""
    with torch.no_grad():
        frames = torch.from_numpy(samples.load(task).frames[::4])
        spread = agent.vision.encode(frames)[0].std(0)
    return [int(i) for i in spread.argsort(descending=True) if spread[i] > TELLING]
