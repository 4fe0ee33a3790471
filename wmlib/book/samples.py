"""A few real frames and latents of each game that ship with the package, so that every chapter
runs without collecting anything. `tools/make_samples.py` makes them from a run folder.

Letters: n frames, m latent steps, E episodes, N_z, A action dims.
"""

from dataclasses import dataclass
from importlib import resources

import numpy as np

from wmlib.data.latents import Latents
from wmlib.errors import UserError
from wmlib.tasks import get_task


@dataclass(frozen=True)
class Samples:
    """Consecutive frames of a few episodes, and the latents of some whole ones.

    `facts` are values of the game that V never sees, each (n,): the car's speed in units per
    second, the number of fireballs in Doom.
    """

    frames: np.ndarray
    """uint8 (n, 64, 64, 3)"""
    actions: np.ndarray
    """float32 (n, A): a_t chosen after frame t"""
    rewards: np.ndarray
    """float32 (n,)"""
    first: np.ndarray
    """int64 (E + 1,): episode i has the frames first[i] to first[i + 1]"""
    facts: dict[str, np.ndarray]
    latents: Latents
    """(mu, logvar) of whole episodes, others than those of the frames; no training saw them"""
    latent_facts: dict[str, np.ndarray]
    """the same facts for each latent step, each (m,)"""


def load(task: str) -> Samples:
    """The samples of a task; made by this project's own V, which `wmlib.load_pretrained` gives."""
    path = resources.files("wmlib.book") / "assets" / f"{get_task(task).name}.npz"
    if not path.is_file():
        raise UserError(f"no samples for {task}: make them with tools/make_samples.py")
    with resources.as_file(path) as file, np.load(file, allow_pickle=False) as npz:
        arrays = {name: npz[name] for name in npz.files}

    def part(prefix: str) -> dict[str, np.ndarray]:
        return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}

    return Samples(
        **{name: arrays[name] for name in ("frames", "actions", "rewards", "first")},
        facts=part("fact_"),
        latents=Latents(**part("latents_")),
        latent_facts=part("latentfact_"),
    )
