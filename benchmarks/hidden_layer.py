"""Is a linear C what keeps Doom's score where it is? It practises with a hidden layer beside it.

    python benchmarks/hidden_layer.py runs/hidden_layer

The published C, behind the published V and M, goes on in the real game by policy gradient, as with
`iterate --also-real`, but its output is y = W f + w tanh(U f + b): beside the linear map there are
hidden units, which begin at nothing (w = 0). What is scored is the running mean of the weights.

Writes results/doom_take_cover/hidden_layer.json: deaths per 1,000 tics while it learned (its
actions are drawn by chance then), and the lengths of 500 test episodes, without chance. RUN keeps
the weights every 40 updates; a training that was stopped goes on from there, in new games.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro
from torch import Tensor, nn
from torch.distributions import Distribution
from tqdm import trange

from wmlib import load_pretrained, seeds
from wmlib.agent import Agent
from wmlib.configs import PolicyConfig, RealWorld
from wmlib.learning.lives import Games
from wmlib.learning.policy_gradient import WARM_UP, Learner, _learn
from wmlib.model.actions import choices, squash
from wmlib.records.files import write_json
from wmlib.records.run_folder import versions

KEEP_EVERY = 40
LEARNING_RATES = (3e-4, 4e-4, 1e-3)
"""of the linear map, of the hidden units and of the critic; they fall in a straight line"""
AVERAGE = 40
"""updates over which the mean of the weights runs"""
SLOTS = 64


class WithHiddenUnits(Learner):
    """A linear C, hidden units beside it, and a critic."""

    mid: Tensor

    def __init__(self, agent: Agent, units: int, critic_units: int) -> None:
        assert agent.controller is not None
        super().__init__(agent.controller, critic_units=critic_units)
        self.body = nn.Sequential(nn.Linear(self.n_seen, units), nn.Tanh(), nn.Linear(units, 1))
        nn.init.zeros_(self.body[2].weight)
        nn.init.zeros_(self.body[2].bias)
        self.register_buffer("mid", torch.zeros(self.n_seen))

    def y(self, features: Tensor) -> Tensor:
        """(..., 1) C's output at features (..., F)."""
        ((weight, _),) = self.controller.matrices(self.params)
        return nn.functional.linear(features, weight) + self.body(self._even(features))

    def choices(self, features: Tensor) -> Distribution:
        return choices(self.controller.task, self.y(features), self.noise)

    def value(self, features: Tensor) -> Tensor:
        return self.critic(self._even(features)).squeeze(-1)

    def _even(self, features: Tensor) -> Tensor:
        return (features - self.mid) / self.scale


def practise(
    learner: WithHiddenUnits, agent: Agent, config: PolicyConfig, run: Path, last: int
) -> list[Any]:
    """The training; `learner` has the running mean of its weights afterwards."""
    env = agent.real(config.dreams, config.world.max_episode_steps)
    lives = Games(env, config)
    seen = lives.play(learner, seeds.update_rng(0, 0, seeds.FIRST_LIVES)).features
    learner.set_scale(seen, agent.params)
    learner.mid.copy_(seen.mean((0, 1)))
    parts = [learner.scaled], learner.body.parameters(), learner.critic.parameters()
    optimizer = torch.optim.Adam([{"params": part} for part in parts])
    mean = {name: x.clone() for name, x in learner.state_dict().items()}
    rows: list[Any] = []
    if kept := sorted(run.glob("update_*.pt")):
        before = torch.load(kept[-1])
        learner.load_state_dict(before["learner"])
        optimizer.load_state_dict(before["optimizer"])
        mean, rows = before["mean"], before["rows"]
    for update in trange(len(rows), last, desc="practice", unit="update"):
        left = max(0.08, 1 - update / config.updates)
        for k, group in enumerate(optimizer.param_groups):
            group["lr"] = 0.0 if k < 2 and update < WARM_UP else left * LEARNING_RATES[k]
        lived = lives.play(learner, seeds.update_rng(0, update, seeds.LIVES))
        _learn(learner, optimizer, lived, config, seeds.update_rng(0, update))
        for name, x in learner.state_dict().items():
            mean[name].lerp_(x, max(1 / AVERAGE, 1 / (update + 1)))
        rows.append({"update": update + 1, "lost": float(lives.told(lived)["lost"])})
        if (update + 1) % KEEP_EVERY == 0:
            now = {"learner": learner.state_dict(), "optimizer": optimizer.state_dict()}
            torch.save(now | {"mean": mean, "rows": rows}, run / f"update_{update + 1:05d}.pt")
    env.close()
    learner.load_state_dict(mean)
    return rows


@torch.no_grad()
def lengths(learner: WithHiddenUnits, agent: Agent, first: int, count: int) -> list[int]:
    """Tics survived in `count` episodes from seed `first` on, without chance."""
    env, found = agent.real(SLOTS), list[int]()
    for begin in range(first, first + count, SLOTS):
        features, _ = env.reset(seed=list(range(begin, begin + SLOTS)))
        alive, length = np.ones(SLOTS, bool), np.zeros(SLOTS, int)
        while alive.any():
            action = squash(agent.task, learner.y(features))
            features, _, terminated, truncated, _ = env.step(action)
            length += alive
            alive &= ~(np.asarray(terminated) | np.asarray(truncated))
        found += length.tolist()
    env.close()
    return found[:count]


def main(
    run: tyro.conf.Positional[Path], updates: int = 360, last: int = 280, units: int = 128
) -> None:
    """Train, until `last` of the `updates` over which the rates fall; score, and write."""
    torch.set_num_threads(2)
    torch.manual_seed(0)
    run.mkdir(parents=True, exist_ok=True)
    agent = load_pretrained("doom_take_cover")
    config = PolicyConfig(
        RealWorld(max_episode_steps=2100),
        updates=updates,
        dreams=SLOTS,
        steps=256,
        batch_size=4096,
        epochs=4,
        entropy=5e-4,
        critic_units=256,
        patience=0,
    )
    learner = WithHiddenUnits(agent, units, config.critic_units)
    rows = practise(learner, agent, config, run, last)
    survived = lengths(learner, agent, seeds.TEST.start, 500)
    told = {
        "units": units,
        "real_steps": len(rows) * config.dreams * config.steps,
        "practice": rows,
        "lengths": survived,
        "versions": versions(),
    }
    write_json(Path("results/doom_take_cover/hidden_layer.json"), told)
    print(f"{np.mean(survived):.0f} ± {np.std(survived, ddof=1) / len(survived) ** 0.5:.0f} tics")


if __name__ == "__main__":
    tyro.cli(main)
