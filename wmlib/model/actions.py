"""Actions: the box they lie in, how C's outputs become one, and how chance chooses one.

Letters: A action dimensions; `...` is any leading shape.
"""

from typing import Any

import gymnasium as gym
import numpy as np
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Distribution, Normal

from wmlib.tasks import Task


def action_space(task: Task) -> gym.spaces.Box:
    """The box (A,) that a task's actions lie in."""
    high = np.full(task.n_actions, task.action_scale, np.float32)
    low = np.array([-1, 0, 0], np.float32) if task.squash == "car" else -high
    return gym.spaces.Box(low, high)


def car_action(a: Any) -> tuple[Any, Any, Any]:
    """Steer, gas and brake from three numbers in (-1, 1), of NumPy or torch (released code).

    The steering wheel takes the first as it is, gas is at half when its number is 0, and the brake
    is free below 0.
    """
    steer, gas, brake = a[..., 0], a[..., 1], a[..., 2]
    return steer, (gas + 1) / 2, brake.clip(0, 1)


def squash(task: Task, y: Tensor) -> Tensor:
    """C's outputs y (..., A) as the game's action: tanh, then as the task needs it."""
    a = torch.tanh(y)
    if task.squash == "car":
        return torch.stack(car_action(a), dim=-1)
    return a * task.action_scale


# ---------------------------------------------------------------- by chance, to learn from it


def choices(task: Task, y: Tensor, noise: float) -> Distribution:
    """What may be chosen at C's outputs y (..., A): y with noise, or a coin (1 right, 0 left).

    The coin's mean, from -1 to 1, is tanh(y): the action that the same C gives without chance.
    """
    if task.chance == "coin":
        return Bernoulli(logits=2 * y, validate_args=False)
    return Normal(y, noise, validate_args=False)


def draw(distribution: Distribution, generator: torch.Generator) -> Tensor:
    """A choice (..., A) by a generator of our own: torch's distributions know only the global."""
    if isinstance(distribution, Bernoulli):
        return torch.bernoulli(distribution.probs, generator=generator)
    return torch.normal(distribution.mean, distribution.stddev, generator=generator)


def action_of(task: Task, choice: Tensor) -> Tensor:
    """The game's action (..., A) of a choice (..., A)."""
    if task.chance == "coin":
        return (2 * choice - 1) * task.action_scale
    return squash(task, choice)
