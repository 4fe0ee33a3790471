"""Which seeds may be used for what; a test asserts that the ranges never mix.

A controller chosen on the episodes it is scored on looks better than it is. So training, choosing
(temperature, generation, controller) and the published score each have their own episodes.
"""

TRAINING = range(100_000, 900_000)
"""Collecting data, training, evolving."""

VALIDATION = range(10_000, 11_000)
"""Choosing: temperature, generation, controller, data round."""

TEST = range(1_000, 2_000)
"""The published score, once for each published controller."""

RANGES = {"training": TRAINING, "validation": VALIDATION, "test": TEST}


def kind_of(first: int, count: int = 1) -> str | None:
    """The name of the range that holds the `count` seeds from `first` on; None if none does."""
    last = first + count - 1
    return next((n for n, seeds in RANGES.items() if first in seeds and last in seeds), None)
