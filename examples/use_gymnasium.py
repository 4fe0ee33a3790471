"""The simulator through Gymnasium's own wrappers: sixteen cars, driven at random, and their scores.

python examples/use_gymnasium.py --steps 400
"""

import argparse

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers.vector import RecordEpisodeStatistics

import wmlib  # noqa: F401  (registers the environments)


def main() -> None:
    """Play, and print the returns of the episodes that ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=400)
    args = parser.parse_args()
    env = gym.make_vec(
        "wmlib/CarRacingBatched-v3",
        num_envs=16,
        max_episode_steps=200,
        autoreset_mode=AutoresetMode.SAME_STEP,
    )
    env = RecordEpisodeStatistics(env)
    env.reset(seed=100_000)
    env.action_space.seed(0)
    for _ in range(args.steps):
        *_, infos = env.step(env.action_space.sample())
        if "episode" in infos:
            returns = infos["episode"]["r"][infos["_episode"]]
            print(f"{len(returns)} episodes ended, mean return {np.mean(returns):.1f}")
    env.close()


if __name__ == "__main__":
    main()
