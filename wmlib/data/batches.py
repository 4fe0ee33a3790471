"""Batches of sequences for M, cut from latents in two ways, both the original's (chapter 5).

`EpisodeBatches` (CarRacing): B episodes side by side, from h = 0, padded and masked.
`StreamBatches` (Doom): all episodes in one long row, cut into B parallel streams; update after
update reads the next window of each, the LSTM's state is carried over, and a restart flag in the
input tells M that a new episode began.

In both, update i depends on (seed, i) alone, and z is sampled anew from (mu, logvar) every time a
frame is used: M sees how uncertain V is, and never the same numbers twice.

Time line: from (z_t, a_t) predict z_{t+1}, the reward of a_t, whether a_t ended the game, and
a_{t+1}. The last step of an episode has no z_{t+1} (Doom shows no frame after death), so there only
reward and end count.

Letters: B sequences, T steps, N_z, N_a.
"""

from typing import Any

import numpy as np
import torch

from wmlib.data.latents import Latents, sample_z
from wmlib.errors import UserError
from wmlib.model.memory import Batch
from wmlib.model.mixture import gaussian_entropy
from wmlib.seeds import ORDER, update_rng


class EpisodeBatches:
    """B episodes per update, each from its start; of longer ones, a window at a random place.

    With `recent`, half of them are drawn from so many last episodes.
    """

    def __init__(
        self,
        latents: Latents,
        episodes: np.ndarray,
        batch_size: int,
        window: int,
        seed: int,
        recent: int = 0,
    ) -> None:
        self.latents, self.episodes, self.seed = latents, episodes, seed
        self.batch_size, self.window = min(batch_size, len(episodes)), window
        self.recent = episodes[-recent:] if recent else episodes[:0]

    def make(self, update: int) -> Batch:
        """The batch of an update; a pass takes an episode once, or leaves it out."""
        per_epoch = len(self.episodes) // self.batch_size
        epoch, place = divmod(update, per_epoch)
        order = update_rng(self.seed, epoch, ORDER).permutation(self.episodes)
        chosen = order[place * self.batch_size : (place + 1) * self.batch_size]
        rng = update_rng(self.seed, update)
        if len(self.recent):
            chosen[::2] = rng.choice(self.recent, len(chosen[::2]))
        lengths = self.latents.lengths[chosen]
        late = rng.integers(0, np.maximum(lengths - self.window, 0) + 1)  # 0 for whole episodes
        taken = np.minimum(lengths, self.window)
        steps = np.arange(taken.max())
        valid = steps < taken[:, None]  # (B, T)
        rows = (self.latents.first[chosen] + late)[:, None] + np.minimum(steps, taken[:, None] - 1)
        return gather(self.latents, rows, valid, rng, fresh=True)


class StreamBatches:
    """B streams of concatenated episodes, read window by window; shuffled anew for each epoch."""

    def __init__(
        self, latents: Latents, episodes: np.ndarray, batch_size: int, window: int, seed: int
    ) -> None:
        self.latents, self.episodes, self.seed = latents, episodes, seed
        self.batch_size, self.window = batch_size, window
        steps = int(latents.lengths[episodes].sum())
        self.per_epoch = steps // batch_size // window
        if self.per_epoch == 0:
            raise UserError(
                f"the latents have {steps} steps, {batch_size} streams of {window} steps need "
                f"{batch_size * window}: collect more, or lower --batch-size or "
                "--window (run: --memory.batch-size, --memory.window)"
            )
        self._epoch, self._streams = -1, np.empty((0, 0), dtype=np.int64)

    def make(self, update: int) -> Batch:
        """The batch of an update: the next window of every stream."""
        epoch, place = divmod(update, self.per_epoch)
        if epoch != self._epoch:
            order = update_rng(self.seed, epoch, ORDER).permutation(self.episodes)
            first = self.latents.first
            row = np.concatenate([np.arange(first[i], first[i + 1]) for i in order])
            length = self.per_epoch * self.window
            self._streams = row[: self.batch_size * length].reshape(self.batch_size, length)
            self._epoch = epoch
        rows = self._streams[:, place * self.window : (place + 1) * self.window]
        rng = update_rng(self.seed, update)
        valid = np.ones(rows.shape, dtype=bool)
        return gather(self.latents, rows, valid, rng, fresh=place == 0)


def gather(
    latents: Latents, rows: np.ndarray, valid: np.ndarray, rng: np.random.Generator, fresh: bool
) -> Batch:
    """The batch of flat steps `rows` (B, T), with z sampled by `rng`; `valid` masks padding."""
    is_first, is_last, is_end = latents.marks
    # The targets are the next rows; at an episode's end they are masked, any row will do.
    following = np.where(is_last[rows], rows, rows + 1)  # (B, T)
    has_next = valid & ~is_last[rows]
    z = sample_z(latents.mu[rows], latents.logvar[rows], rng)  # (B, T, N_z)
    # Inside a window, the target of step t is the very sample that is the input of t + 1.
    last = following[:, -1:]
    z_last = sample_z(latents.mu[last], latents.logvar[last], rng)
    entropy = gaussian_entropy(torch.from_numpy(latents.logvar[following[has_next]]).float())
    arrays = (
        z,
        latents.actions[rows],
        is_first[rows],
        np.concatenate([z[:, 1:], z_last], axis=1),
        latents.actions[following],
        latents.rewards[rows],
        is_end[rows] & valid,
        valid,
        has_next,
        entropy.mean() if entropy.numel() else 0.0,  # no step has a next one: nothing to miss
    )
    tensors: list[Any] = [torch.from_numpy(np.asarray(x, dtype=np.float32)) for x in arrays]
    return Batch(*tensors, fresh)  # type: ignore[call-arg]
