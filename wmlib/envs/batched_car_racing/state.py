"""The state of N cars and their tracks, as a struct of arrays (NumPy, or on CUDA device arrays).

The same named tuple is handed to the compiled functions of every module of this package. Lengths
are in Box2D world units, angles in radians, velocities per second. Body 0 is the hull, bodies 1
to 4 are wheels 0 to 3 (front left, front right, rear left, rear right).
"""

from typing import Any, NamedTuple

import numpy as np

MAX_TILES = 448  # of 100,000 tracks the longest had 405 tiles, five more than 400


class State(NamedTuple):
    """N environments; every array's first axis is the environment."""

    # Poses, as Box2D's body.position and body.angle: what is drawn.
    hull_pos: Any  # float32 (N, 2)
    hull_angle: Any  # float32 (N,)
    hull_vel: Any  # float32 (N, 2), of the hull's centre of mass (Box2D's linearVelocity)
    hull_spin: Any  # float32 (N,), Box2D's angularVelocity
    wheel_pos: Any  # float32 (N, 4, 2)
    wheel_angle: Any  # float32 (N, 4); the joint's angle is wheel_angle - hull_angle
    wheel_phase: Any  # float64 (N, 4), how far the wheel has rolled
    wheel_omega: Any  # float64 (N, 4), how fast it rolls
    gas: Any  # float64 (N,), of the two rear wheels
    # What the solver keeps from one step to the next.
    body: Any  # float32 (N, 5, 6): centre of mass x, y; angle; velocity x, y; spin
    sleep_time: Any  # float32 (N, 5), seconds each body has been almost at rest
    impulse: Any  # float32 (N, 4, 4), each joint's: point x, y; limit; motor
    limit_state: Any  # int32 (N, 4), each joint's: -1 lower, 0 free, 1 upper
    joint: Any  # float32 (N, 4, 9): each joint's arm, mass matrix and motor speed in this step
    on_road: Any  # uint8 (N, 4), does the wheel touch any tile
    # The track.
    n_tiles: Any  # int32 (N,)
    start: Any  # float64 (N, 3): angle, x, y of the first point
    tile_poly: Any  # float32 (N, MAX_TILES, 4, 2), in Gymnasium's order
    tile_circle: Any  # float32 (N, MAX_TILES, 3): x, y and radius of a circle around the tile
    tile_color: Any  # uint8 (N, MAX_TILES, 3), as drawn now (a touched tile turns 102)
    tile_visited: Any  # uint8 (N, MAX_TILES)
    kerb_on: Any  # uint8 (N, MAX_TILES), has this tile a kerb
    kerb_poly: Any  # float32 (N, MAX_TILES, 4, 2)
    kerb_color: Any  # uint8 (N, MAX_TILES): 0 white, 1 red
    # The episode.
    steps: Any  # int32 (N,), steps since reset (0 in the first picture)
    visited_count: Any  # int32 (N,)
    reward_sum: Any  # float64 (N,), CarRacing's env.reward after the step
    reward_paid: Any  # float64 (N,), CarRacing's env.prev_reward
    reward_shown: Any  # float32 (N,), the score in the picture (without this step's -0.1)


_SHAPES: dict[str, tuple[tuple[int, ...], type]] = {
    "hull_pos": ((2,), np.float32),
    "hull_angle": ((), np.float32),
    "hull_vel": ((2,), np.float32),
    "hull_spin": ((), np.float32),
    "wheel_pos": ((4, 2), np.float32),
    "wheel_angle": ((4,), np.float32),
    "wheel_phase": ((4,), np.float64),
    "wheel_omega": ((4,), np.float64),
    "gas": ((), np.float64),
    "body": ((5, 6), np.float32),
    "sleep_time": ((5,), np.float32),
    "impulse": ((4, 4), np.float32),
    "limit_state": ((4,), np.int32),
    "joint": ((4, 9), np.float32),
    "on_road": ((4,), np.uint8),
    "n_tiles": ((), np.int32),
    "start": ((3,), np.float64),
    "tile_poly": ((MAX_TILES, 4, 2), np.float32),
    "tile_circle": ((MAX_TILES, 3), np.float32),
    "tile_color": ((MAX_TILES, 3), np.uint8),
    "tile_visited": ((MAX_TILES,), np.uint8),
    "kerb_on": ((MAX_TILES,), np.uint8),
    "kerb_poly": ((MAX_TILES, 4, 2), np.float32),
    "kerb_color": ((MAX_TILES,), np.uint8),
    "steps": ((), np.int32),
    "visited_count": ((), np.int32),
    "reward_sum": ((), np.float64),
    "reward_paid": ((), np.float64),
    "reward_shown": ((), np.float32),
}


def new_state(num_envs: int) -> State:
    """A state of zeros for `num_envs` cars, on the CPU."""
    return State(**{k: np.zeros((num_envs, *s), t) for k, (s, t) in _SHAPES.items()})
