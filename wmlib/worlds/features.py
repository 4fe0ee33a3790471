"""What C sees, and what an agent carries from step to step to see it: z and M's state.

The real game behind V and M and the dream both emit *features*: [z, h], for Doom [z, h, c]. An
agent that plays, is evaluated or collects data, and a dream, all keep them in one `Mind`.

Letters: N episodes side by side, F features, A action dimensions.
"""

from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium.error import ClosedEnvironmentError, ResetNeeded
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode
from torch import Tensor

from wmlib.device import autocast, has_bfloat16, placed
from wmlib.envs.checks import checked_mask, checked_seeds, narrowed_seed
from wmlib.errors import UserError
from wmlib.model.actions import action_space
from wmlib.model.imagine import imagine
from wmlib.model.memory import MDNRNN, Moments, Prediction, State
from wmlib.model.vision import VAE, Vision
from wmlib.tasks import Task
from wmlib.worlds import noise

# Streams of the episode's noise; where z is a sample, of V or of M, it has the first.
Z_NOISE, CHOICE_NOISE, END_NOISE, START_NOISE = range(4)


def features(task: Task, z: Tensor, state: State) -> Tensor:
    """(N, F): what C sees, [z, h], and for Doom the LSTM's cell too, [z, h, c]."""
    h, c = state
    return torch.cat([z, h, c] if task.cell_feature else [z, h], dim=1)


def n_features(task: Task, n_z: int, n_h: int) -> int:
    """F, the length of what `features` returns."""
    return n_z + (2 if task.cell_feature else 1) * n_h


class Mind:
    """z (N, N_z) and M's state of N episodes, on `device`: begin, look, act, remember, look, …

    z is sampled from V's (mu, logvar), as in the original (not mu). The noise depends on (episode
    seed, step) alone, so an episode is the same in any slot and beside any others.
    """

    def __init__(
        self,
        task: Task,
        memory: MDNRNN,
        num_envs: int,
        device: torch.device,
        vision: Vision | None = None,
    ) -> None:
        self.task, self.device = task, device
        # bfloat16 where it is measured faster: an LSTM of 256 or 512 units, not one of 48. M's
        # weights are turned once; autocast alone would do it again at each step.
        self._half = memory.n_h >= 256 and has_bfloat16(device)
        self.memory = placed(memory, device, torch.bfloat16 if self._half else torch.float32)
        self.vision = None if vision is None else placed(vision, device)
        self.z = torch.zeros(num_envs, memory.n_z, device=device)
        self.state: State = memory.initial_state(num_envs, device)
        self.restart = torch.ones(num_envs, device=device)
        self.seeds = torch.zeros(num_envs, dtype=torch.long, device=device)
        self.steps = torch.zeros(num_envs, dtype=torch.long, device=device)

    def begin(self, seeds: Tensor, where: Tensor) -> None:
        """Forget the episodes in the slots `where` (N,) bool; new ones with `seeds` (N,) begin."""
        self.seeds = torch.where(where, seeds, self.seeds)
        self.steps = torch.where(where, 0, self.steps)
        self.restart = torch.where(where, 1.0, self.restart)
        h, c = (torch.where(where[:, None], 0.0, s) for s in self.state)
        self.state = h, c

    def look(self, seen: Any, where: Tensor | None = None) -> None:
        """z ~ V(x) for what the game shows, x (N, ...), in the chosen slots (all by default)."""
        assert self.vision is not None
        rows = slice(None) if where is None else torch.nonzero(where)[:, 0]
        chosen = torch.as_tensor(seen, device=self.device)[rows]
        with autocast(self.device, enabled=self.task.pictures):
            mu, logvar = self.vision.encode(chosen)
        eps = noise.normal(self.seeds[rows], self.steps[rows], self.memory.n_z, Z_NOISE)
        z = self.z.clone()
        z[rows] = VAE.sample(mu.float(), logvar.float(), eps)
        self.z = z

    def recall(self, z: Tensor, moments: Moments, where: Tensor) -> None:
        """In the slots `where` (N,), be at these N moments, with this z (N, N_z)."""
        now = (self.z, *self.state)
        then = (z, moments.h, moments.c)
        self.z, h, c = (torch.where(where[:, None], new, old) for new, old in zip(then, now))
        self.state = h, c
        self.restart = torch.where(where, moments.first, self.restart)

    def features(self) -> Tensor:
        """(N, F): what C sees now."""
        return features(self.task, self.z, self.state)

    def remember(self, actions: Tensor) -> None:
        """h' = LSTM(z, a, h): what M knows after acting, before it sees what comes of it."""
        with self.precision():
            state = self.memory.advance(self.z, actions, self.restart, self.state)
        self._go_on(self.z, state)

    def imagine(self, actions: Tensor, tau: float) -> Prediction:
        """One step later in M alone: z' is what M dreams at temperature tau. Differentiable."""
        u, eps = noise.uniform_and_normal(
            self.seeds, self.steps + 1, self.memory.n_z, (CHOICE_NOISE, Z_NOISE)
        )
        with self.precision():
            out, z, state = imagine(
                self.memory, self.z, actions, self.restart, self.state, tau, u, eps
            )
        self._go_on(z, state)
        return out

    def _go_on(self, z: Tensor, state: State) -> None:
        self.z, self.state = z, state
        self.restart = torch.zeros_like(self.restart)
        self.steps = self.steps + 1

    def precision(self) -> torch.autocast:
        """The precision in which this M is fastest."""
        return autocast(self.device, enabled=self._half)

    def snapshot(self) -> dict[str, Tensor]:
        """All that the episodes' future depends on, by name, for `restore`."""
        h, c = self.state
        now = {"z": self.z, "h": h, "c": c, "restart": self.restart}
        return now | {"seeds": self.seeds, "steps": self.steps}

    def keep(self, before: dict[str, Tensor], where: Tensor) -> None:
        """In the slots `where` (N,) bool, be as in the snapshot `before`."""
        now = self.snapshot()
        shaped = {name: where.reshape(-1, *[1] * (x.ndim - 1)) for name, x in now.items()}
        self.restore({k: torch.where(shaped[k], before[k], x) for k, x in now.items()})

    def restore(self, kept: dict[str, Tensor]) -> None:
        """Go back to a `snapshot`."""
        kept = {name: tensor.to(self.device) for name, tensor in kept.items()}
        self.z, self.state, self.restart = kept["z"], (kept["h"], kept["c"]), kept["restart"]
        self.seeds, self.steps = kept["seeds"], kept["steps"]


