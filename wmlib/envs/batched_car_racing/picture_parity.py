"""Gymnasium's pictures and ours, of the same track and the same actions."""

from typing import NamedTuple

import cv2
import numpy as np
from gymnasium.envs.box2d.car_racing import CarRacing
from numpy.typing import NDArray

from ..pictures import SIDE
from .drawing import draw_64, draw_96, new_scratch
from .geometry import ROWS, SCREEN
from .parity import POLICIES, SideBySide

ZOOM_STEPS = 50  # the game zooms in during these


class Pictures(NamedTuple):
    """T pictures of one episode; `game` is Gymnasium's, `ours` drawn from the same states."""

    steps: NDArray[np.int32]  # (T,)
    game_64: NDArray[np.uint8]  # (T, 64, 64, 3)
    ours_64: NDArray[np.uint8]
    game_96: NDArray[np.uint8]  # (T, 96, 96, 3)
    ours_96: NDArray[np.uint8]


def shrink(screens: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Screens (T, 96, 96, 3) as the project's pictures (T, 64, 64, 3), by OpenCV."""
    size = (SIDE, SIDE)
    return np.stack([cv2.resize(x[:ROWS], size, interpolation=cv2.INTER_AREA) for x in screens])


def errors(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Mean absolute difference of each picture (T,), of 255."""
    return np.abs(a.astype(float) - b).mean((1, 2, 3))


def play_pictures(seed: int, policy: str, steps: int, every: int) -> Pictures:
    """Play `steps` steps in both games, keeping every `every`-th picture (5 times as many while
    the game zooms in). The simulator runs in its exact mode, so both games stay in one state."""
    pair = SideBySide()
    game, state, scratch = pair.reference, pair.cars.state, new_scratch()
    kept, screens, ours_64, ours_96 = [], [], [], []
    for step in range(steps + 1):
        keep = step % (every if step > ZOOM_STEPS else max(every // 5, 1)) == 0
        # Pictures cost Gymnasium most of its time, so it draws only those that are kept.
        game._render = (lambda mode: CarRacing._render(game, mode)) if keep else lambda mode: None
        if step == 0:
            pair.reset(seed)
            act = POLICIES[policy](pair, np.random.default_rng(seed))
        else:
            (_, ended), _ = pair.step(act(step - 1))
            if ended:
                break
        if keep:
            kept.append(step)
            screens.append(game.state.copy())
            ours_64.append(np.empty((1, SIDE, SIDE, 3), np.uint8))
            ours_96.append(np.empty((1, SCREEN, SCREEN, 3), np.uint8))
            draw_64(state, 0, 1, scratch, ours_64[-1])
            draw_96(state, 0, 1, scratch, ours_96[-1])
    game_96 = np.stack(screens)
    return Pictures(
        np.array(kept, np.int32),
        shrink(game_96),
        np.concatenate(ours_64),
        game_96,
        np.concatenate(ours_96),
    )
