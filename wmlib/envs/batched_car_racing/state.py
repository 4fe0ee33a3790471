"""The state of N cars and their tracks, as a struct of arrays (NumPy, or on CUDA device arrays).

The same named tuple is handed to the compiled functions of every module of this package. Lengths
are in Box2D world units, angles in radians, velocities per second. Body 0 is the hull, bodies 1
to 4 are wheels 0 to 3 (front left, front right, rear left, rear right).
"""

from typing import Annotated, Any, NamedTuple, get_type_hints

import numpy as np

f32, f64, i32, u8 = np.float32, np.float64, np.int32, np.uint8

DT = 1.0 / 50  # seconds of a step
# Rows of `State.colors`, and the game's own colours there
ROAD, FIELD, GRASS = 0, 1, 2
COLORS = ((102, 102, 102), (102, 204, 102), (102, 230, 102))
MAX_TILES = 448  # of 100,000 tracks the longest had 405 tiles, five more than 400


class State(NamedTuple):
    """N environments: each array's type, and its shape behind the first axis, the environment."""

    # Poses, as Box2D's body.position and body.angle: what is drawn.
    hull_pos: Annotated[Any, f32, (2,)]
    hull_angle: Annotated[Any, f32, ()]
    hull_vel: Annotated[Any, f32, (2,)]  # of its centre of mass (Box2D's linearVelocity)
    hull_spin: Annotated[Any, f32, ()]  # Box2D's angularVelocity
    wheel_pos: Annotated[Any, f32, (4, 2)]
    wheel_angle: Annotated[Any, f32, (4,)]  # the joint's angle is wheel_angle - hull_angle
    wheel_phase: Annotated[Any, f64, (4,)]  # how far the wheel has rolled
    wheel_omega: Annotated[Any, f64, (4,)]  # how fast it rolls
    gas: Annotated[Any, f64, ()]  # of the two rear wheels
    # What the solver keeps from one step to the next.
    body: Annotated[Any, f32, (5, 6)]  # centre of mass x, y; angle; velocity x, y; spin
    sleep_time: Annotated[Any, f32, (5,)]  # seconds each body has been almost at rest
    impulse: Annotated[Any, f32, (4, 4)]  # each joint's: point x, y; limit; motor
    limit_state: Annotated[Any, i32, (4,)]  # each joint's: -1 lower, 0 free, 1 upper
    joint: Annotated[Any, f32, (4, 9)]  # each joint's arm, mass matrix, motor speed
    on_road: Annotated[Any, u8, (4,)]  # does the wheel touch any tile
    # The track.
    n_tiles: Annotated[Any, i32, ()]
    start: Annotated[Any, f64, (3,)]  # angle, x, y of the first point
    tile_poly: Annotated[Any, f32, (MAX_TILES, 4, 2)]  # in Gymnasium's order
    tile_circle: Annotated[Any, f32, (MAX_TILES, 3)]  # x, y, radius around the tile
    tile_color: Annotated[Any, u8, (MAX_TILES, 3)]  # as drawn now (a touched tile turns 102)
    tile_visited: Annotated[Any, u8, (MAX_TILES,)]
    kerb_on: Annotated[Any, u8, (MAX_TILES,)]  # has this tile a kerb
    kerb_poly: Annotated[Any, f32, (MAX_TILES, 4, 2)]
    kerb_color: Annotated[Any, u8, (MAX_TILES,)]  # 0 white, 1 red
    colors: Annotated[Any, f64, (3, 3)]  # of road, field, light squares; fractions are cut off
    # The episode.
    steps: Annotated[Any, i32, ()]  # steps since reset (0 in the first picture)
    visited_count: Annotated[Any, i32, ()]
    reward_sum: Annotated[Any, f64, ()]  # CarRacing's env.reward after the step
    reward_paid: Annotated[Any, f64, ()]  # CarRacing's env.prev_reward
    reward_shown: Annotated[Any, f32, ()]  # the score in the picture (without this step's -0.1)
    # Working memory: a list of tiles, written anew before each use.
    nearby: Annotated[Any, i32, (MAX_TILES,)]


KEPT = tuple(name for name in State._fields if name != "nearby")
"""What a snapshot needs."""


def new_state(num_envs: int) -> State:
    """A state of zeros for `num_envs` cars, on the CPU, with the game's own colours."""
    fields = get_type_hints(State, include_extras=True).items()
    kinds = {name: hint.__metadata__ for name, hint in fields}
    state = State(**{k: np.zeros((num_envs, *shape), t) for k, (t, shape) in kinds.items()})
    state.colors[:] = COLORS
    return state
