"""The pendulum that starts hanging, on which the iterative procedure is shown (chapter 10).

Gymnasium's Pendulum-v1 starts anywhere, often near the top, so a random policy sees everything.
Hanging down with a motor too weak to lift it, it must be swung up, and random torques never do
that: the world beyond the bottom is found only by a policy that has begun to learn. The paper
shows this task from pixels; we keep the three numbers of Pendulum-v1 (cos, sin, angular velocity),
so that a loop of world model and controller runs in a minute and needs no V.
"""

import os
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.envs.classic_control.pendulum import PendulumEnv
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

from wmlib.envs.checks import check_action, checked_seed
from wmlib.envs.pool import WorkerPool

SPREAD = {"x_init": 0.1, "y_init": 0.1}  # radians from straight down, radians per second


class PendulumHanging(PendulumEnv):
    """Pendulum-v1 whose episodes begin hanging: angle π ± 0.1, angular velocity ± 0.1, uniform."""

    metadata = {**PendulumEnv.metadata, "reference": True}  # noqa: RUF012

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        super().reset(seed=checked_seed(seed), options=SPREAD)
        self.state[0] += np.pi
        return self._get_obs(), {}

    def step(self, u: NDArray) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        check_action(self.action_space, u)
        observation, reward, terminated, truncated, info = super().step(u)
        return observation, float(reward), terminated, truncated, info


def make(render_mode: str | None = None) -> gym.Env:
    """`wmlib/PendulumHanging-v1`: observations float32 (3,), torque float32 (1,) in [-2, 2]."""
    if render_mode != "human":
        os.environ.setdefault("SDL_VIDEODRIVER", "dummy")  # pygame then needs no screen
    return PendulumHanging(render_mode)


def make_vector(num_envs: int, **options: Any) -> VectorEnv:
    """The vector entry point: one process for each of `num_envs` games (see WorkerPool)."""
    return WorkerPool("wmlib/PendulumHanging-v1", num_envs, **options)


# gymnasium.make looks here, before there is a game, for the rendering modes.
make.metadata = PendulumHanging.metadata  # type: ignore[attr-defined]
