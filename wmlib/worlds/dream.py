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
from gymnasium.vector import AutoresetMode
from torch import Tensor

from wmlib.configs import DreamWorld
from wmlib.envs.entry import TellsItsLimit
from wmlib.model.imagine import check_dream
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


class DreamEnv(TellsItsLimit, FeatureVectorEnv):
    """N dreams inside M, as `world` describes them (wmlib.configs.DreamWorld).

    They begin at `starts`: moments of real episodes, or (mu, logvar) of first frames, each
    (S, N_z). `vision` is needed only by `render`, which decodes z into pictures.

    With `AutoresetMode.DISABLED` a dream that has ended waits (reward 0) until it is reset; the
    other two modes are Gymnasium's. Actions beyond the bounds are cut to them.
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
        autoreset_mode: str | AutoresetMode = AutoresetMode.DISABLED,
        render_mode: str | None = None,
    ) -> None:
        check_dream(task, memory.heads)
        super().__init__(task, Mind(task, memory, num_envs, torch.device(device), vision), num_envs)
        self.autoreset_mode, self.render_mode = AutoresetMode(autoreset_mode), render_mode
        modes = ["rgb_array"] if task.pictures else []
        if render_mode not in (None, *modes):
            raise ValueError(f"a dream of {task.name} has no render_mode {render_mode!r}: {modes}")
        self.metadata = {
            "autoreset_mode": self.autoreset_mode,
            "render_modes": modes,
            "render_fps": task.fps,
        }
        self.world = DreamWorld() if world is None else world
        if not isinstance(starts, Moments):
            starts = Moments.of_first_frames(*starts, memory.n_h)
        self.starts = Moments(*(s.to(self.device) for s in starts))
        self.said: Prediction | None = None
        """M's whole prediction at the last step"""
        self._end_logit = math.log(self.world.end_above / (1 - self.world.end_above))
        box: Any = self.single_action_space
        self._bounds = [torch.from_numpy(b).to(self.device) for b in (box.low, box.high)]
        self._terminated, self._truncated = np.zeros((2, num_envs), bool)

    @torch.no_grad()
    def reset(self, *, seed: Any = None, options: dict | None = None) -> tuple[Tensor, dict]:
        """Begin dreams in the masked slots (all by default), each at a stored moment."""
        where, mask, _ = self._begin(seed, options)
        mind = self.mind
        pick = noise.uniform(mind.seeds, mind.steps, 1, START_NOISE)[:, 0]
        moments = Moments(*(s[(pick * len(s)).long()] for s in self.starts))
        eps = noise.normal(mind.seeds, mind.steps, mind.memory.n_z, Z_NOISE)
        mind.recall(VAE.sample(moments.mu, moments.logvar, eps), moments, where)
        self._terminated, self._truncated = self._terminated & ~mask, self._truncated & ~mask
        return self.features(), {}

    def imagine(self, actions: Tensor) -> Prediction:
        """One tic with actions (N, A), without its end; differentiable."""
        self.said = self.mind.imagine(actions, self.world.tau)
        return self.said

    @torch.no_grad()
    def step(self, actions: Any) -> tuple[Tensor, np.ndarray, np.ndarray, np.ndarray, dict]:
        """One tic of the dream: h' = LSTM(z, a, h), z' ~ mixture(h', tau), end from its logit.

        That logit (N,) is `info["end_logit"]`, where M has an end head.
        """
        actions = self._checked(actions).clamp(*self._bounds)
        waiting = self._terminated | self._truncated
        before = self.mind.snapshot() if waiting.any() else {}
        out = self.imagine(actions)
        reward, terminated, cut = self._judged(out, ~waiting)
        infos = self._told(out, ~waiting)
        if before and self.autoreset_mode == AutoresetMode.NEXT_STEP:
            self.reset(options={"reset_mask": waiting})
        elif before:
            self.mind.keep(before, torch.from_numpy(waiting).to(self.device))
            terminated, cut = terminated | self._terminated, cut | self._truncated
        self._terminated, self._truncated = terminated.copy(), cut.copy()
        if self.autoreset_mode == AutoresetMode.SAME_STEP and (terminated | cut).any():
            infos = self._same_step(terminated | cut, infos)
        return self.features(), reward, terminated, cut, infos

    def _judged(
        self, out: Prediction, playing: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Reward, terminated, truncated (N,) of a step; nothing of dreams that do not play."""
        terminated = self._ended(out).cpu().numpy()
        cut = (self.mind.steps >= self.world.max_episode_steps).cpu().numpy() & ~terminated
        if out.reward is None:
            reward = np.full(self.num_envs, self.task.step_reward)
        else:
            reward = out.reward.double().cpu().numpy()
        return np.where(playing, reward, 0.0), terminated & playing, cut & playing

    def _told(self, out: Prediction, playing: np.ndarray) -> dict[str, Any]:
        """What goes into `info`, in Gymnasium's form: a value for each slot, and its mask."""
        if out.end_logit is None:
            return {}
        return {"end_logit": out.end_logit.float().cpu().numpy(), "_end_logit": playing}

    def _same_step(self, over: np.ndarray, infos: dict[str, Any]) -> dict[str, Any]:
        """Begin the dreams anew that are `over` (N,); keep their last features and infos."""
        last, final_obs = self.features(), np.full(self.num_envs, None, object)
        for slot in np.flatnonzero(over):
            final_obs[slot] = last[slot]
        self.reset(options={"reset_mask": over})
        final = {k: v & over if k.startswith("_") else v for k, v in infos.items()}
        infos = {k: v & ~over if k.startswith("_") else v for k, v in infos.items()}
        ended = {"final_obs": final_obs, "_final_obs": over, "final_info": final}
        return infos | ended | {"_final_info": over}

    def snapshot(self) -> dict[str, Tensor]:
        """All that the dreams' future depends on, by name, for `restore`; the seeds that autoreset
        will draw are no part of it."""
        ends = {"terminated": self._terminated, "truncated": self._truncated}
        return super().snapshot() | {name: torch.from_numpy(x) for name, x in ends.items()}

    def restore(self, kept: dict[str, Tensor]) -> None:
        """Go back to a `snapshot`: the same actions then lead to the same dreams."""
        super().restore(kept)
        none = torch.zeros(self.num_envs, dtype=torch.bool)  # version 0.1.0 kept no ends
        ends = (kept.get(name, none).cpu().numpy() for name in ("terminated", "truncated"))
        self._terminated, self._truncated = ends

    def _ended(self, out: Prediction) -> Tensor:
        if out.end_logit is None:
            return torch.zeros(self.num_envs, dtype=torch.bool, device=self.device)
        if self.world.end == "threshold":
            # NaN ends it: no C may live on without sense
            return ~(out.end_logit <= self._end_logit)
        coin = noise.uniform(self.mind.seeds, self.mind.steps, 1, END_NOISE)[:, 0]
        return ~(coin >= torch.sigmoid(out.end_logit))

    @torch.no_grad()
    def render(self) -> tuple[np.ndarray, ...]:  # type: ignore[override]
        """N pictures (64, 64, 3) uint8: what V's decoder makes of the dreamed z."""
        if self.mind.vision is None:
            raise ValueError("this dream was made without V: pass vision= to see it")
        return tuple(decode_pictures(self.mind.vision, self.z))
