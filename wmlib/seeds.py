"""Which seeds may be used for what; a test asserts that the ranges never mix.

A controller chosen on the episodes it is scored on looks better than it is. So training, choosing
(temperature, generation, controller) and the published score each have their own episodes.
"""

from wmlib.runs import UserError

TRAINING = range(100_000, 900_000)
"""Collecting data, training, evolving."""

VALIDATION = range(10_000, 11_000)
"""Choosing: temperature, generation, controller, data round."""

TEST = range(1_000, 2_000)
"""The published score, once for each published controller."""

RANGES = {"training": TRAINING, "validation": VALIDATION, "test": TEST}


def kind_of(seed: int) -> str | None:
    """The name of the range that holds `seed`; None if it is in none of them."""
    return next((name for name, seeds in RANGES.items() if seed in seeds), None)


def check(kind: str, first: int, count: int = 1) -> None:
    """Raise UserError unless the `count` seeds from `first` on all belong to `kind`."""
    allowed = RANGES[kind]
    if first not in allowed or first + count - 1 not in allowed:
        raise UserError(
            f"seeds {first} to {first + count - 1} are not all {kind} seeds: "
            f"choose within {allowed.start} to {allowed.stop - 1}"
        )
