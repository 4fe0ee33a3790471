"""M as an environment: the dream (paper, section "Training Inside of the Dream").

A dream emits exactly the features that the real game behind V and M emits, so C cannot tell the
two apart, and neither can the code that trains it. z' is drawn from M's mixture at temperature
tau, the episode ends when M says so, and it begins at a stored first latent of a real episode.

Letters: N dreams side by side, F features, K mixtures.
"""

import copy
import math
from typing import Any, Literal, TypeVar

import gymnasium as gym
import numpy as np
import torch
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode
from torch import Tensor

from wmlib import noise
from wmlib.memory import MDNRNN, Prediction, State
from wmlib.mixture import sample_mixture
from wmlib.policies import make_policy
from wmlib.presets import Task
from wmlib.training import autocast, has_bfloat16
from wmlib.vision import VAE

Module = TypeVar("Module", bound=torch.nn.Module)

# Streams of the episode's noise; the real game uses Z_NOISE in the same role (wmlib.game).
Z_NOISE, CHOICE_NOISE, END_NOISE, START_NOISE = range(4)


def features(task: Task, z: Tensor, state: State) -> Tensor:
    """(N, F): what C sees, [z, h], and for Doom the LSTM's cell too, [z, h, c]."""
    h, c = state
    return torch.cat([z, h, c] if task.cell_feature else [z, h], dim=1)


def can_dream(task: Task, memory: MDNRNN) -> bool:
    """Whether a dream knows what a step is worth: by M's reward head, or by the task itself."""
    return task.step_reward != 0 or "reward" in memory.heads


def n_features(task: Task, n_z: int, n_h: int) -> int:
    """F, the length of what `features` returns."""
    return n_z + (2 if task.cell_feature else 1) * n_h


def action_space(task: Task) -> gym.spaces.Box:
    """The box (A,) that a task's actions lie in."""
    scale = np.full(task.n_actions, task.action_scale, np.float32)
    low = np.array([-1, 0, 0], np.float32) if task.squash == "car" else -scale
    return gym.spaces.Box(low, scale)


def placed(module: Module, device: torch.device, dtype: torch.dtype = torch.float32) -> Module:
    """`module` on `device`, to be used as it is: itself, or a copy where it has to change.

    (Worlds share an agent's V and M; moving them would take them away from a world elsewhere.)
    """
    tensors = module.state_dict().values()
    here = all(t.device.type == device.type and t.dtype == dtype for t in tensors)
    return (module if here else copy.deepcopy(module).to(device, dtype)).eval()


