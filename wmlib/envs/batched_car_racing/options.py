"""What the simulator can be asked for: its own options, and Gymnasium's of CarRacing."""

from typing import Any

import numpy as np
from gymnasium.error import InvalidAction
from gymnasium.spaces import Box, Discrete, Space
from numpy.typing import NDArray

SIZES = (64, 96)
DEVICES = ("cpu", "cuda")
RENDER_MODES = ("rgb_array",)
# What the five actions press: nothing, right, left, gas, brake. float64, as Gymnasium's numbers
# are: 0.6 in float32 would be another number.
PRESSED = np.array([[0, 0, 0], [0.6, 0, 0], [-0.6, 0, 0], [0, 0.2, 0], [0, 0, 0.8]])
BRIGHTEST = 210  # of a random colour's channels
GRASS_SHADE = 20  # how much brighter one channel of the light squares is
LEAST_LAP = 0.01


def check_counts(num_envs: Any, **counts: Any) -> None:
    """Refuse what is no number of at least 1; all but `num_envs` may be None."""
    for name, value in {"num_envs": num_envs, **counts}.items():
        if value is None and name != "num_envs":
            continue
        if not isinstance(value, int | np.integer) or value < 1:
            raise ValueError(f"{name} must be an integer of at least 1, got {value!r}")


def check_choices(size: Any, device: str, exact: bool, render_mode: Any) -> None:
    """Refuse what is not to be had, also together."""
    if size not in SIZES:
        raise ValueError(f"size must be 64 or 96, got {size!r}")
    if device not in DEVICES:
        raise ValueError(f"device must be one of {', '.join(DEVICES)}, got {device!r}")
    if exact and device == "cuda":
        raise ValueError(
            "exact=True needs device='cpu': CUDA's fused multiply-add rounds differently"
        )
    if render_mode not in (None, *RENDER_MODES):
        raise ValueError(
            f'render_mode must be "rgb_array" or None, got {render_mode!r} (for a window: '
            "gymnasium.wrappers.vector.HumanRendering around rgb_array)"
        )


def action_space(continuous: bool) -> Space:
    """One game's actions: steer, gas and brake, or one of five."""
    if not continuous:
        return Discrete(len(PRESSED))
    return Box(np.array([-1, 0, 0], np.float32), np.array([1, 1, 1], np.float32))


def continuous_actions(actions: Any, num_envs: int) -> NDArray[np.float64]:
    """What the actions (N,) of `continuous=False` press: (N, 3)."""
    actions = np.asarray(actions)
    if actions.shape != (num_envs,):
        raise ValueError(f"actions must have shape ({num_envs},), got {actions.shape}")
    if not np.issubdtype(actions.dtype, np.integer):
        raise InvalidAction(f"actions must be whole numbers from 0 to 4, got {actions.dtype}")
    wrong = (actions < 0) | (actions >= len(PRESSED))
    if wrong.any():
        raise InvalidAction(f"actions must be from 0 to 4, got {actions[wrong][0]}")
    return PRESSED[actions]


def random_colors(generator: np.random.Generator) -> NDArray[np.float64]:
    """Colours (3, 3) of road, field and light squares, drawn as Gymnasium draws them."""
    road = generator.uniform(0, BRIGHTEST, size=3)
    field = generator.uniform(0, BRIGHTEST, size=3)
    grass = field.copy()
    grass[generator.integers(3)] += GRASS_SHADE
    return np.stack([road, field, grass])


def check_lap(percent: Any) -> None:
    """Refuse a `lap_complete_percent` that would mean something.

    In CarRacing-v3 a lap that is complete by this share ends the game only with the *first* visit
    of the first tile, and there the car stands from the beginning: it is the first or the second
    tile to be visited, of more than 200. So nothing from 1 % on changes any game (the episode ends
    when all tiles have been visited), and below it a game would be over at its first step.
    """
    if isinstance(percent, bool) or not isinstance(percent, int | float | np.number):
        raise ValueError(f"lap_complete_percent must be a number, got {percent!r}")
    if not LEAST_LAP <= percent <= 1:
        raise ValueError(f"lap_complete_percent must be from {LEAST_LAP} to 1, got {percent}")
