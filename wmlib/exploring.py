"""An agent that plays with noise on its actions, as a policy that collects data (chapters 3, 10).

Data policies that know nothing see little of a game. Once there is a first agent, it shows M what
the next one will meet, and the noise shows what else could have been done.
"""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wmlib.agent import Agent, find_agent
from wmlib.dream import action_space, features
from wmlib.policies import Mixture, Policy, make_policy
from wmlib.presets import Task
from wmlib.training import autocast

HOLD = 8
"""steps for which exploration noise stays the same on average: a force that lasts moves a mass"""


class ExploringPolicy:
    """C with noise on its actions, as a data policy (see wmlib.policies.Policy).

    The noise is Gaussian, `exploration` times half the action's range, and drawn anew with
    probability 1 / HOLD at each step; with `varied`, each episode has a share of it drawn from
    U(0, 1), from an agent at its best to a clumsy one. z comes from the observation, h from M's
    memory of the slot's episode. Without an M that has learned, `agent` has random parameters: the
    first round of the iterative procedure.
    """

    def __init__(
        self, agent: Agent, exploration: float, varied: bool = False, name: str = "iterative"
    ) -> None:
        self.agent, self.varied, self.name = agent, varied, name
        self.space = action_space(agent.task)
        self.noise = exploration * (self.space.high - self.space.low) / 2  # (A,)
        self._resize(0)

    def _resize(self, n: int) -> None:
        self.state = self.agent.memory.initial_state(n)
        self.restart = torch.ones(n)
        self.rng = [np.random.default_rng(0)] * n
        self.scale = np.zeros((n, *self.space.shape), np.float32)
        self.held = np.zeros((n, *self.space.shape), np.float32)

    def reset(self, seeds: list[int], mask: NDArray[np.bool_]) -> None:
        """Begin episodes in the masked slots."""
        if len(mask) != len(self.rng):
            self._resize(len(mask))
        where = torch.from_numpy(mask)
        self.restart = torch.where(where, 1.0, self.restart)
        h, c = (torch.where(where[:, None], 0.0, s) for s in self.state)
        self.state = h, c
        for slot in np.flatnonzero(mask):
            self.rng[slot] = rng = np.random.default_rng((seeds[slot], 1))
            self.scale[slot] = self.noise * (rng.random() if self.varied else 1)
            self.held[slot] = rng.normal(0, self.scale[slot])

    @torch.no_grad()
    def act(self, observations: NDArray) -> NDArray[np.float32]:
        """C's actions plus noise, clipped to the game's range: (N, A)."""
        z = self._look(torch.from_numpy(np.asarray(observations)))
        a = self.agent.act(features(self.agent.task, z, self.state))
        for slot, rng in enumerate(self.rng):
            if rng.random() < 1 / HOLD:
                self.held[slot] = rng.normal(0, self.scale[slot])
        a = torch.from_numpy(np.clip(a.numpy() + self.held, self.space.low, self.space.high))
        self.state = self.agent.memory.advance(z, a, self.restart, self.state)
        self.restart = torch.zeros(len(a))
        return a.numpy()

    def _look(self, observations: Tensor) -> Tensor:
        with autocast("cpu", enabled=observations.dtype == torch.uint8):
            z, _ = self.agent.vision.encode(observations)
        return z.float()


def make_player(names: str, task: Task, exploration: float) -> Policy:
    """The data policy called `names`: one name, or several with commas, which take turns.

    A name is one of wmlib.policies, or a run folder or "pretrained" for an agent that explores.
    """
    members: list[Policy] = []
    for name in names.split(","):
        if name == "pretrained" or (name and Path(name).is_dir()):
            label = name if name == "pretrained" else "agent"  # no path of a machine in an index
            members.append(ExploringPolicy(find_agent(name, task), exploration, True, label))
        else:
            members.append(make_policy(name, action_space(task)))
    return members[0] if len(members) == 1 else Mixture(members)
