"""CarRacing: Gymnasium's own CarRacing-v3, the reference that scores are published on.

We add the paper's picture and some numbers in `info`; the game is untouched. v3 is named on
purpose: v4 will count a lap as finished at 95 % of the tiles, and scores on it will be higher.
"""

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.envs.box2d.car_racing import CarRacing
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

from wmlib.envs.checks import check_action, checked_seed
from wmlib.envs.pictures import picture
from wmlib.envs.pool import WorkerPool

ROWS = 84  # of 96: the rest is the dashboard, which shows the speed


class Telemetry(gym.Wrapper):
    """Tells in `info` what the picture hides: `speed` (units of the physics per second) and
    `tiles`, the fraction of the track's tiles visited so far."""

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.uint8], dict[str, Any]]:
        observation, info = self.env.reset(seed=checked_seed(seed), options=options)
        return observation, info | self._read()

    def step(self, action: NDArray) -> tuple[NDArray[np.uint8], float, bool, bool, dict[str, Any]]:
        check_action(self.action_space, action)  # Box2D would go on with NaN for ever
        observation, reward, terminated, truncated, info = self.env.step(action)
        return observation, float(reward), terminated, truncated, info | self._read()

    def _read(self) -> dict[str, float]:
        game: Any = self.unwrapped
        return {
            "speed": float(game.car.hull.linearVelocity.length),
            "tiles": game.tile_visited_count / len(game.track),
        }


def make(render_mode: str | None = None, **options: Any) -> gym.Env:
    """`wmlib/CarRacing-v3`: pictures uint8 (64, 64, 3), actions float32 (3,): steer in [-1, 1],
    gas in [0, 1], brake in [0, 1]. `render` gives Gymnasium's large picture.

    `options` are Gymnasium's (`continuous`, `domain_randomize`, `lap_complete_percent`); with any
    of them it is another game than the one that scores are published on.
    """
    # -1: no time limit here, our own registration has it.
    game = gym.make(
        "CarRacing-v3",
        render_mode=render_mode,
        max_episode_steps=-1,
        disable_env_checker=True,
        **options,
    )
    env = picture(Telemetry(game), ROWS)
    env.metadata = {**env.metadata, "reference": not options}
    return env


def make_vector(num_envs: int, **options: Any) -> VectorEnv:
    """The vector entry point: one process for each of `num_envs` games (see WorkerPool)."""
    return WorkerPool("wmlib/CarRacing-v3", num_envs, **options)


# gymnasium.make looks here, before there is a game, for the rendering modes.
make.metadata = CarRacing.metadata  # type: ignore[attr-defined]
