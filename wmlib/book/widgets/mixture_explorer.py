"""The mixture explorer: what M predicts for one latent dimension, and what really came."""

from pathlib import Path

import numpy as np
import torch
import traitlets

from wmlib.agent import Agent
from wmlib.book import samples
from wmlib.book.widgets.base import LiveWidget
from wmlib.book.widgets.latent_explorer import TELLING
from wmlib.book.widgets.picture import row_of_pictures
from wmlib.book.widgets.sources import find_networks
from wmlib.book.widgets.weights import pack
from wmlib.model.vision import decode_pictures

STEPS = 160
"""How many steps of the episode are shown."""
EPISODE = {"doom_take_cover": 1, "car_racing": 3}
"""Which of the package's sample episodes; this one in Doom ends by a fireball."""
SOME = 8


class MixtureExplorer(LiveWidget):
    """M's mixture at a moment of a real episode: `MixtureExplorer("doom_take_cover")`.

    With a reader's agent its M reads the latents that the published V made of the episode, so it
    must have learned on that V's latents.
    """

    source = "mixture_explorer"

    task = traitlets.Unicode().tag(sync=True)
    episode = traitlets.Bytes().tag(sync=True)
    """z (T, N_z) and a (T, A) of the real episode, packed"""
    dimensions = traitlets.List(traitlets.Int()).tag(sync=True)
    """those that tell something, the most telling first"""
    dimension = traitlets.Int().tag(sync=True)
    step = traitlets.Int().tag(sync=True)
    """the moment: M has seen z and a up to it, and predicts the next z"""
    tau = traitlets.Float(1.0, min=0.1, max=3.0).tag(sync=True)

    def __init__(self, task: str, weights: str | Path | Agent = "pretrained") -> None:
        agent, files, names = find_networks(task, weights, ("memory", "decoder"))
        z, actions, spread = real_episode(task)
        order = [int(i) for i in (-spread).argsort() if spread[i] > TELLING]
        step, dimension = most_undecided(agent, z, actions, order)
        halves = {"z": z.astype(np.float16), "a": actions.astype(np.float16)}
        frames = decode_pictures(agent.vision, torch.from_numpy(z[step : step + 2]))
        super().__init__(
            files,
            networks=names,
            task=task,
            episode=pack({"steps": len(z)}, halves),
            dimensions=order,
            dimension=dimension,
            step=step,
            still=row_of_pictures(
                list(frames),
                ["a moment of a real episode", "the next one"],
                "Two frames of the game as V sees them:",
                "With JavaScript: what M predicted of the second, dimension by dimension.",
            ),
        )


def real_episode(task: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """z (T, N_z) and actions (T, A) of a real episode, and (N_z,) how far V's means spread."""
    latents = samples.load(task).latents
    first = latents.first[EPISODE[task]]
    last = latents.first[EPISODE[task] + 1]
    rows = slice(first, min(first + STEPS, last))
    spread = latents.mu.astype(np.float32).std(0)
    return latents.sample(rows, seed=0).numpy(), latents.actions[rows], spread


@torch.no_grad()
def most_undecided(
    agent: Agent, z: np.ndarray, actions: np.ndarray, dimensions: list[int]
) -> tuple[int, int]:
    """The moment and the dimension at which M's Gaussians lie farthest apart for their widths."""
    restart = torch.zeros(1, len(z))
    restart[0, 0] = 1
    out, _ = agent.memory(torch.from_numpy(z)[None], torch.from_numpy(actions)[None], restart)
    weight, mu, std = out.logpi.exp()[0], out.mu[0], out.logstd.exp()[0]  # each (T, N_z, K)
    mean = (weight * mu).sum(-1, keepdim=True)
    between = (weight * (mu - mean).square()).sum(-1)
    within = (weight * std.square()).sum(-1)
    ratio = (between / within)[SOME:-SOME, dimensions[:SOME]]
    step, place = divmod(int(ratio.argmax()), ratio.shape[1])
    return step + SOME, dimensions[place]
