"""PPO straight from pixels on the batched CarRacing, in one file, in the style of CleanRL.

Not part of the book's method: it shows that the simulator is an ordinary Gymnasium vector
environment. Needs only what wmlib needs.

    python examples/ppo_car_racing.py --steps 200000
"""

import argparse
import time

import gymnasium as gym
import numpy as np
import torch
from gymnasium.vector import AutoresetMode
from torch import Tensor, nn
from torch.distributions import Normal

import wmlib  # noqa: F401  (registers the environments)

STACK = 2  # pictures that the policy sees: one alone hides the speed
REPEAT = 4  # steps an action is held
HORIZON, EPOCHS, MINIBATCHES = 64, 4, 8
GAMMA, LAMBDA, CLIP, ENTROPY = 0.99, 0.95, 0.2, 0.001


class Policy(nn.Module):
    """Pictures uint8 (B, 64, 64, 3 STACK) to a normal distribution over (steer, pedals), a value.

    One pedal number: gas where it is positive, brake where it is negative.
    """

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *(nn.Conv2d(3 * STACK, 32, 8, 4), nn.ReLU(), nn.Conv2d(32, 64, 4, 2), nn.ReLU()),
            *(nn.Conv2d(64, 64, 3, 1), nn.ReLU(), nn.Flatten()),
            *(nn.Linear(64 * 4 * 4, 256), nn.ReLU()),
        )
        self.mean, self.value = nn.Linear(256, 2), nn.Linear(256, 1)
        self.log_std = nn.Parameter(torch.full((2,), -0.5))
        nn.init.normal_(self.mean.weight, std=0.01)
        with torch.no_grad():
            self.mean.bias.copy_(torch.tensor([0.0, 0.2]))

    def forward(self, x: Tensor) -> tuple[Normal, Tensor]:
        features = self.body(x.permute(0, 3, 1, 2).float() / 255)
        return Normal(self.mean(features), self.log_std.exp()), self.value(features)[:, 0]


def game_action(u: Tensor) -> np.ndarray:
    """(steer, pedals) as CarRacing's (steer, gas, brake)."""
    steer, pedals = u.clamp(-1, 1).cpu().numpy().T
    return np.stack([steer, pedals.clip(0), (-pedals).clip(0) * 0.8], 1)


class Game:
    """N games with action repeat and stacked pictures; episodes restart in the same step."""

    def __init__(self, num_envs: int, seed: int) -> None:
        self.env = gym.make_vec(
            "wmlib/CarRacingBatched-v3",
            num_envs=num_envs,
            autoreset_mode=AutoresetMode.SAME_STEP,
        )
        picture, _ = self.env.reset(seed=seed)
        self.seen = np.concatenate([picture] * STACK, -1)
        self.returns, self.finished = np.zeros(num_envs), []

    def step(self, action: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rewards and ends (N,) of one held action; an episode that ends is not played on."""
        total, done = np.zeros(len(action)), np.zeros(len(action), bool)
        for _ in range(REPEAT):
            # After an end, the new episode idles until the action is over.
            picture, rewards, terminated, truncated, _ = self.env.step(action * ~done[:, None])
            total += rewards * ~done
            self.returns += rewards * ~done
            done |= terminated | truncated
        self.finished += self.returns[done].tolist()
        self.returns[done] = 0
        older = np.where(done[:, None, None, None], picture, self.seen[..., -3:])
        self.seen = np.concatenate([older, picture], -1)
        return total, done


@torch.no_grad()
def play(game: Game, policy: Policy) -> dict[str, Tensor]:
    """HORIZON steps of every game with advantages, flattened to (HORIZON N, ...)."""
    rows = []
    for _ in range(HORIZON):
        x = torch.from_numpy(game.seen)
        distribution, value = policy(x)
        u = distribution.sample()
        rewards, done = game.step(game_action(u))
        reward = torch.from_numpy(rewards).float() / 10
        ended = torch.from_numpy(done).float()
        rows.append((x, u, distribution.log_prob(u).sum(1), value, reward, ended))
    _, following = policy(torch.from_numpy(game.seen))
    advantage, advantages = torch.zeros_like(following), []
    for _, _, _, value, reward, ended in reversed(rows):
        # A lap's end and a time-out count alike: the game is over.
        delta = reward + GAMMA * following * (1 - ended) - value
        advantage = delta + GAMMA * LAMBDA * (1 - ended) * advantage
        advantages.append(advantage)
        following = value
    x, u, log_prob, value, _, _ = (torch.cat(column) for column in zip(*rows))
    a = torch.cat(advantages[::-1])
    return {"x": x, "u": u, "log_prob": log_prob, "advantage": a, "return": a + value}


def improve(policy: Policy, optimiser: torch.optim.Optimizer, data: dict[str, Tensor]) -> None:
    """PPO's clipped objective over a few epochs of minibatches."""
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(data["x"])).chunk(MINIBATCHES):
            x, u, old, a, target = (data[k][rows] for k in data)
            distribution, value = policy(x)
            ratio = (distribution.log_prob(u).sum(1) - old).exp()
            a = (a - a.mean()) / (a.std() + 1e-8)
            gain = torch.min(ratio * a, ratio.clamp(1 - CLIP, 1 + CLIP) * a).mean()
            loss = ((value - target) ** 2).mean() / 2
            optimiser.zero_grad()
            (loss - gain - ENTROPY * distribution.entropy().sum(1).mean()).backward()
            nn.utils.clip_grad_norm_(policy.parameters(), 0.5)
            optimiser.step()


def main() -> None:
    """Train, and print the mean return of the episodes that ended lately."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=2_000_000, help="game steps in all")
    parser.add_argument("--num-envs", type=int, default=32)
    parser.add_argument("--seed", type=int, default=100_000)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    game, policy = Game(args.num_envs, args.seed), Policy()
    optimiser = torch.optim.Adam(policy.parameters(), 3e-4)
    per_update, start = HORIZON * REPEAT * args.num_envs, time.perf_counter()
    for update in range(1, args.steps // per_update + 1):
        improve(policy, optimiser, play(game, policy))
        steps = update * per_update
        speed = steps / (time.perf_counter() - start)
        recent = f"{np.mean(game.finished[-50:]):7.1f}" if game.finished else "(none has ended)"
        print(f"{steps:>9} steps  {speed:6.0f}/s  return {recent}")


if __name__ == "__main__":
    main()
