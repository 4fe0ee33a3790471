"""M as an environment: the dream (paper, section "Training Inside of the Dream").

A dream emits exactly the features that the real game behind V and M emits, so C cannot tell the
two apart, and neither can the code that trains it. z' is drawn from M's mixture at temperature
tau, the episode ends when M says so, and it begins at a stored moment of a real episode.

Letters: N dreams side by side, F features, A action dimensions.
"""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wmlib.configs import DreamWorld
from wmlib.errors import UserError
from wmlib.model.imagine import can_dream
from wmlib.model.memory import MDNRNN, Moments, Prediction
from wmlib.model.vision import VAE, Vision, decode_pictures
from wmlib.tasks import Task
from wmlib.worlds import noise
from wmlib.worlds.features import (
    END_NOISE,
    START_NOISE,
    Z_NOISE,
    FeatureVectorEnv,
    Mind,
)


class DreamEnv(FeatureVectorEnv):
    """N dreams inside M, as `world` describes them (wmlib.configs.DreamWorld).

    They begin at `starts`: moments of real episodes, or (mu, logvar) of first frames, each
    (S, N_z). `vision` is needed only by `render`, which decodes z into pictures.
    """

    def __init__(
        self,
        task: Task,
        memory: MDNRNN,
        starts: Moments | tuple[Tensor, Tensor],
        world: DreamWorld | None = None,
        num_envs: int = 1,
        vision: Vision | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        if not can_dream(task, memory):
            raise UserError(
                f"{task.name} needs an M with a reward head to be dreamed: train M with "
                "--heads end reward (run: --memory.heads end reward)"
            )
        super().__init__(task, Mind(task, memory, num_envs, torch.device(device), vision), num_envs)
        self.metadata["render_modes"] = ["rgb_array"]
        self.world = DreamWorld() if world is None else world
        if not isinstance(starts, Moments):
            starts = Moments.of_first_frames(*starts, memory.n_h)
        self.starts = Moments(*(s.to(self.device) for s in starts))
        self.said: Prediction | None = None
        """M's whole prediction at the last step"""
        self._end_logit = math.log(self.world.end_above / (1 - self.world.end_above))

    @torch.no_grad()
    def reset(self, *, seed: Any = None, options: dict | None = None) -> tuple[Tensor, dict]:
        """Begin dreams in the masked slots (all by default), each at a stored moment."""
        where, _, _ = self._begin(seed, options)
        mind = self.mind
        pick = noise.uniform(mind.seeds, mind.steps, 1, START_NOISE)[:, 0]
        moments = Moments(*(s[(pick * len(s)).long()] for s in self.starts))
        eps = noise.normal(mind.seeds, mind.steps, mind.memory.n_z, Z_NOISE)
        mind.recall(VAE.sample(moments.mu, moments.logvar, eps), moments, where)
        return self.features(), {}

    def imagine(self, actions: Tensor) -> Prediction:
        """One tic with actions (N, A), without its end; differentiable."""
        return self.mind.imagine(actions, self.world.tau)

    @torch.no_grad()
    def step(self, actions: Any) -> tuple[Tensor, np.ndarray, np.ndarray, np.ndarray, dict]:
        """One tic of the dream: h' = LSTM(z, a, h), z' ~ mixture(h', tau), end from its logit.

        That logit (N,) is `info["end_logit"]`, where M has an end head.
        """
        self.said = out = self.imagine(self._checked(actions))
        terminated = self._ended(out).cpu().numpy()
        cut = (self.mind.steps >= self.world.max_episode_steps).cpu().numpy() & ~terminated
        if out.reward is None:
            reward = np.full(self.num_envs, self.task.step_reward)
        else:
            reward = out.reward.double().cpu().numpy()
        return self.features(), reward, terminated, cut, self._told(out)

    def _told(self, out: Prediction) -> dict[str, np.ndarray]:
        """What goes into `info`, in Gymnasium's form: a value for each slot, and its mask."""
        if out.end_logit is None:
            return {}
        valid = np.ones(self.num_envs, dtype=bool)
        return {"end_logit": out.end_logit.float().cpu().numpy(), "_end_logit": valid}

    def _ended(self, out: Prediction) -> Tensor:
        if out.end_logit is None:
            return torch.zeros(self.num_envs, dtype=torch.bool, device=self.device)
        if self.world.end == "threshold":
            # NaN ends it: no C may live on without sense
            return ~(out.end_logit <= self._end_logit)
        coin = noise.uniform(self.mind.seeds, self.mind.steps, 1, END_NOISE)[:, 0]
        return ~(coin >= torch.sigmoid(out.end_logit))

    @torch.no_grad()
    def render(self) -> np.ndarray:  # type: ignore[override]
        """(N, 64, 64, 3) uint8: what V's decoder makes of the dreamed z."""
        if self.mind.vision is None:
            raise ValueError("this dream was made without V: pass vision= to see it")
        return decode_pictures(self.mind.vision, self.z)
