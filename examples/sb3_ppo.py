"""Stable-Baselines3 on these worlds: an adapter, and PPO from pixels on the batched CarRacing.

pip install stable-baselines3
python examples/sb3_ppo.py --steps 200000
"""

import argparse
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecEnv, VecMonitor

import wmlib  # noqa: F401  (registers the environments)


class FromGymnasium(VecEnv):
    """A Gymnasium vector environment, autoreset off, as one of SB3's.

    In SB3 an episode's last step already shows the first observation of
    the next one, and its own last observation lies in `infos`.
    """

    def __init__(self, env: VectorEnv) -> None:
        if env.metadata["autoreset_mode"] != AutoresetMode.DISABLED:
            raise ValueError("autoreset_mode must be AutoresetMode.DISABLED")
        self.env = env
        spaces = env.single_observation_space, env.single_action_space
        super().__init__(env.num_envs, *spaces)

    def reset(self) -> np.ndarray:
        x, _ = self.env.reset(seed=list(self._seeds))
        self._reset_seeds()
        return np.asarray(x)

    def step_async(self, actions: np.ndarray) -> None:
        self.actions = actions

    def step_wait(self) -> Any:
        x, rewards, terminated, truncated, _ = self.env.step(self.actions)
        over = np.asarray(terminated) | np.asarray(truncated)
        infos: list[dict] = [{} for _ in range(self.num_envs)]
        for i in np.flatnonzero(over):
            infos[i]["terminal_observation"] = np.asarray(x[i])
            infos[i]["TimeLimit.truncated"] = not terminated[i]
        if over.any():
            x, _ = self.env.reset(options={"reset_mask": over.copy()})
        rewards = np.asarray(rewards, np.float32)
        return np.asarray(x), rewards, over, infos

    def close(self) -> None:
        self.env.close()

    def get_attr(self, name: str, indices: Any = None) -> list:
        return [getattr(self.env, name) for _ in self._get_indices(indices)]

    def set_attr(self, name: str, value: Any, indices: Any = None) -> None:
        raise NotImplementedError("the games share their attributes")

    def env_method(self, name: str, *args: Any, **kwargs: Any) -> list:
        raise NotImplementedError("the games have no methods of their own")

    def env_is_wrapped(self, wrapper_class: type, indices: Any = None) -> list:
        return [False for _ in self._get_indices(indices)]


def main() -> None:
    """Train, and print what SB3 reports."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=200_000)
    parser.add_argument("--num-envs", type=int, default=16)
    args = parser.parse_args()
    env = gym.make_vec(
        "wmlib/CarRacingBatched-v3",
        num_envs=args.num_envs,
        autoreset_mode=AutoresetMode.DISABLED,
    )
    settings = {"n_steps": 64, "batch_size": 256, "n_epochs": 4, "verbose": 1}
    games = VecMonitor(FromGymnasium(env))
    model = PPO("CnnPolicy", games, seed=100_000, **settings)
    model.learn(args.steps)
    env.close()


if __name__ == "__main__":
    main()
