"""skrl on these worlds: PPO on the pendulum that starts hanging.

pip install skrl
python examples/skrl_ppo.py --steps 20000
"""

import argparse

import gymnasium as gym
import torch
from gymnasium.vector import AutoresetMode
from skrl.agents.torch.ppo import PPO, PPO_CFG
from skrl.envs.wrappers.torch import wrap_env
from skrl.memories.torch import RandomMemory
from skrl.models.torch import DeterministicMixin, GaussianMixin, Model
from skrl.trainers.torch import SequentialTrainer
from skrl.utils import set_seed
from torch import Tensor, nn

import wmlib  # noqa: F401  (registers the environments)

ROLLOUT = 256  # steps of each game between two updates


class Policy(GaussianMixin, Model):
    """Observations (N, 3) to a normal distribution over the torque."""

    def __init__(self, **spaces) -> None:
        Model.__init__(self, **spaces)
        GaussianMixin.__init__(self)
        self.net = nn.Sequential(nn.Linear(3, 64), nn.Tanh(), nn.Linear(64, 1))
        self.log_std = nn.Parameter(torch.zeros(1))

    def compute(self, inputs: dict, role: str = "") -> tuple[Tensor, dict]:
        return 2 * self.net(inputs["observations"]).tanh(), {"log_std": self.log_std}


class Value(DeterministicMixin, Model):
    """Observations (N, 3) to the expected return."""

    def __init__(self, **spaces) -> None:
        Model.__init__(self, **spaces)
        DeterministicMixin.__init__(self)
        self.net = nn.Sequential(nn.Linear(3, 64), nn.Tanh(), nn.Linear(64, 1))

    def compute(self, inputs: dict, role: str = "") -> tuple[Tensor, dict]:
        return self.net(inputs["observations"]), {}


def main() -> None:
    """Train for a while; skrl prints its progress."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--num-envs", type=int, default=4)
    args = parser.parse_args()
    set_seed(100_000)
    games = gym.make_vec(
        "wmlib/PendulumHanging-v1",
        num_envs=args.num_envs,
        autoreset_mode=AutoresetMode.SAME_STEP,  # not DISABLED
    )
    env = wrap_env(games)
    spaces = {
        "observation_space": env.observation_space,
        "action_space": env.action_space,
        "device": env.device,
    }
    config = PPO_CFG(rollouts=ROLLOUT, mini_batches=8, learning_rate=3e-4)
    config.experiment.write_interval = 0  # no files
    config.experiment.checkpoint_interval = 0
    models = {"policy": Policy(**spaces), "value": Value(**spaces)}
    memory = RandomMemory(memory_size=ROLLOUT, num_envs=args.num_envs)
    agent = PPO(models=models, memory=memory, cfg=config, **spaces)
    timesteps = {"timesteps": args.steps // args.num_envs}
    SequentialTrainer(env=env, agents=agent, cfg=timesteps).train()
    env.close()


if __name__ == "__main__":
    main()
