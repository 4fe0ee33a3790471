"""A dream step by step, as the browser makes it: still pictures show it, tests compare with it.

Unlike `wmlib.dream.DreamEnv` it always computes in float32 and needs no reward, so the car's M can
be dreamed in, too.
"""

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from wmlib import noise
from wmlib.agent import Agent
from wmlib.book.widgets.weights import STARTS
from wmlib.dream import CHOICE_NOISE, START_NOISE, Z_NOISE, decode_pictures, features
from wmlib.mixture import sample_mixture


class Moment(NamedTuple):
    """One step of a dream: z (N_z,), the action (A,) that led there and M's end logit (None at
    the beginning)."""

    z: Tensor
    action: Tensor | None
    end_logit: float | None


@torch.no_grad()
def dream(agent: Agent, seed: int, tau: float, params: Tensor | None = None) -> Iterator[Moment]:
    """C in M's dream until M ends it; the same seed gives the same dream as in the browser."""
    memory, (mu, logvar) = agent.memory, agent.starts
    seeds, step = torch.tensor([seed]), torch.zeros(1, dtype=torch.long)
    pick = int(noise.uniform(seeds, step, 1, START_NOISE) * len(mu[:STARTS]))
    eps = noise.normal(seeds, step, memory.n_z, Z_NOISE)
    z, state = mu[pick] + torch.exp(0.5 * logvar[pick]) * eps, memory.initial_state(1)
    yield Moment(z[0], None, None)
    for t in range(1, agent.task.max_episode_steps + 1):
        action = agent.act(features(agent.task, z, state), params)
        out, state = memory.step(z, action, torch.tensor([float(t == 1)]), state)
        u, eps = noise.uniform_and_normal(seeds, step + t, memory.n_z, (CHOICE_NOISE, Z_NOISE))
        z = sample_mixture(out.logpi, out.mu, out.logstd, tau, u, eps)
        logit = None if out.end_logit is None else float(out.end_logit)
        yield Moment(z[0], action[0], logit)
        if logit is not None and not logit <= 0:
            return


def picture(
    agent: Agent, seed: int, tau: float, step: int, params: Tensor | None = None
) -> np.ndarray:
    """uint8 (64, 64, 3): the dream of a seed after `step` steps (or at its end, if earlier)."""
    *_, moment = islice(dream(agent, seed, tau, params), step + 1)
    return decode_pictures(agent.vision, moment.z[None])[0]
