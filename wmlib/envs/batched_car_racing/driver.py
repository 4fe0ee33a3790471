"""A driver who is told where the road is: finishes laps, for parity tests and benchmarks."""

import math

import numpy as np
from numpy.typing import NDArray

LOOK_AHEAD = 5  # tiles
CURVE_AHEAD = 14  # tiles over which the road's turning sets the speed
TOP_SPEED, CURVE_SLOWING = 85.0, 22.0  # units per second, and what a turn of 1 rad takes away
MIN_SPEED = 32.0


def drive(
    path: NDArray, position: tuple[float, float], angle: float, speed: float
) -> NDArray[np.float32]:
    """Game action (3,) of a car on a road through the points `path` (n, 2).

    `position`, `angle` (radians) and `speed` (units per second) are the hull's.
    """
    n = len(path)
    here = int(np.argmin(((path - np.asarray(position)) ** 2).sum(1)))
    dx, dy = path[(here + LOOK_AHEAD) % n] - position
    # The car's forward direction is (-sin, cos) of its angle.
    error = math.remainder(math.atan2(dy, dx) - angle - math.pi / 2, 2 * math.pi)
    ahead = path[(here + np.arange(CURVE_AHEAD)) % n]
    headings = np.unwrap(np.arctan2(*np.diff(ahead, axis=0).T[::-1]))
    turn = float(np.ptp(headings))
    wanted = max(TOP_SPEED - CURVE_SLOWING * turn, MIN_SPEED)
    gas = min(max(0.1 * (wanted - speed), 0.0), 0.4 if abs(error) < 0.3 else 0.1)
    brake = min(max(0.02 * (speed - wanted - 3), 0.0), 0.4)
    return np.array([min(max(-2.0 * error, -1), 1), gas, brake], np.float32)
