"""Which C of a training is published: one rule for evolution, policy gradient and gradient."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from wmlib.agent import Agent
from wmlib.configs import EvolveConfig, GradientConfig, PolicyConfig, RealWorld
from wmlib.model.controller import Controller, save_controllers
from wmlib.worlds.play import Arena

Check = Callable[[Tensor], dict[str, float]]
"""C's weights (n_params,) -> what is known of them: "mean_return", "sem", "real_return", …"""

KNOWN = ("risk", "reward", "dream_return", "mean_return", "sem", "real_return", "real_sem")
"""What a row of a learning curve may tell of a C."""


def best(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The row of a learning curve whose C is published; the last where none was scored.

    By its mean return on validation seeds less the standard error, so that a score from few
    episodes is not chosen by luck. Where the real game was asked beside a dream, it decides.
    """
    scored = [row for row in rows if "mean_return" in row]
    return max(scored, key=_worth) if scored else rows[-1]


def last(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The last row; the best in the real game where that was asked. For long trainings in dreams:
    a C that learns to cheat M is praised by M.
    """
    return best(rows) if "real_return" in rows[-1] else rows[-1]


def _worth(row: dict[str, Any]) -> float:
    if "real_return" in row:
        return row["real_return"] - row["real_sem"]
    return row["mean_return"] - row["sem"]


def publish(
    folder: Path,
    controller: Controller,
    chosen: dict[str, Any],
    kept: dict[str, Tensor],
    count: str,
    **facts: Any,
) -> dict[str, Any]:
    """Store the Cs kept on the way, "generation_00012" or "update_00012", and that of the row
    `chosen` as `params`.

    `count` is the first word of their names, and the key that counts the rows; `facts` are stored
    with them. Returns what is known of the chosen one.
    """
    told = {key: chosen[key] for key in (count, *KNOWN) if key in chosen}
    named = {**kept, "params": kept[f"{count}_{chosen[count]:05d}"]}
    save_controllers(folder / "controller.safetensors", controller, named, chosen=told, **facts)
    return told


def real_check(
    stack: ExitStack,
    agent: Agent,
    controller: Controller,
    config: EvolveConfig | PolicyConfig | GradientConfig,
    device: torch.device,
) -> Check:
    """Scores a C in the reference game, on validation seeds; `stack` closes the games.

    Without `config.real_episodes` it finds nothing.
    """
    episodes = config.real_episodes
    if not episodes:
        return lambda params: {}
    world = RealWorld(max_episode_steps=config.world.max_episode_steps)
    make = partial(agent.world, world, min(16, episodes), device)
    arena = stack.enter_context(closing(Arena(make)))

    def check(params: Tensor) -> dict[str, float]:
        score = arena.score(controller, params, episodes)
        return dict(zip(("real_return", "real_sem"), score))

    return check


def both_checks(
    stack: ExitStack,
    agent: Agent,
    controller: Controller,
    config: PolicyConfig | GradientConfig,
    device: torch.device,
) -> Check:
    """Scores a C in the world it learns in, and in the reference game if that is asked."""
    single = isinstance(config.world, RealWorld) and config.world.game == "reference"
    slots = min(16, config.evaluate_episodes) if single else config.evaluate_episodes
    make = partial(agent.world, config.world, slots, device)
    arena = stack.enter_context(closing(Arena(make)))
    real = real_check(stack, agent, controller, config, device)

    def check(params: Tensor) -> dict[str, float]:
        score = arena.score(controller, params, config.evaluate_episodes)
        return dict(zip(("mean_return", "sem"), score)) | real(params)

    return check