class FeatureVectorEnv(gym.vector.VectorEnv):
    """What the real game behind V and M has in common with the dream.

    Observations are torch float32 features (N, F) on `device`; actions torch float32 (N, A).
    Autoreset is off: `reset(seed=[…], options={"reset_mask": …})` begins new episodes in the
    chosen slots. `self.z`, `self.state` hold the latents for those who draw.
    """

    def __init__(self, task: Task, memory: MDNRNN, num_envs: int, device: torch.device) -> None:
        self.task, self.num_envs, self.device = task, num_envs, device
        # bfloat16 where it is measured faster: an LSTM of 256 or 512 units, not one of 48. M's
        # weights are turned once; autocast alone would do it again at each step.
        self._half = memory.n_h >= 256 and has_bfloat16(device)
        self.memory = placed(memory, device, torch.bfloat16 if self._half else torch.float32)
        self.metadata = {"autoreset_mode": AutoresetMode.DISABLED}
        self.z = torch.zeros(num_envs, memory.n_z, device=device)
        self.state: State = memory.initial_state(num_envs, device)
        self.restart = torch.ones(num_envs, device=device)
        self.seeds = torch.zeros(num_envs, dtype=torch.long, device=device)
        self.steps = torch.zeros(num_envs, dtype=torch.long, device=device)
        size = n_features(task, memory.n_z, memory.n_h)
        self.single_observation_space = gym.spaces.Box(-np.inf, np.inf, (size,), np.float32)
        self.observation_space = gym.vector.utils.batch_space(
            self.single_observation_space, num_envs
        )
        self.single_action_space = action_space(task)
        self.action_space = gym.vector.utils.batch_space(self.single_action_space, num_envs)

    def _begin(self, seed: Any, options: dict | None) -> tuple[Tensor, np.ndarray, list]:
        """Forget the episodes in the masked slots; returns their mask (tensor, array), seeds."""
        mask = (options or {}).get("reset_mask")
        mask = np.ones(self.num_envs, dtype=bool) if mask is None else np.asarray(mask)
        if mask.shape != (self.num_envs,) or mask.dtype != bool:
            raise ValueError(f"reset_mask must be bool of shape ({self.num_envs},)")
        if isinstance(seed, int | np.integer):  # one seed also decides what unseeded resets draw
            self._np_random, self._np_random_seed = seeding.np_random(int(seed))
            seed = [int(seed) + i for i in range(self.num_envs)]
        seed = [
            int(self.np_random.integers(2**31)) if s is None and m else s
            for s, m in zip([None] * self.num_envs if seed is None else seed, mask, strict=True)
        ]
        where = torch.from_numpy(mask).to(self.device)
        given = torch.tensor([int(s or 0) for s in seed], device=self.device)
        self.seeds = torch.where(where, given, self.seeds)
        self.steps = torch.where(where, 0, self.steps)
        self.restart = torch.where(where, 1.0, self.restart)
        h, c = (torch.where(where[:, None], 0.0, s) for s in self.state)
        self.state = h, c
        return where, mask, seed

    def _remember(self, actions: Tensor) -> None:
        """h' = LSTM(z, a, h): what M knows after acting, before it sees the next picture."""
        with self._precision():
            self.state = self.memory.advance(self.z, actions, self.restart, self.state)
        self.restart = torch.zeros_like(self.restart)
        self.steps = self.steps + 1

    def _precision(self) -> torch.autocast:
        return autocast(self.device, enabled=self._half)

    def _checked(self, actions: Any) -> Tensor:
        actions = torch.as_tensor(actions, dtype=torch.float32, device=self.device)
        if actions.shape != (self.num_envs, self.task.n_actions):
            raise ValueError(
                f"actions have shape {tuple(actions.shape)}, "
                f"expected ({self.num_envs}, {self.task.n_actions})"
            )
        return actions

    def features(self) -> Tensor:
        """(N, F): what C sees now."""
        return features(self.task, self.z, self.state)

    def snapshot(self) -> dict[str, Tensor]:
        """All that the episodes' future depends on, by name, for `restore`."""
        h, c = self.state
        now = {"z": self.z, "h": h, "c": c, "restart": self.restart}
        return now | {"seeds": self.seeds, "steps": self.steps}

    def restore(self, kept: dict[str, Tensor]) -> None:
        """Go back to a `snapshot`: the same actions then lead to the same episodes."""
        kept = {name: tensor.to(self.device) for name, tensor in kept.items()}
        self.z, self.state, self.restart = kept["z"], (kept["h"], kept["c"]), kept["restart"]
        self.seeds, self.steps = kept["seeds"], kept["steps"]


@torch.no_grad()
def feature_sizes(env: FeatureVectorEnv, seed: int, steps: int = 128) -> Tensor:
    """(F,) how large each feature is (root mean square) while the held random policy plays."""
    policy = make_policy("held", env.single_action_space)
    policy.reset([seed + i for i in range(env.num_envs)], np.ones(env.num_envs, dtype=bool))
    features, _ = env.reset(seed=seed)
    total = torch.zeros_like(features[0])
    for _ in range(steps):
        total += features.square().mean(0)
        features, _, terminated, truncated, _ = env.step(policy.act(features))
        over = np.asarray(terminated) | np.asarray(truncated)
        if over.any():
            features, _ = env.reset(options={"reset_mask": over})
    return (total / steps).sqrt() + 1e-3  # a feature that is always 0 has some unit too


