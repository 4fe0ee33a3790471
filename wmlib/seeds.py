"""Which seeds may be used for what; a test asserts that the ranges never mix.

A controller chosen on the episodes it is scored on looks better than it is. So training, choosing
(temperature, generation, controller) and the published score each have their own episodes.
"""

import numpy as np

from wmlib.errors import UserError

TRAINING = range(100_000, 900_000)
"""Collecting data, training, evolving."""

VALIDATION = range(10_000, 11_000)
"""Choosing: temperature, generation, controller, data round."""

TEST = range(1_000, 2_000)
"""The published score, once for each published controller."""

RUNS = 40
"""Runs with training seeds of their own: run 0 has 100,000 to 119,999, run 1 the next 20,000, …"""

RANGES = {"training": TRAINING, "validation": VALIDATION, "test": TEST}


def first_of_run(seed: int) -> int:
    """The first training seed of a run; UserError where it has none of its own."""
    share = len(TRAINING) // RUNS
    if not 0 <= seed < RUNS:
        raise UserError(
            f"--seed {seed}: choose 0 to {RUNS - 1} (each has {share:,} training games)"
        )
    return TRAINING.start + share * seed


def check_games(seed: int, episodes: int) -> None:
    """UserError where a run has no own training games, or fewer than these episodes need."""
    left = TRAINING.stop - first_of_run(seed)
    if episodes > left:
        raise UserError(
            f"--episodes {episodes}: from --seed {seed} on there are {left:,} training games"
        )


def for_choosing(count: int) -> range:
    """The first `count` validation seeds; UserError where there are fewer."""
    if count > len(VALIDATION):
        raise UserError(f"{count:,} episodes to choose by: there are {len(VALIDATION):,} seeds")
    return VALIDATION[:count]


def for_rounds(count: int, chosen: int) -> range:
    """The last `count` validation seeds, on which an iteration scores its rounds; UserError where
    the first `chosen`, by which their Cs are chosen, reach into them."""
    if count + chosen > len(VALIDATION):
        raise UserError(
            f"{count:,} episodes to score a round and {chosen:,} to choose its C by: there are "
            f"{len(VALIDATION):,} seeds for both"
        )
    return VALIDATION[len(VALIDATION) - count :]


def kind_of(first: int, count: int = 1) -> str | None:
    """The name of the range that holds the `count` seeds from `first` on; None if none does."""
    last = first + count - 1
    return next((n for n, seeds in RANGES.items() if first in seeds and last in seeds), None)


UPDATE, ORDER, LIVES, FIRST_LIVES, STARTS = range(5)
"""What the random numbers of a training are for: an update, the order of the data in an epoch,
what befalls C while it learns, what befell it before the first update, where dreams begin."""


def update_rng(seed: int, update: int, purpose: int = UPDATE) -> np.random.Generator:
    """The random numbers of one update (or epoch); each `purpose` above has its own.

    They depend on (seed, update) alone, so a training resumes without any generator's state.
    """
    return np.random.default_rng([seed, update, purpose])
