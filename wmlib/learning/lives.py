"""What C lives through while it learns by policy gradient: lives in the dream, or in the game.

Lives go on from update to update: each update plays T more steps of all of them, and one that is
over is followed by a new one in the same place. The two worlds differ in what a step is worth:

    the dream   M's reward, or else the log-chance to survive this step (chapter 8)
    the game    the game's own reward (the interlude)

Letters: N lives side by side, T steps, F features, A action dimensions, S = N T samples.
"""

from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution

from wmlib import seeds
from wmlib.configs import PolicyConfig
from wmlib.model.actions import draw
from wmlib.model.imagine import log_survival, worth
from wmlib.worlds.dream import DreamEnv
from wmlib.worlds.features import FeatureVectorEnv


class Player(Protocol):
    """Who acts by chance, so that the same situation shows what other actions lead to."""

    def choices(self, features: Tensor) -> Distribution:
        """What may be chosen at features (..., F): a distribution over (..., A)."""

    def action(self, choice: Tensor) -> Tensor:
        """The game's action (..., A) of a choice (..., A)."""


class Experience(NamedTuple):
    """What N lives showed in T steps."""

    features: Tensor
    """(T + 1, N, F), the last row after the last action"""
    choice: Tensor
    """(T, N, A) what was chosen"""
    log_prob: Tensor
    """(T, N) of that choice, all A dimensions together"""
    reward: Tensor
    """(T, N)"""
    over: Tensor
    """(T, N) 1 where the life was left behind after the step"""
    lost: Tensor
    """(T, N) 1 where nothing could follow: the game has ended"""
    discount: Tensor
    """(T, N) weight of what came after the step"""


class Lives:
    """N lives that go on from update to update; what a step is worth, the two kinds below say."""

    seeds: range
    kept: tuple[str, ...] = ("over", "waiting")
    """tensors (N,) of its own that go on, too"""

    def __init__(self, env: FeatureVectorEnv, config: PolicyConfig) -> None:
        self.env, self.config = env, config
        self.over = torch.ones(env.num_envs, dtype=torch.bool, device=env.device)
        """(N,) whose place is taken by a new life before the next step"""
        self.patience = config.patience
        self.waiting = torch.zeros(env.num_envs, device=env.device)
        """(N,) steps since the last reward"""

    def state(self) -> dict[str, Tensor]:
        """All that must be kept to go on."""
        return self.env.snapshot() | {name: getattr(self, name) for name in self.kept}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Go on from a kept `state`."""
        for name in set(self.kept) & set(state):  # dreams of version 0.1.0 kept no `waiting`
            setattr(self, name, state[name].to(self.env.device))
        self.env.restore({k: v for k, v in state.items() if k not in self.kept})

    @torch.no_grad()
    def play(self, player: Player, rng: np.random.Generator) -> Experience:
        """T steps of every life; the same for the same state, player and `rng`."""
        env = self.env
        chance = torch.Generator(env.device).manual_seed(int(rng.integers(2**62)))
        rows: list[tuple[Tensor, ...]] = []
        for _ in range(self.config.steps):
            if self.over.any():
                born = rng.integers(self.seeds.start, self.seeds.stop, env.num_envs).tolist()
                env.reset(seed=born, options={"reset_mask": self.over.cpu().numpy()})
                self._begun()
            features = env.features()
            choices = player.choices(features)
            choice = draw(choices, chance)
            reward, self.over, lost, discount = self._live(player.action(choice))
            log_prob = choices.log_prob(choice).sum(-1)
            ends = self.over.float(), lost.float()
            rows.append((features, choice, log_prob, reward, *ends, discount))
        features, *rest = (torch.stack(column) for column in zip(*rows))
        return Experience(torch.cat([features, env.features()[None]]), *rest)

    def told(self, seen: Experience) -> dict[str, Tensor]:
        """What to log of an experience."""
        raise NotImplementedError

    def _begun(self) -> None:
        """New lives have begun where `over` is set."""
        self.waiting = torch.where(self.over, 0.0, self.waiting)

    def _in_vain(self, reward: Tensor) -> Tensor:
        """(N,) who has waited for a reward above 0 for too long, with this step's (N,)."""
        self.waiting = torch.where(reward > 0, 0.0, self.waiting + 1)
        return (self.waiting >= self.patience) & (self.patience > 0)

    def _live(self, actions: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """One step: reward, over, lost, discount (N,)."""
        raise NotImplementedError


class Dreams(Lives):
    """Dreams, until C is probably dead in them, or has lost the way to any reward."""

    seeds = range(2**31)
    kept = ("over", "waiting", "alive")
    env: DreamEnv

    def __init__(self, env: DreamEnv, config: PolicyConfig) -> None:
        super().__init__(env, config)
        self.patience = config.dream_patience
        self.alive = torch.zeros(env.num_envs, device=env.device)
        """(N,) the chance that C still lives"""
        pays = "reward" in env.memory.heads
        self.scale = 0.1 if pays else 100.0  # a critic learns numbers of about 1 faster
        self.told_as = ("reward", 1000 / self.scale) if pays else ("risk", -1000 / self.scale)

    def told(self, seen: Experience) -> dict[str, Tensor]:
        """The risk of dying, or the reward, in 1,000 steps."""
        name, per_thousand = self.told_as
        return {name: per_thousand * seen.reward.mean()}

    def _begun(self) -> None:
        super()._begun()
        self.alive = torch.where(self.over, 1.0, self.alive)

    def _live(self, actions: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """What the step was worth. At its horizon a dream is left, not lost: M could dream on."""
        out, memory = self.env.imagine(actions), self.env.memory
        survives = torch.exp(log_survival(memory, out))
        self.alive = self.alive * survives
        cap = self.config.horizon or self.env.world.max_episode_steps
        over = (self.alive < self.config.alive_above) | (self.env.mind.steps >= cap)
        reward = worth(memory, out)
        lost = self._in_vain(reward)
        came = (reward / self.config.reward_size).clamp(0, 1)
        discount = self.config.discount * self.config.reward_discount**came
        if self.told_as[0] == "reward":  # the risk is no part of it: what follows is worth less
            discount = discount * survives
        return self.scale * (reward - self.config.lost_costs * lost), over | lost, lost, discount


class Games(Lives):
    """Episodes of the real game, on training seeds, until no reward has come for a while.

    (A car that has lost its road seldom finds it again, and shows little until its time is up.)
    """

    seeds = range(seeds.TRAINING.start, seeds.TRAINING.stop)

    def told(self, seen: Experience) -> dict[str, Tensor]:
        """The mean reward of 1,000 steps, in points, and the lives lost in them."""
        return {"reward": 10_000 * seen.reward.mean(), "lost": 1000 * seen.lost.mean()}

    def _live(self, actions: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Tens of points (a critic learns small numbers faster)."""
        _, *told, _ = self.env.step(actions)
        reward, ended, cut = (torch.as_tensor(x, device=self.env.device) for x in told)
        in_vain = self._in_vain(reward)
        paid = reward.float() - self.config.lost_costs * in_vain
        discount = torch.where(reward > 0, self.config.reward_discount, 1.0) * self.config.discount
        return paid / 10, in_vain | ended | cut, in_vain | ended, discount