class BadActions(UserError, ValueError):
    """Actions that no game understands: the caller's mistake, or those of a C that has diverged."""


class FeatureVectorEnv(gym.vector.VectorEnv):
    """What the real game behind V and M has in common with the dream.

    Observations are torch float32 features (N, F) on `device`; actions torch float32 (N, A).
    Autoreset is off: `reset(seed=[…], options={"reset_mask": …})` begins new episodes in the
    chosen slots. `self.z`, `self.state` hold the latents for those who draw.
    """

    _begun = False

    def __init__(self, task: Task, mind: Mind, num_envs: int) -> None:
        self.task, self.mind, self.num_envs, self.device = task, mind, num_envs, mind.device
        self.metadata = {"autoreset_mode": AutoresetMode.DISABLED}
        size = n_features(task, mind.memory.n_z, mind.memory.n_h)
        self.single_observation_space = gym.spaces.Box(-np.inf, np.inf, (size,), np.float32)
        self.observation_space = gym.vector.utils.batch_space(
            self.single_observation_space, num_envs
        )
        self.single_action_space = action_space(task)
        self.action_space = gym.vector.utils.batch_space(self.single_action_space, num_envs)
        self._seeds = [-1] * num_envs

    @property
    def z(self) -> Tensor:
        """(N, N_z)"""
        return self.mind.z

    @property
    def state(self) -> State:
        """M's (h, c), each (N, N_h)"""
        return self.mind.state

    @property
    def memory(self) -> MDNRNN:
        """M, as it lies on this device."""
        return self.mind.memory

    def features(self) -> Tensor:
        """(N, F): what C sees now."""
        return self.mind.features()

    def _begin(self, seed: Any, options: dict | None) -> tuple[Tensor, np.ndarray, list]:
        """Forget the episodes in the masked slots; returns their mask (tensor, array), seeds."""
        self._check_open()
        seeds, mask = checked_seeds(seed, self.num_envs), checked_mask(options, self.num_envs)
        if not self._begun and not mask.all():
            raise ResetNeeded("the first reset must be of all slots, without a mask")
        if isinstance(seed, int | np.integer):  # one seed also decides what unseeded resets draw
            self._np_random, _ = seeding.np_random(int(seed))
        seeds = [
            int(self.np_random.integers(2**31)) if s is None and m else s
            for s, m in zip(seeds, mask)
        ]
        self._begun = True
        self._seeds = [new or 0 if m else old for m, new, old in zip(mask, seeds, self._seeds)]
        where = torch.from_numpy(mask).to(self.device)
        narrow = [narrowed_seed(s or 0, 63) for s in seeds]
        self.mind.begin(torch.tensor(narrow, device=self.device), where)
        return where, mask, seeds

    @property
    def np_random_seed(self) -> tuple[int, ...]:  # type: ignore[override]
        """The seed of each slot's episode; -1 before there is one."""
        return tuple(self._seeds)

    def _check_open(self) -> None:
        if self.closed:
            raise ClosedEnvironmentError("this environment was closed: make a new one")

    def _checked(self, actions: Any) -> Tensor:
        """Actions (N, A) for a step, if one is possible now."""
        self._check_open()
        if not self._begun:
            raise ResetNeeded("call reset() before step()")
        actions = torch.as_tensor(actions, dtype=torch.float32, device=self.device)
        if actions.shape != (self.num_envs, self.task.n_actions):
            raise BadActions(
                f"actions must have shape ({self.num_envs}, {self.task.n_actions}), "
                f"got {tuple(actions.shape)}"
            )
        # A GPU is not asked: every step would wait for the answer. There the game refuses them, and
        # a dream ends.
        if actions.device.type == "cpu" and not actions.isfinite().all():
            raise BadActions("actions must be finite, got NaN or infinity")
        return actions

    def snapshot(self) -> dict[str, Tensor]:
        """All that the episodes' future depends on, by name, for `restore`."""
        return self.mind.snapshot()

    def restore(self, kept: dict[str, Tensor]) -> None:
        """Go back to a `snapshot`: the same actions then lead to the same episodes."""
        self.mind.restore(kept)
        self._begun, self._seeds = True, kept["seeds"].tolist()
