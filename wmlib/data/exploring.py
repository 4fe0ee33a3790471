"""An agent that plays with noise on its actions, as a policy that collects data (chapters 3, 10).

Data policies that know nothing see little of a game. Once there is a first agent, it shows M what
the next one will meet, and the noise shows what else could have been done.
"""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from wmlib.agent import PUBLISHED, Agent, is_published, load_agent
from wmlib.data.policies import Mixture, Policy, make_policy
from wmlib.model.actions import action_space
from wmlib.tasks import Task
from wmlib.worlds.features import Mind

HOLD = 8
"""steps for which exploration noise stays the same on average: a force that lasts moves a mass"""


class ExploringPolicy:
    """An agent with noise on its actions, as a data policy (see wmlib.data.policies.Policy).

    It looks, remembers and acts as the agent that is evaluated does, in the same `Mind`. The noise
    is Gaussian, `exploration` times half the action's range, and drawn anew with probability
    1 / HOLD at each step; with `varied`, each episode has a share of it drawn from U(0, 1), from
    an agent at its best to a clumsy one.
    """

    is_agent = True

    def __init__(
        self, agent: Agent, exploration: float, varied: bool = False, name: str = "iterative"
    ) -> None:
        self.agent, self.varied, self.name = agent, varied, name
        self.space = action_space(agent.task)
        self.noise = exploration * (self.space.high - self.space.low) / 2  # (A,)
        self._resize(0)

    def _resize(self, n: int) -> None:
        agent = self.agent
        self.mind = Mind(agent.task, agent.memory, n, torch.device("cpu"), agent.vision)
        self.rng = [np.random.default_rng(0)] * n
        self.scale = np.zeros((n, *self.space.shape), np.float32)
        self.held = np.zeros((n, *self.space.shape), np.float32)

    def reset(self, seeds: list[int], mask: NDArray[np.bool_]) -> None:
        """Begin episodes in the masked slots."""
        if len(mask) != len(self.rng):
            self._resize(len(mask))
        self.mind.begin(torch.tensor(seeds), torch.from_numpy(mask))
        for slot in np.flatnonzero(mask):
            self.rng[slot] = rng = np.random.default_rng((seeds[slot], 1))
            self.scale[slot] = self.noise * (rng.random() if self.varied else 1)
            self.held[slot] = rng.normal(0, self.scale[slot])

    @torch.no_grad()
    def act(self, observations: NDArray) -> NDArray[np.float32]:
        """C's actions plus noise, clipped to the game's range: (N, A)."""
        self.mind.look(np.asarray(observations))
        a = self.agent.act(self.mind.features())
        for slot, rng in enumerate(self.rng):
            if rng.random() < 1 / HOLD:
                self.held[slot] = rng.normal(0, self.scale[slot])
        noisy = np.clip(a.numpy() + self.held, self.space.low, self.space.high)
        self.mind.remember(torch.from_numpy(noisy))
        return noisy


def make_player(names: str, task: Task, exploration: float) -> Policy:
    """The data policy called `names`: one name, or several with commas, which take turns.

    A name is one of wmlib.data.policies, or a run folder or "pretrained" for an agent that
    explores.
    """
    members: list[Policy] = []
    for name in names.split(","):
        if is_published(name) or (name and Path(name).is_dir()):
            label = PUBLISHED if is_published(name) else "agent"  # no path of a machine in an index
            members.append(ExploringPolicy(load_agent(name, task), exploration, True, label))
        else:
            members.append(make_policy(name, action_space(task)))
    return members[0] if len(members) == 1 else Mixture(members)
