"""Looks at M (chapter 5): its loss beside simple predictors', how long its dreams stay true, how
often it is of two minds, and what its state knows.

Letters: E episodes, T steps, K Gaussians, N_z, N_h, N_a.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wmlib.book.probes import Readout, read_out
from wmlib.data.latents import Latents
from wmlib.model.imagine import imagine
from wmlib.model.memory import MDNRNN
from wmlib.model.mixture import nll, sample_mixture
from wmlib.model.vision import VAE

ZOOM_IN = 50
"""Steps at the beginning of a race in which the camera comes down from above the map."""
WARM, ALONE = 40, (1, 2, 4, 8, 15, 25, 40, 60)
"""Real steps before a dream whose drift is measured, and after how many of its own."""
FADING = (0.0, 0.5, 0.8, 0.95, 0.99)
"""How much of a sum of past actions is left after one more step."""


def stretch(
    latents: Latents, length: int, start: int = 0, seed: int = 0
) -> tuple[Tensor, Tensor, NDArray[np.int64]]:
    """z (E, length, N_z), sampled, a (E, length, N_a) and their rows, from step `start` on.

    Of the episodes that are long enough.
    """
    enough = latents.lengths >= start + length
    rows = latents.first[:-1][enough, None] + start + np.arange(length)
    return latents.sample(rows, seed), torch.from_numpy(latents.actions[rows]), rows


@torch.inference_mode()
def dream_on(
    memory: MDNRNN, z: Tensor, a: Tensor, warm: int, first: float = 1.0
) -> tuple[Tensor, Tensor]:
    """The real z (E, T, N_z) before step `warm`, from there on M's own; a (E, T, N_a) is given.

    Also where M has said that the game is over, (E, T). `first` is 1 if the sequences begin where
    an episode begins.
    """
    dice = torch.Generator().manual_seed(0)
    z, state = z.clone(), memory.initial_state(len(z))
    over = torch.zeros(z.shape[:2], dtype=torch.bool)
    shape = z[:, 0].shape
    for t in range(z.shape[1] - 1):
        restart = torch.full((len(z),), first if t == 0 else 0.0)
        u, eps = torch.rand(shape, generator=dice), torch.randn(shape, generator=dice)
        p, dreamed, state = imagine(memory, z[:, t], a[:, t], restart, state, 1.0, u, eps)
        if t + 1 >= warm:
            z[:, t + 1] = dreamed
            ended = over[:, t] if p.end_logit is None else over[:, t] | (p.end_logit > 0)
            over[:, t + 1] = ended
    return z, over


@dataclass(frozen=True)
class Drift:
    """Squared errors per picture, by episode, at `steps` after the last real picture."""

    steps: NDArray[np.int64]
    alone: NDArray
    """(E, S) M on its own, mean of two dreams; nan where both have ended"""
    ahead: NDArray
    """(E, S) M one step ahead of real codes"""
    same: float
    """two samples of the same frame's cloud"""
    other: NDArray
    """(E, S) frames of this episode and the others, equally late"""


@torch.inference_mode()
def drift(vision: VAE, memory: MDNRNN, latents: Latents) -> Drift:
    """How far M's dreams are from what came, after WARM real steps of each long enough episode.

    Compared are the pictures that V draws: the z themselves would mostly differ by V's noise.
    """
    z, a, _ = stretch(latents, WARM + ALONE[-1], start=80)
    twin = stretch(latents, WARM + ALONE[-1], start=80, seed=1)[0]
    dreams, over = dream_on(memory, z.repeat(2, 1, 1), a.repeat(2, 1, 1), WARM, first=0.0)
    p, _ = memory(z, a, torch.zeros(z.shape[:2]))
    dice = torch.Generator().manual_seed(2)
    u, eps = torch.rand(z.shape, generator=dice), torch.randn(z.shape, generator=dice)
    guess = sample_mixture(p.logpi, p.mu, p.logstd, 1.0, u, eps)
    steps = np.array(ALONE)
    at = torch.from_numpy(WARM - 1 + steps)

    def draw(codes: Tensor) -> Tensor:
        return vision.decode(codes.flatten(0, 1)).flatten(1).unflatten(0, codes.shape[:2])

    def apart(one: Tensor, two: Tensor) -> NDArray:
        return (draw(one) - draw(two)).square().sum(2).numpy()

    real = z[:, at]
    came = draw(real)
    pairs = [(came.roll(k, 0) - came).square().sum(2) for k in range(1, len(came))]
    alone = apart(dreams[:, at], real.repeat(2, 1, 1))
    alone[over[:, at].numpy()] = np.nan  # beyond its end a dream means nothing
    halves = alone.reshape(2, len(z), -1)
    counted = np.isfinite(halves)
    mean = np.nansum(halves, 0) / np.where(counted.any(0), counted.sum(0), np.nan)
    return Drift(
        steps,
        mean,
        apart(guess[:, at - 1], real),
        float(apart(twin[:, at], real).mean()),
        torch.stack(pairs).mean(0).numpy(),
    )


