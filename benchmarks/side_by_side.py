"""Gymnasium's CarRacing-v3 and our simulator side by side, on the same track and actions.

The benchmarks of the simulator's faithfulness and the tests of it play with this.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from gymnasium.envs.box2d.car_racing import CarRacing
from numpy.typing import NDArray

from wmlib.envs.batched_car_racing.cpu import CpuCars

LOW, HIGH = np.array([-1, 0, 0], np.float32), np.array([1, 1, 1], np.float32)
HOLD = 10  # steps
# How `drive` drives
LOOK_AHEAD = 5  # tiles
CURVE_AHEAD = 14  # tiles over which the road's turning sets the speed
TOP_SPEED, CURVE_SLOWING = 85.0, 22.0  # units per second, and what a turn of 1 rad takes away
MIN_SPEED = 32.0


def drive(
    path: NDArray, position: tuple[float, float], angle: float, speed: float
) -> NDArray[np.float32]:
    """Game action (3,) of a driver who is told where the road is: `path` (n, 2). Finishes laps.

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


class Episode(NamedTuple):
    """What two games did with the same actions."""

    steps: int
    ended: bool  # by the game itself, in Gymnasium's game
    returns: tuple[float, float]  # Gymnasium's, ours
    identical_steps: int  # until the first step with any difference, the reset counted as one
    position_error: float  # of the hull after the last step, in world units


class SideBySide:
    """One game of each; `reference` is Gymnasium's without its pictures (they cost most time)."""

    def __init__(self, tolerance: float = 0.0) -> None:
        self.reference = CarRacing()
        self.reference._render = lambda mode: None
        self.cars = CpuCars(1, 64, tolerance, threads=1, draw=False)

    def reset(self, seed: int) -> None:
        """Start both on the track of `seed`."""
        self.reference.reset(seed=seed)
        self.cars.reset(np.ones(1, bool), [np.random.Generator(np.random.PCG64(seed))])

    def step(self, action: NDArray[np.float32]) -> tuple[tuple[float, bool], tuple[float, bool]]:
        """Play `action` (3,) in both; returns (reward, ended) of each."""
        _, reward, ended, _, _ = self.reference.step(action)
        self.cars.step(action[None], np.ones(1, bool))
        return (float(reward), ended), (float(self.cars.rewards[0]), bool(self.cars.ends[0]))

    def states(self) -> tuple[NDArray, NDArray]:
        """Everything that moves, as float64 (32,): Gymnasium's and ours."""
        game, s = self.reference, self.cars.state
        hull = game.car.hull
        theirs = [*hull.position, hull.angle, *hull.linearVelocity, hull.angularVelocity]
        ours = [*s.hull_pos[0], s.hull_angle[0], *s.hull_vel[0], s.hull_spin[0]]
        for k, wheel in enumerate(game.car.wheels):
            theirs += [*wheel.position, wheel.angle, wheel.omega, wheel.phase, bool(wheel.tiles)]
            ours += [*s.wheel_pos[0, k], s.wheel_angle[0, k], s.wheel_omega[0, k]]
            ours += [s.wheel_phase[0, k], s.on_road[0, k]]
        theirs += [game.reward, game.tile_visited_count]
        ours += [s.reward_sum[0], s.visited_count[0]]
        return np.array(theirs, np.float64), np.array(ours, np.float64)

    def play(self, seed: int, policy: str, max_steps: int = 1000) -> Episode:
        """Play one episode with the policy of that name (see POLICIES)."""
        self.reset(seed)
        act = POLICIES[policy](self, np.random.default_rng(seed))
        returns, identical, same = np.zeros(2), 0, True
        for step in range(max_steps):
            theirs, ours = self.states()
            same &= bool((theirs == ours).all())
            identical += same
            (reward, ended), (our_reward, our_end) = self.step(act(step))
            returns += reward, our_reward
            same &= reward == our_reward and ended == our_end
            if ended:
                break
        theirs, ours = self.states()
        identical += same and bool((theirs == ours).all())
        error = math.dist(theirs[:2], ours[:2])
        return Episode(step + 1, ended, tuple(returns.tolist()), identical, error)


Policy = Callable[[SideBySide, np.random.Generator], Callable[[int], NDArray[np.float32]]]


def _uniform(pair: SideBySide, rng: np.random.Generator) -> Callable[[int], Any]:
    return lambda step: rng.uniform(LOW, HIGH).astype(np.float32)


def _held(pair: SideBySide, rng: np.random.Generator) -> Callable[[int], Any]:
    actions = rng.uniform(LOW, HIGH, (1 + 1000 // HOLD, 3)).astype(np.float32)
    return lambda step: actions[step // HOLD]


def _driver(pair: SideBySide, rng: np.random.Generator) -> Callable[[int], Any]:
    game = pair.reference
    path = np.array(game.track)[:, 2:4]

    def act(step: int) -> NDArray[np.float32]:
        hull = game.car.hull
        return drive(path, tuple(hull.position), hull.angle, hull.linearVelocity.length)

    return act


def _clumsy(pair: SideBySide, rng: np.random.Generator) -> Callable[[int], Any]:
    """The driver, with jerks of the wheel and pedals that make it slip and leave the road."""
    act = _driver(pair, rng)
    noise = rng.normal(0, 0.5, (1 + 1000 // HOLD, 3))
    return lambda step: np.clip(act(step) + noise[step // HOLD], LOW, HIGH).astype(np.float32)


def _straight(pair: SideBySide, rng: np.random.Generator) -> Callable[[int], Any]:
    return lambda step: np.array([0, 0.5, 0], np.float32)


POLICIES: dict[str, Policy] = {
    "uniform": _uniform,
    "held": _held,
    "driver": _driver,
    "clumsy": _clumsy,
    "straight": _straight,  # off the field
}
