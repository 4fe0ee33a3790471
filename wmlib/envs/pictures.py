"""The picture that V sees: the top of the game's screen, shrunk to 64 x 64.

The paper's code cuts the lowest rows away. In CarRacing they hold the dashboard, which would tell
V the speed and so spoil the question of what the memory is for; in Doom they hold only floor.
"""

import gymnasium as gym
from gymnasium.spaces import Box
from gymnasium.wrappers import ResizeObservation, TransformObservation

SIDE = 64
"""Width and height of the picture in pixels (paper, Appendix A.1)."""


def picture(env: gym.Env, rows: int) -> gym.Env:
    """Show rows 0 to `rows` - 1 of the screen (H, W, 3) as a picture uint8 (64, 64, 3).

    Area averaging (OpenCV's INTER_AREA inside Gymnasium's ResizeObservation); no inversion and no
    contrast stretch, both of which the original did by accident.
    """
    _, width, channels = env.observation_space.shape
    top = Box(0, 255, (rows, width, channels), env.observation_space.dtype)
    return ResizeObservation(TransformObservation(env, lambda x: x[:rows], top), (SIDE, SIDE))