def ladder(latents: Latents, told: list[dict[str, float]]) -> dict[str, NDArray]:
    """NLL (nats per dimension) of simple predictors, of M, and its floor, each by episode.

    Of the simple ones it is the exact mean over V's cloud. `told` is what
    wmlib.learning.memory.validate says of M on each episode.
    """
    mu, var = latents.mu.astype(np.float64), np.exp(latents.logvar.astype(np.float64))
    last = latents.marks[1]
    now, after = np.flatnonzero(~last), np.flatnonzero(~last) + 1
    episode = (np.cumsum(last) - last)[now]

    def square(guess: NDArray) -> NDArray:
        return (mu[after] - guess) ** 2 + var[after]

    def cost(guess: NDArray, s2: NDArray) -> NDArray:
        nats = (0.5 * np.log(2 * np.pi * s2) + square(guess) / (2 * s2)).mean(1)
        return np.bincount(episode, nats) / np.bincount(episode)

    zero, fixed, stay = np.zeros(mu.shape[1]), mu.mean(0), mu[now]
    return {
        "N(0, 1)": cost(zero, zero + 1),
        "best fixed Gaussian": cost(fixed, square(fixed).mean(0)),
        "as now": cost(stay, square(stay).mean(0)),
        "M": np.array([row["val_nll"] for row in told]),
        "floor": np.array([row["val_floor"] for row in told]),
    }


@torch.inference_mode()
def two_minds(memory: MDNRNN, z: Tensor, a: Tensor) -> tuple[float, float]:
    """Share of M's mixtures with more than half of their variance between their Gaussians; and
    what one Gaussian of the same mean and variance in place of each costs, nats per dimension."""
    p, _ = memory(z, a, torch.zeros(z.shape[:2]))
    pi = p.logpi.exp()  # (E, T, N_z, K)
    centre = (pi * p.mu).sum(-1, keepdim=True)
    between = (pi * (p.mu - centre).square()).sum(-1)
    total = between + (pi * torch.exp(2 * p.logstd)).sum(-1)
    now, after = slice(None, -1), slice(1, None)
    width = torch.log(total[:, now, :, None]) / 2
    single = nll(z[:, after], torch.zeros_like(width), centre[:, now], width)
    mixed = nll(z[:, after], p.logpi[:, now], p.mu[:, now], p.logstd[:, now])
    return float((between > total / 2)[:, now].float().mean()), float((single - mixed).mean())


@torch.inference_mode()
def states(memory: MDNRNN, z: Tensor, a: Tensor) -> Tensor:
    """h_t (E, T, N_h) along real episodes: what M knows before it sees z_t."""
    state, found = memory.initial_state(len(z)), []
    for t in range(z.shape[1]):
        found.append(state[0])
        state = memory.advance(z[:, t], a[:, t], torch.full((len(z),), float(t == 0)), state)
    return torch.stack(found, dim=1)


def fading_sums(a: Tensor) -> Tensor:
    """(E, T, 5 N_a): what a memory of the actions (E, T, N_a) before t alone would hold."""
    decay = torch.tensor(FADING).repeat_interleave(a.shape[2])
    held = torch.zeros(*a.shape[:2], len(decay))
    for t in range(1, a.shape[1]):
        held[:, t] = decay * held[:, t - 1] + (1 - decay) * a[:, t - 1].repeat(1, len(FADING))
    return held


def read_speed(x: Tensor, speed: NDArray) -> Readout:
    """How well a linear map reads the speed (E, T) out of x (E, T, D), on episodes held out."""
    who = np.repeat(np.arange(len(x)), x.shape[1] - ZOOM_IN)
    return read_out(x[:, ZOOM_IN:].flatten(0, 1).numpy(), speed[:, ZOOM_IN:].ravel(), who)
