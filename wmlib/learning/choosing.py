"""Which C of a training is published: one rule for evolution, policy gradient and gradient."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from functools import partial
from typing import Any

import torch
from torch import Tensor

from wmlib import seeds
from wmlib.agent import Agent
from wmlib.configs import RealWorld
from wmlib.model.controller import Controller
from wmlib.worlds.play import Arena

Check = Callable[[Tensor], dict[str, float]]
"""C's weights (n_params,) -> what is known of them: "mean_return", "sem", "real_return", …"""


def best(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The row of a learning curve whose C is published; the last where none was scored.

    By its mean return on validation seeds less the standard error, so that a score from few
    episodes is not chosen by luck. Where the real game was asked beside a dream, it decides.
    """
    scored = [row for row in rows if "mean_return" in row]
    return max(scored, key=_worth) if scored else rows[-1]


def _worth(row: dict[str, Any]) -> float:
    if "real_return" in row:
        return row["real_return"] - row["real_sem"]
    return row["mean_return"] - row["sem"]


def real_check(
    stack: ExitStack,
    agent: Agent,
    controller: Controller,
    episodes: int,
    max_episode_steps: int,
    device: torch.device,
) -> Check:
    """Scores a C in the reference game, on validation seeds; `stack` closes the games.

    Without `episodes` it finds nothing.
    """
    if not episodes:
        return lambda params: {}
    world = RealWorld(max_episode_steps=max_episode_steps)
    make = partial(agent.world, world, min(16, episodes), device)
    arena = stack.enter_context(closing(Arena(make)))

    def check(params: Tensor) -> dict[str, float]:
        score = arena.score(controller, params, episodes)
        return dict(zip(("real_return", "real_sem"), score))

    return check


def check_episodes(*counts: int) -> None:
    """UserError where there are not enough validation seeds: now, not at the first evaluation."""
    for count in counts:
        seeds.for_choosing(count)
