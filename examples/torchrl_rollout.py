"""TorchRL on these worlds: its own check, and a rollout of a policy over the batched CarRacing.

pip install torchrl
python examples/torchrl_rollout.py --steps 200
"""

import argparse

import gymnasium as gym
from gymnasium.vector import AutoresetMode
from tensordict.nn import TensorDictModule
from torch import nn
from torchrl.envs import Compose, GymWrapper, RewardSum, ToTensorImage, TransformedEnv
from torchrl.envs.utils import check_env_specs

import wmlib  # noqa: F401  (registers the environments)


def main() -> None:
    """Play an untrained policy and print the returns of the episodes that ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--num-envs", type=int, default=8)
    args = parser.parse_args()
    games = gym.make_vec(
        "wmlib/CarRacingBatched-v3",
        num_envs=args.num_envs,
        max_episode_steps=100,
        autoreset_mode=AutoresetMode.DISABLED,  # SAME_STEP works, too
    )
    network = nn.Sequential(
        nn.Conv2d(3, 16, 8, 4), nn.ReLU(), nn.Flatten(), nn.LazyLinear(3), nn.Sigmoid()
    )
    pictures = ToTensorImage(in_keys=["observation"], shape_tolerant=True)
    env = TransformedEnv(GymWrapper(games), Compose(pictures, RewardSum()))
    check_env_specs(env)
    env.set_seed(100_000)
    keys = {"in_keys": ["observation"], "out_keys": ["action"]}
    policy = TensorDictModule(network, **keys)
    played = env.rollout(args.steps, policy, break_when_any_done=False)
    returns = played["next", "episode_reward"][played["next", "done"]]
    print(f"{len(returns)} episodes, mean return {returns.mean():.1f}")
    env.close()


if __name__ == "__main__":
    main()
