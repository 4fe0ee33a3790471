"""What goes into a game is looked at before anything is played: seeds and actions."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.spaces import Box, Space
from numpy.typing import NDArray


def checked_seed(seed: Any) -> int | None:
    """A seed as an int, of any size; None stays None. ValueError for everything else."""
    if seed is None:
        return None
    if isinstance(seed, bool | np.bool_) or not isinstance(seed, int | np.integer) or seed < 0:
        raise ValueError(f"a seed must be a whole number of at least 0, got {seed!r}")
    return int(seed)


def checked_seeds(seed: Any, num_envs: int) -> list[int | None]:
    """One seed, or None, for each of `num_envs` games: an int stands for seed, seed + 1, ..."""
    if seed is None:
        return [None] * num_envs
    if isinstance(seed, Sequence | np.ndarray) and not isinstance(seed, str):
        if len(seed) != num_envs:
            raise ValueError(f"seed must have {num_envs} entries, got {len(seed)}")
        return [checked_seed(one) for one in seed]
    if not isinstance(seed, int | np.integer):
        raise ValueError(f"seed must be an integer, a sequence or None, got {seed!r}")
    first = checked_seed(seed)
    assert first is not None
    return [first + i for i in range(num_envs)]


def narrowed_seed(seed: int, bits: int) -> int:
    """`seed` for a back-end that takes fewer bits: itself where it fits, else hashed to fit."""
    if seed < 2**bits:
        return seed
    return int(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0]) % 2**bits


def checked_mask(options: dict[str, Any] | None, num_envs: int) -> NDArray[np.bool_]:
    """`options["reset_mask"]` (N,), a copy on the CPU; all True without one."""
    if not isinstance(options, dict | None):
        raise ValueError(f"options must be a dictionary or None, got {options!r}")
    mask = (options or {}).get("reset_mask")
    if mask is None:
        return np.ones(num_envs, bool)
    if hasattr(mask, "cpu"):  # a torch tensor
        mask = mask.cpu().numpy()
    if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_:
        raise ValueError("options['reset_mask'] must be a boolean array")
    if mask.shape != (num_envs,):
        raise ValueError(f"options['reset_mask'] must have shape ({num_envs},), got {mask.shape}")
    if not mask.any():
        raise ValueError("options['reset_mask'] must be True somewhere")
    return mask.copy()


def check_action(space: Space, action: Any) -> None:
    """ValueError unless `action` has the shape of `space` and only finite numbers.

    Numbers beyond the bounds pass: what they mean is the game's affair, as in Gymnasium.
    """
    if not isinstance(space, Box):
        return
    action = np.asarray(action)
    if action.shape != space.shape:
        raise ValueError(f"actions must have shape {space.shape}, got {action.shape}")
    if not np.issubdtype(action.dtype, np.number):
        raise ValueError(f"actions must be numbers, got {action.dtype}")
    if not np.isfinite(action).all():
        raise ValueError("actions must be finite, got NaN or infinity")
