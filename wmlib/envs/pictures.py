"""The picture that V sees: the top of the game's screen, shrunk to 64 x 64.

The paper's code cuts the lowest rows away. In CarRacing they hold the dashboard, which would tell
V the speed and so spoil the question of what the memory is for; in Doom they hold only floor.
"""

import gymnasium as gym
import numpy as np
from gymnasium.spaces import Box
from gymnasium.utils import RecordConstructorArgs
from gymnasium.wrappers import ResizeObservation
from numpy.typing import NDArray

SIDE = 64
"""Width and height of the picture in pixels (paper, Appendix A.1)."""


class Top(gym.ObservationWrapper, RecordConstructorArgs):
    """Rows 0 to `rows` - 1 of the screen, uint8 (rows, W, 3).

    A class of its own because a TransformObservation with a function in it has no comparable
    spec, so that `env.spec.make()` would fail.
    """

    def __init__(self, env: gym.Env, rows: int) -> None:
        RecordConstructorArgs.__init__(self, rows=rows)
        gym.ObservationWrapper.__init__(self, env)
        self.rows = rows
        shape = env.observation_space.shape or ()
        if len(shape) != 3:
            raise ValueError(
                f"a picture is (H, W, 3), and this game shows {shape}: make it with "
                'render_mode="rgb_array" and wrap it in gymnasium.wrappers.AddRenderObservation'
            )
        _, width, channels = shape
        self.observation_space = Box(0, 255, (rows, width, channels), np.uint8)

    def observation(self, observation: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return observation[: self.rows]


def picture(env: gym.Env, rows: int) -> gym.Env:
    """Show rows 0 to `rows` - 1 of the screen (H, W, 3) as a picture uint8 (64, 64, 3).

    Area averaging (OpenCV's INTER_AREA inside Gymnasium's ResizeObservation); no inversion and no
    contrast stretch, both of which the original did by accident.
    """
    return ResizeObservation(Top(env, rows), (SIDE, SIDE))
