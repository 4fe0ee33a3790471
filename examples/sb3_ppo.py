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
    """A Gymnasium vector environment that waits at an end, as one of Stable-Baselines3's.

    There an episode's last step already shows the next episode's first observation, and its own
    last one lies in `infos`: both are to be had with autoreset off and a reset mask.
    """

    def __init__(self, env: VectorEnv) -> None:
        if env.metadata["autoreset_mode"] != AutoresetMode.DISABLED:
            raise ValueError("make the environment with autoreset_mode=AutoresetMode.DISABLED")
        self.env = env
        super().__init__(env.num_envs, env.single_observation_space, env.single_action_space)

    def reset(self) -> np.ndarray:
        x, _ = self.env.reset(seed=list(self._seeds))
        self._reset_seeds()
        return np.asarray(x)

    def step_async(self, actions: np.ndarray) -> None:
        self.actions = actions

    def step_wait(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[dict]]:
        x, rewards, terminated, truncated, _ = self.env.step(self.actions)
        over = np.asarray(terminated) | np.asarray(truncated)
        infos: list[dict] = [{} for _ in range(self.num_envs)]
        for i in np.flatnonzero(over):
            infos[i]["terminal_observation"] = np.asarray(x[i])
            infos[i]["TimeLimit.truncated"] = not terminated[i]
        if over.any():
            x, _ = self.env.reset(options={"reset_mask": over.copy()})
        return np.asarray(x), np.asarray(rewards, np.float32), over, infos

    def close(self) -> None:
        self.env.close()

    def get_attr(self, name: str, indices: Any = None) -> list:
        return [getattr(self.env, name) for _ in self._get_indices(indices)]

    def set_attr(self, name: str, value: Any, indices: Any = None) -> None:
        raise NotImplementedError("the games of one batch share their attributes")

    def env_method(self, name: str, *args: Any, indices: Any = None, **kwargs: Any) -> list:
        raise NotImplementedError("the games of one batch have no methods of their own")

    def env_is_wrapped(self, wrapper_class: type, indices: Any = None) -> list[bool]:
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
    settings = {"n_steps": 64, "batch_size": 256, "n_epochs": 4, "seed": 100_000}
    model = PPO("CnnPolicy", VecMonitor(FromGymnasium(env)), **settings, verbose=1)
    model.learn(args.steps)
    env.close()


if __name__ == "__main__":
    main()
