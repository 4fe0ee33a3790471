"""The large picture of a game, for people: Gymnasium's own code draws our state.

Only `render` needs this; what agents see is drawn by `drawing` and `drawing_cuda`.
"""

from typing import Any

import numpy as np
from gymnasium.envs.box2d.car_dynamics import Car
from gymnasium.envs.box2d.car_racing import FPS, CarRacing
from numpy.typing import NDArray

from .geometry import RED, WHITE
from .state import FIELD, GRASS, ROAD, State


class Screen:
    """A game of Gymnasium's that is never played, only set to look like one of ours."""

    def __init__(self) -> None:
        self._game: Any = CarRacing(render_mode="rgb_array")
        self._game.car = Car(self._game.world, 0.0, 0.0, 0.0)

    def draw(self, state: State, e: int) -> NDArray[np.uint8]:
        """The picture uint8 (400, 600, 3) of environment `e`."""
        game = self._game
        # Gymnasium adds up the time, and the rounding of these sums is in the zoom.
        game.t = float(np.cumsum(np.full(int(state.steps[e]) + 1, 1.0 / FPS))[-1])
        game.reward = float(state.reward_sum[e])
        game.road_color, game.bg_color = state.colors[e, ROAD], state.colors[e, FIELD]
        game.grass_color = state.colors[e, GRASS]
        game.road_poly = _road(state, e)
        self._place_car(state, e)
        return game._render("rgb_array")

    def _place_car(self, state: State, e: int) -> None:
        car = self._game.car
        car.hull.transform = (_point(state.hull_pos[e]), float(state.hull_angle[e]))
        car.hull.linearVelocity = _point(state.hull_vel[e])
        car.hull.angularVelocity = float(state.hull_spin[e])
        for k, wheel in enumerate(car.wheels):
            wheel.transform = (_point(state.wheel_pos[e, k]), float(state.wheel_angle[e, k]))
            wheel.omega = float(state.wheel_omega[e, k])
            wheel.phase = float(state.wheel_phase[e, k])


def _point(xy: NDArray) -> tuple[float, float]:
    return float(xy[0]), float(xy[1])


def _road(state: State, e: int) -> list[tuple[list, Any]]:
    """Gymnasium's `road_poly`: each tile, and behind it its kerb if it has one."""
    parts: list[tuple[list, Any]] = []
    for i in range(int(state.n_tiles[e])):
        parts.append((state.tile_poly[e, i].tolist(), state.tile_color[e, i].tolist()))
        if state.kerb_on[e, i]:
            color = RED if state.kerb_color[e, i] else WHITE
            channels = [color & 255, color >> 8 & 255, color >> 16 & 255]
            parts.append((state.kerb_poly[e, i].tolist(), channels))
    return parts
