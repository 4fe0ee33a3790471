"""Waiting with an end, for tests that start processes."""

import time
from collections.abc import Callable


def wait_until(happened: Callable[[], object], seconds: float = 120.0) -> None:
    """Return when `happened()` is true; an AssertionError after `seconds`."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, f"nothing happened for {seconds:g} s"
        time.sleep(0.05)