class DreamEnv(FeatureVectorEnv):
    """N dreams inside M.

    `starts` are (mu, logvar) of real first frames, each (S, N_z). `end` is "threshold" (the end
    head's probability is above `end_above`; the paper's 0.5 is a logit above 0) or "sampled" (a
    coin with that probability). `vision` is needed only by `render`, which decodes z into pictures.
    """

    def __init__(
        self,
        task: Task,
        memory: MDNRNN,
        starts: tuple[Tensor, Tensor],
        num_envs: int = 1,
        tau: float = 1.0,
        max_episode_steps: int = 2100,
        end: Literal["threshold", "sampled"] = "threshold",
        end_above: float = 0.5,
        vision: VAE | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        if tau <= 0:
            raise ValueError(f"tau is {tau}; a temperature is above 0 (0.1 is nearly certain)")
        if end not in ("threshold", "sampled"):
            raise ValueError(f"end is '{end}'; choose threshold or sampled")
        if not 0 < end_above < 1:
            raise ValueError(f"end_above is {end_above}; a probability lies between 0 and 1")
        if not can_dream(task, memory):
            raise ValueError(
                f"{task.name} needs an M with a reward head to be dreamed: train M with "
                "--heads end reward (run: --memory.heads end reward)"
            )
        super().__init__(task, memory, num_envs, torch.device(device))
        self.metadata["render_modes"] = ["rgb_array"]
        self.start_mu, self.start_logvar = (s.float().to(self.device) for s in starts)
        self.tau, self.max_episode_steps = tau, max_episode_steps
        self.end, self.end_logit = end, math.log(end_above / (1 - end_above))
        self.vision = None if vision is None else placed(vision, self.device)

    @torch.no_grad()
    def reset(self, *, seed: Any = None, options: dict | None = None) -> tuple[Tensor, dict]:
        """Begin dreams in the masked slots (all by default), each from a stored first latent."""
        where, _, _ = self._begin(seed, options)
        pick = noise.uniform(self.seeds, self.steps, 1, START_NOISE)[:, 0]
        pick = (pick * len(self.start_mu)).long()
        eps = noise.normal(self.seeds, self.steps, self.memory.n_z, Z_NOISE)
        z = VAE.sample(self.start_mu[pick], self.start_logvar[pick], eps)
        self.z = torch.where(where[:, None], z, self.z)
        return self.features(), {}

    @torch.no_grad()
    def step(self, actions: Any) -> tuple[Tensor, np.ndarray, np.ndarray, np.ndarray, dict]:
        """One tic of the dream: h' = LSTM(z, a, h), z' ~ mixture(h', tau), end from its logit.

        That logit (N,) is `info["end_logit"]`, None where M has no end head.
        """
        self._remember(self._checked(actions))
        with self._precision():
            out = self.memory.predict(self.state[0])
        u, eps = noise.uniform_and_normal(
            self.seeds, self.steps, self.memory.n_z, (CHOICE_NOISE, Z_NOISE)
        )
        self.z = sample_mixture(out.logpi, out.mu, out.logstd, self.tau, u, eps)
        terminated = self._ended(out).cpu().numpy()
        truncated = (self.steps >= self.max_episode_steps).cpu().numpy() & ~terminated
        if out.reward is None:
            reward = np.full(self.num_envs, self.task.step_reward)
        else:
            reward = out.reward.double().cpu().numpy()
        return self.features(), reward, terminated, truncated, {"end_logit": out.end_logit}

    def _ended(self, out: Prediction) -> Tensor:
        if out.end_logit is None:
            return torch.zeros(self.num_envs, dtype=torch.bool, device=self.device)
        if self.end == "threshold":
            return ~(out.end_logit <= self.end_logit)  # NaN ends it: no C may live on without sense
        coin = noise.uniform(self.seeds, self.steps, 1, END_NOISE)[:, 0]
        return ~(coin >= torch.sigmoid(out.end_logit))

    @torch.no_grad()
    def render(self) -> np.ndarray:  # type: ignore[override]
        """(N, 64, 64, 3) uint8: what V's decoder makes of the dreamed z."""
        if self.vision is None:
            raise ValueError("this dream was made without V: pass vision= to see it")
        return decode_pictures(self.vision, self.z)


@torch.no_grad()
def decode_pictures(vision: VAE, z: Tensor) -> np.ndarray:
    """(N, 64, 64, 3) uint8 pictures of latents (N, N_z)."""
    pictures = vision.decode(z).float().permute(0, 2, 3, 1)
    return (pictures.clamp(0, 1) * 255).round().to(torch.uint8).cpu().numpy()
