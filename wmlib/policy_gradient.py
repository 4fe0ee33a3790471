"""C by policy gradient in the dream: every action is judged by what came after it (chapter 8).

Evolution learns one number from a life of a thousand steps: its length. But the dream says more. At
every step M's end head gives the risk of dying now, and the policy gradient (Williams, 1992) asks
of each action whether the risk after it was lower than expected:

    dJ/dtheta = E[ sum_t A_t d log pi(a_t | f_t) / dtheta ],   A_t = expected risk - what came.

While it learns, C tosses a coin: it presses fully right with probability sigmoid(2 y), else fully
left. The mean of that coin is tanh(y), the action that the same C gives without it.

What is expected is told by a critic, linear in the same features; A_t is the generalised advantage
(Schulman et al., 2016), and the steps are used several times within the clipped bounds of PPO
(Schulman et al., 2017). C stays what it was: a linear map with as many numbers as the evolved one.

Letters: N dreams side by side, T steps, F features, A action dimensions, S = N T samples.
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wmlib.configs import PolicyConfig
from wmlib.controller import Controller, save_controllers
from wmlib.dream import DreamEnv
from wmlib.training import Keeper, update_rng


class Learner(nn.Module):
    """What is trained: a linear C without bias, from zeros, and a critic of the same features.

    `scale` (F,) says how far each feature swings; C learns what to make of a swing of 1, so that
    the loud features (the LSTM's cell) do not leave the quiet ones behind.
    """

    scale: Tensor

    def __init__(self, controller: Controller) -> None:
        super().__init__()
        self.controller = controller
        self.scaled = nn.Parameter(torch.zeros(controller.n_params))
        self.register_buffer("scale", torch.ones(controller.n_features))
        self.critic = nn.Linear(controller.n_features, 1)
        nn.init.zeros_(self.critic.weight)
        nn.init.zeros_(self.critic.bias)

    @property
    def params(self) -> Tensor:
        """(n_params,) C's weights."""
        return self.scaled / self.scale

    def log_odds(self, features: Tensor) -> Tensor:
        """(S, A) log odds of pressing right rather than left, for features (S, F)."""
        return 2 * F.linear(features, self.params.view(-1, self.controller.n_features))

    def value(self, features: Tensor) -> Tensor:
        """(...,) what the critic expects from features (..., F): the discounted future reward."""
        return self.critic(features).squeeze(-1)


class Experience(NamedTuple):
    """What N dreams showed in T steps."""

    features: Tensor
    """(T + 1, N, F), the last row after the last action"""
    right: Tensor
    """(T, N, A) 1 where C pressed right, 0 for left"""
    log_prob: Tensor
    """(T, N) of that action, all A dimensions together"""
    reward: Tensor
    """(T, N) minus the risk of dying at this step, in percent"""
    over: Tensor
    """(T, N) 1 where the dream was left behind after the step"""


class Dreams:
    """Dreams that go on from update to update, until C is probably dead in them."""

    def __init__(self, env: DreamEnv, config: PolicyConfig) -> None:
        self.env, self.config = env, config
        self.alive = torch.zeros(env.num_envs, device=env.device)
        """(N,) the chance that C still lives"""

    def state(self) -> dict[str, Tensor]:
        """All that must be kept to go on."""
        env = self.env
        h, c = env.state
        return {
            "z": env.z, "h": h, "c": c, "restart": env.restart, "seeds": env.seeds,
            "steps": env.steps, "alive": self.alive,
        }  # fmt: skip

    def restore(self, state: dict[str, Tensor]) -> None:
        """Go on from a kept `state`."""
        env = self.env
        env.z, env.state, env.restart = state["z"], (state["h"], state["c"]), state["restart"]
        env.seeds, env.steps, self.alive = state["seeds"], state["steps"], state["alive"]

    @torch.no_grad()
    def play(self, learner: Learner, rng: np.random.Generator) -> Experience:
        """T steps of every dream; the same for the same state, weights and `rng`."""
        env, config = self.env, self.config
        coin = torch.Generator(env.device).manual_seed(int(rng.integers(2**62)))
        rows: list[tuple[Tensor, ...]] = []
        for _ in range(config.steps):
            over = self._over()
            if over.any():
                seeds = rng.integers(2**31, size=env.num_envs).tolist()
                env.reset(seed=seeds, options={"reset_mask": over.cpu().numpy()})
                self.alive = torch.where(over, 1.0, self.alive)
            features = env.features()
            odds = learner.log_odds(features)
            right = torch.bernoulli(torch.sigmoid(odds), generator=coin)
            *_, info = env.step((2 * right - 1) * env.task.action_scale)
            risk = torch.sigmoid(info["end_logit"] - math.log(config.end_odds))
            self.alive = self.alive * (1 - risk)
            row = features, right, _log_prob(odds, right), -100 * risk, self._over().float()
            rows.append(row)
        features, *rest = (torch.stack(column) for column in zip(*rows))
        return Experience(torch.cat([features, env.features()[None]]), *rest)

    def _over(self) -> Tensor:
        """(N,) whether C is probably dead, or the dream at its cap."""
        cap = self.env.steps >= self.config.max_episode_steps
        return (self.alive < self.config.alive_above) | cap


def _log_prob(log_odds: Tensor, right: Tensor) -> Tensor:
    """(...,) log probability of the coins `right` (..., A), tossed with these log odds."""
    return -F.binary_cross_entropy_with_logits(log_odds, right, reduction="none").sum(-1)


def advantages(seen: Experience, value: Tensor, discount: float, smoothing: float) -> Tensor:
    """(T, N) generalised advantage; `value` (T + 1, N) is the critic's.

    A dream that is over goes on in the mind of the critic alone: nothing else is known of it.
    """
    found = torch.zeros_like(seen.reward)
    later = torch.zeros_like(value[0])
    for t in reversed(range(len(found))):
        goes_on = 1 - seen.over[t]
        following = torch.where(goes_on > 0, value[t + 1], value[t])
        error = seen.reward[t] + discount * following - value[t]
        later = error + discount * smoothing * goes_on * later
        found[t] = later
    return found


def _learn(
    learner: Learner,
    optimizer: torch.optim.Optimizer,
    seen: Experience,
    config: PolicyConfig,
    rng: np.random.Generator,
) -> dict[str, Tensor]:
    """Some epochs of PPO on what the dreams showed; returns the losses of the last batch."""
    with torch.no_grad():
        value = learner.value(seen.features)
        advantage = advantages(seen, value, config.discount, config.smoothing).flatten()
        wanted = advantage + value[:-1].flatten()
        advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
    features, right = seen.features[:-1].flatten(0, 1), seen.right.flatten(0, 1)
    before = seen.log_prob.flatten()
    parts: dict[str, Tensor] = {}
    for _ in range(config.epochs):
        for batch in torch.from_numpy(rng.permutation(len(features))).split(config.batch_size):
            rows = features.index_select(0, batch)  # twice as fast as [batch]
            odds = learner.log_odds(rows)
            ratio = torch.exp(_log_prob(odds, right[batch]) - before[batch])
            bounded = ratio.clamp(1 - config.clip, 1 + config.clip)
            gain = torch.minimum(ratio * advantage[batch], bounded * advantage[batch]).mean()
            entropy = -_log_prob(odds, torch.sigmoid(odds)).mean()
            error = (learner.value(rows) - wanted[batch]).square().mean()
            optimizer.zero_grad()
            (error - gain - config.entropy * entropy).backward()
            nn.utils.clip_grad_norm_([learner.scaled], 0.5)
            optimizer.step()
            parts = {"critic": error.detach(), "entropy": entropy.detach()}
    return parts


def learn_policy(
    env: DreamEnv,
    controller: Controller,
    config: PolicyConfig,
    folder: Path,
    seed: int,
    check: Callable[[Tensor], dict] = lambda params: {},
) -> dict[str, float]:
    """Train C in the dreams of `env` and leave controllers and metrics in `folder`; resumes.

    The checkpoint stays, so that a finished training can go on to more updates.

    Every `check_every` updates C is kept (`update_00250`, …), and `check` may score it (without
    the coin) in the dream, `mean_return`, and in the real game, `real_return`: the best there is
    published, else the last. Rows of metrics: mean `risk` of dying per 1,000 steps, the critic's
    squared error, the coin's entropy in nats. Returns what is known of the published C: {"update",
    "risk"}, and the numbers of `check`.
    """
    learner = Learner(controller).to(env.device)
    groups = [
        {"params": [learner.scaled], "lr": config.learning_rate},
        {"params": learner.critic.parameters(), "lr": config.critic_learning_rate},
    ]
    optimizer = torch.optim.Adam(groups)
    keeper = Keeper(folder, learner, optimizer, config.updates, log_every=config.log_every)
    dreams, kept = Dreams(env, config), dict[str, Tensor]()
    if keeper.extra:
        kept = {k: keeper.extra.pop(k) for k in list(keeper.extra) if k.startswith("update_")}
        dreams.restore({name: tensor.to(env.device) for name, tensor in keeper.extra.items()})
    else:  # how far do the features swing while C tosses fair coins?
        fair = dreams.play(learner, update_rng(seed, 0, purpose=3))
        learner.scale.copy_(fair.features.std(dim=(0, 1)) + 1e-3)
    with keeper:
        while keeper.update < config.updates:
            seen = dreams.play(learner, update_rng(seed, keeper.update, purpose=2))
            rng = update_rng(seed, keeper.update)
            parts = _learn(learner, optimizer, seen, config, rng)
            keeper.count({"risk": -10 * seen.reward.mean(), **parts})
            found = {}
            if keeper.update % config.check_every == 0 or keeper.update == config.updates:
                name = f"update_{keeper.update:05d}"
                kept[name] = learner.params.detach().half().float()
                found = check(kept[name])
            if found or keeper.due:
                keeper.log(**found)
            keeper.save_if_due(**dreams.state(), **kept)
    return _publish(controller, folder, keeper.metrics.read(), kept)


def _publish(
    controller: Controller, folder: Path, rows: list[dict], kept: dict[str, Tensor]
) -> dict[str, float]:
    """Store the controllers kept on the way, and as `params` the one that did best."""
    scored = [row for row in rows if "real_return" in row]
    best = max(scored, key=lambda row: row["real_return"]) if scored else rows[-1]
    facts = ("update", "risk", "mean_return", "sem", "real_return", "real_sem")
    chosen = {key: best[key] for key in facts if key in best}
    named = {**kept, "params": kept[f"update_{best['update']:05d}"]}
    save_controllers(folder / "controller.safetensors", controller, named, chosen=chosen)
    return chosen | {"seconds": rows[-1]["seconds"]}
