"""Pictures of any run: what V keeps of frames, what its latents mean, what M dreams alone.

Letters: T steps, n frames, N_z.
"""

import base64
import io
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from wmlib.book.video import DRAWN, DREAM_RGB, REAL_RGB, picture_of
from wmlib.data.store import RolloutStore
from wmlib.model.memory import MDNRNN, load_memory
from wmlib.model.vision import (
    VAE,
    StateVision,
    Vision,
    decode_pictures,
    kl_to_standard_normal,
    load_vision,
)
from wmlib.records.run_folder import RunFolder
from wmlib.tasks import Task
from wmlib.worlds.features import Mind

SHOWN = 8
"""frames beside their reconstructions"""
DIMENSIONS, STEPS, REACH = 6, 9, 3.0
"""latents that are turned, in so many steps, from -REACH to REACH standard deviations"""
AWAKE, ASLEEP = 10, 150
"""steps that M sees of the game before it dreams alone, and steps that it then dreams"""
SCALE, BORDER = 3, 3


def open_store(run: RunFolder) -> RolloutStore | None:
    """The run's episodes, if there are any."""
    folder = run.stage("rollouts")
    if not (folder / "zarr.json").is_file():
        return None
    store = RolloutStore(folder)
    return store if len(store) else None


def open_vision(run: RunFolder, task: Task) -> Vision | None:
    """The run's V, if it is trained."""
    path = run.stage("vision") / "vision.safetensors"
    return load_vision(path, task) if path.is_file() else None


def open_memory(run: RunFolder, task: Task) -> MDNRNN | None:
    """The run's M, if it is trained."""
    path = run.stage("memory") / "memory.safetensors"
    return load_memory(path, task) if path.is_file() else None


# ---------------------------------------------------------------- V


def some_frames(store: RolloutStore, count: int = SHOWN) -> np.ndarray:
    """uint8 (count, 64, 64, 3): one frame of each of `count` episodes, from all over them."""
    chosen = np.linspace(0, len(store) - 1, count).round().astype(int)
    places = np.linspace(0.1, 0.9, count)
    rows = [(int(i), int(p * store.index[i]["length"])) for i, p in zip(chosen, places)]
    return np.concatenate([store.frames(i, slice(t, t + 1)) for i, t in rows])


@torch.no_grad()
def reconstructions(vision: VAE, frames: np.ndarray) -> np.ndarray:
    """uint8 (n, 64, 64, 3): frames through V and back, with mu for z."""
    return decode_pictures(vision, vision.encode(torch.from_numpy(frames))[0])


@torch.no_grad()
def traversals(vision: VAE, store: RolloutStore) -> list[tuple[int, float, np.ndarray]]:
    """(dimension, its KL in nats, pictures (STEPS, 64, 64, 3)) of the latents that tell most.

    All others stay at what V sees in one frame.
    """
    mu, logvar = vision.encode(torch.from_numpy(some_frames(store, 100)))
    kl = kl_to_standard_normal(mu[..., None], logvar[..., None]).mean(0)  # (N_z,)
    middle = mu[len(mu) // 2]
    rows = []
    for i in kl.argsort(descending=True)[:DIMENSIONS].tolist():
        z = middle.repeat(STEPS, 1)  # (STEPS, N_z)
        z[:, i] = torch.linspace(-REACH, REACH, STEPS)
        rows.append((i, float(kl[i]), decode_pictures(vision, z)))
    return rows


# ---------------------------------------------------------------- M


@dataclass(frozen=True)
class Dreamed:
    """An episode as the game had it and as M dreamed it; pictures only where the game has some."""

    real_z: np.ndarray
    """(T, N_z) what V sees: mu"""
    dreamed_z: np.ndarray
    """(T, N_z) what M had before it: V's z up to step AWAKE, then its own"""
    real: np.ndarray | None
    """uint8 (T, 64, 64, 3)"""
    dreamed: np.ndarray | None


@torch.no_grad()
def dream_of(task: Task, vision: Vision, memory: MDNRNN, store: RolloutStore) -> Dreamed:
    """M's dream under the actions of the first episode that its training did not see."""
    i = min(19, len(store)) - 1  # as Latents.split counts
    stop = min(store.index[i]["length"], AWAKE + ASLEEP)
    frames, actions = store.frames(i, slice(0, stop)), torch.from_numpy(store.actions(i)[:stop])
    mind = Mind(task, memory, 1, torch.device("cpu"), vision)
    mind.begin(torch.tensor([store.index[i]["seed"]]), torch.tensor([True]))
    z = []
    for t in range(stop):
        if t <= AWAKE:
            mind.look(frames[t : t + 1])
        z.append(mind.z.clone())
        if t < AWAKE:
            mind.remember(actions[t : t + 1])
        else:
            mind.imagine(actions[t : t + 1], tau=1.0)
    seen = vision.encode(torch.from_numpy(frames))[0].numpy()
    pair = _drawn(task, vision, frames, z)
    return Dreamed(seen, torch.cat(z).numpy(), *pair)


def _drawn(
    task: Task, vision: Vision, frames: np.ndarray, z: list[Tensor]
) -> tuple[np.ndarray | None, np.ndarray | None]:
    if isinstance(vision, StateVision) and task.name not in DRAWN:
        return None, None
    real = frames if task.pictures else np.stack([DRAWN[task.name](x) for x in frames])
    return real, np.stack([picture_of(task, vision, row) for row in z])


# ---------------------------------------------------------------- as files inside the page


def film_url(real: np.ndarray, dreamed: np.ndarray, fps: int) -> str:
    """Game and dream side by side in their colours, as an animated WebP in a URL."""
    frames = [Image.fromarray(_beside(*pair)) for pair in zip(real, dreamed)]
    buffer = io.BytesIO()
    frames[0].save(
        buffer,
        format="WEBP",
        save_all=True,
        append_images=frames[1:],
        duration=1000 // fps,
        loop=0,
        quality=70,
        method=2,
    )
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()


def _beside(real: np.ndarray, dreamed: np.ndarray) -> np.ndarray:
    """One picture of two, each in a frame of its colour."""
    panes = []
    for picture, colour in ((real, REAL_RGB), (dreamed, DREAM_RGB)):
        big = picture.repeat(SCALE, 0).repeat(SCALE, 1)
        side = len(big) + 2 * BORDER
        pane = np.full((side, side, 3), colour, np.uint8)
        pane[BORDER:-BORDER, BORDER:-BORDER] = big
        panes.append(pane)
    return np.concatenate(panes, axis=1)
