"""`wmlib/CarRacingBatched-v3`: many CarRacing games in one process, as a Gymnasium VectorEnv."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium import logger
from gymnasium.error import ClosedEnvironmentError, ResetNeeded
from gymnasium.spaces import Box
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from wmlib.envs.checks import checked_mask, checked_seeds
from wmlib.envs.entry import TellsItsLimit

from .cpu import CpuCars
from .options import (
    RENDER_MODES,
    action_space,
    check_choices,
    check_counts,
    check_lap,
    continuous_actions,
    random_colors,
)
from .physics import LAP_FINISHED
from .state import DT

FAST_TOLERANCE = 1e-5  # impulses; the solver stops when none of a round is larger


class CarRacingBatched(TellsItsLimit, VectorEnv):
    """N cars on N tracks, stepped and drawn by compiled code.

    Observations: uint8 (N, 64, 64, 3), the picture of `wmlib/CarRacing-v3`, or with `size=96` the
    whole of Gymnasium's (N, 96, 96, 3). Actions: float32 (N, 3), steer in [-1, 1], gas and brake
    in [0, 1]. On `device="cpu"` everything is NumPy; on "cuda" everything is torch tensors on the
    GPU, rewards are float32, and the next step overwrites the observations.

    `exact=True` repeats all of Box2D's solver work and gives Gymnasium's numbers bit for bit (CPU
    only); the default stops the solver early. `threads` (CPU): None means all cores allowed.

    With `AutoresetMode.DISABLED` an episode that has ended stands still (reward 0) until it is
    reset. Without a seed an environment continues its own random stream, as Gymnasium's does (on
    CUDA each track uses up a fixed amount of it, so later tracks differ from Gymnasium's).

    Gymnasium's own options: `continuous=False` (five actions), `domain_randomize` (colours that
    change with each reset, unless `options["randomize"]` is False), `lap_complete_percent`.
    `render_mode="rgb_array"` makes `render` give Gymnasium's large pictures (400, 600, 3).
    """

    def __init__(
        self,
        num_envs: int = 1,
        exact: bool = False,
        device: str = "cpu",
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
        max_episode_steps: int | None = 1000,
        size: int = 64,
        threads: int | None = None,
        render_mode: str | None = None,
        continuous: bool = True,
        domain_randomize: bool = False,
        lap_complete_percent: float = 0.95,
    ) -> None:
        device = str(device)  # a torch.device is as good
        check_counts(num_envs=num_envs, threads=threads, max_episode_steps=max_episode_steps)
        check_choices(size, device, exact, render_mode)
        check_lap(lap_complete_percent)
        self.num_envs = int(num_envs)
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        self.metadata = {
            "autoreset_mode": self.autoreset_mode,
            "render_modes": list(RENDER_MODES),
            "render_fps": round(1 / DT),
        }
        self.render_mode = render_mode
        self.continuous, self.domain_randomize = bool(continuous), bool(domain_randomize)
        self.single_observation_space = Box(0, 255, (size, size, 3), np.uint8)
        self.single_action_space = action_space(self.continuous)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self._max_steps = max_episode_steps if max_episode_steps is not None else 2**31 - 1
        self.emits_torch = device == "cuda"
        tolerance = 0.0 if exact else FAST_TOLERANCE
        self._cars = _make_cars(device, self.num_envs, size, tolerance, threads)
        # Each environment's random stream and the seed that it began with, from the first need on
        self._streams: list[tuple[np.random.Generator, int]] = []
        self._begun = False
        self._screen: Any = None  # made by the first `render`
        if self.domain_randomize:
            self._paint(np.ones(self.num_envs, bool))
        self._terminated = self._cars.ends != 0
        self._truncated = self._cars.ends != 0

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Any, dict[str, Any]]:
        """New episodes, in all environments or where `options["reset_mask"]` (N,) is True.

        `seed`: one for each environment (None: go on), or an int for seed, seed + 1, ... With a
        mask, the observations and seeds of the other environments stay as they are.
        """
        self._check_open()
        seeds = checked_seeds(seed, self.num_envs)
        mask = checked_mask(options, self.num_envs)
        if not self._begun and not mask.all():
            raise ResetNeeded("the first reset must be of all environments, without a mask")
        for e in np.flatnonzero(mask).tolist():
            if seeds[e] is not None:
                self._all_streams()[e] = seeding.np_random(seeds[e])
        self._begun = True
        mask = self._cars.to_mask(mask)
        self._start(mask, (options or {}).get("randomize", True))
        return self._cars.observe(), self._telemetry(mask)

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Play one step; returns observations, rewards, terminated, truncated and infos.

        Infos: `speed` (units per second), `tiles` (share of the track visited), and where an
        episode is terminated `lap_finished`; each with its mask `_speed`, ...
        """
        self._check_begun("step")
        if not self.continuous:
            actions = continuous_actions(_host(actions), self.num_envs)
        else:
            actions = self._cars.check_actions(actions)
        ended = self._terminated | self._truncated
        # Asked before the cars move: on a GPU an answer waits for all the work that is queued.
        start_again = self.autoreset_mode == AutoresetMode.NEXT_STEP and bool(ended.any())
        playing = ~ended
        cars = self._cars
        cars.step(actions, playing)
        terminated = (cars.ends != 0) & playing
        truncated = (cars.steps() >= self._max_steps) & playing
        rewards = cars.rewards * playing
        if self.autoreset_mode == AutoresetMode.DISABLED:
            terminated, truncated = terminated | self._terminated, truncated | self._truncated
        # Copies: those handed out are the caller's, to change as he likes.
        self._terminated, self._truncated = _copy(terminated), _copy(truncated)
        if start_again:
            self._start(ended)
        infos = self._telemetry(playing | ended)
        finished = (cars.ends == LAP_FINISHED) & terminated
        laps = {"lap_finished": finished, "_lap_finished": terminated}
        if self.autoreset_mode != AutoresetMode.SAME_STEP:
            infos |= laps
        elif (terminated | truncated).any():
            infos = self._same_step(terminated | truncated, infos, laps)
        return cars.observe(), rewards, terminated, truncated, infos

    def snapshot(self) -> dict[str, Any]:
        """All games as they stand, for `restore`: copied arrays (tensors on CUDA), each (N, ...).

        Not in it are the random streams that unseeded resets draw from.
        """
        self._check_begun("snapshot")
        ended = {"terminated": _copy(self._terminated), "truncated": _copy(self._truncated)}
        return self._cars.snapshot() | ended

    def restore(self, kept: dict[str, Any]) -> Any:
        """Go back to a `snapshot` of as many games of this version; returns the observations.

        The same actions then lead to the same games: for planning ahead, or to go on after a stop.
        """
        self._check_open()
        own = self._cars.snapshot() | {"terminated": self._terminated, "truncated": self._truncated}
        if {k: v.shape for k, v in own.items()} != {k: v.shape for k, v in kept.items()}:
            raise ValueError(f"not a snapshot of {self.num_envs} games of this version")
        self._begun = True
        self._terminated, self._truncated = _copy(kept["terminated"]), _copy(kept["truncated"])
        self._cars.restore(kept)
        return self._cars.observe()

    def render(self) -> tuple[NDArray[np.uint8], ...] | None:  # type: ignore[override]
        """What each game shows now, large: N pictures uint8 (400, 600, 3), without skid marks.

        Gymnasium's own code draws them, some milliseconds each.
        """
        self._check_begun("render")
        if self.render_mode is None:
            logger.warn('render() shows something after make_vec(..., render_mode="rgb_array")')
            return None
        if self._screen is None:
            from .screen import Screen  # imported only here: it needs Box2D and pygame

            self._screen = Screen()
        state = self._cars.host_state()
        return tuple(self._screen.draw(state, e) for e in range(self.num_envs))

    @property
    def np_random_seed(self) -> tuple[int, ...]:  # type: ignore[override]
        """The seed that each environment's random stream began with."""
        return tuple(seed for _, seed in self._all_streams())

    @property  # type: ignore[misc]
    def np_random(self) -> tuple[np.random.Generator, ...]:  # type: ignore[override]
        """Each environment's random stream."""
        return tuple(self._generators())

    def _all_streams(self) -> list[tuple[np.random.Generator, int]]:
        if not self._streams:
            self._streams = [seeding.np_random(None) for _ in range(self.num_envs)]
        return self._streams

    def _generators(self) -> list[np.random.Generator]:
        return [generator for generator, _ in self._all_streams()]

    def _check_begun(self, what: str) -> None:
        self._check_open()
        if not self._begun:
            raise ResetNeeded(f"call reset() before {what}()")

    def _check_open(self) -> None:
        if self.closed:
            raise ClosedEnvironmentError("this environment was closed: make a new one")

    def close_extras(self, **kwargs: Any) -> None:
        """End the worker threads."""
        self._cars.close()

    def _start(self, mask: Any, randomize: bool = True) -> None:
        """Begin new episodes where `mask` (N,) is True."""
        if self.domain_randomize and randomize:
            self._paint(_host(mask))
        self._cars.reset(mask, self._generators())
        self._terminated = self._terminated & ~mask
        self._truncated = self._truncated & ~mask

    def _paint(self, mask: NDArray[np.bool_]) -> None:
        """Draw new colours for the environments set in `mask` from their random streams."""
        generators = self._generators()
        for e in np.flatnonzero(mask):
            self._cars.set_colors(e, random_colors(generators[e]))

    def _telemetry(self, mask: Any) -> dict[str, Any]:
        """What the picture hides, as `wmlib/CarRacing-v3` tells it, valid where `mask` is True."""
        speed, tiles = self._cars.telemetry()
        return {"speed": speed, "_speed": mask, "tiles": tiles, "_tiles": mask}

    def _same_step(self, done: Any, infos: dict[str, Any], laps: dict[str, Any]) -> dict[str, Any]:
        """Reset the environments that are `done` at once; keep their last picture and infos."""
        final_obs = np.full(self.num_envs, None, object)
        pictures = self._cars.copy_pictures()
        for e in np.flatnonzero(_host(done)):
            final_obs[e] = pictures[e]
        final = {k: v & done if k.startswith("_") else v for k, v in (infos | laps).items()}
        self._start(done)
        return self._telemetry(infos["_speed"]) | {
            "final_obs": final_obs,
            "_final_obs": done,
            "final_info": final,
            "_final_info": done,
        }


def _host(array: Any) -> Any:
    """A torch tensor as a NumPy array; anything else as it is."""
    return array.cpu().numpy() if hasattr(array, "cpu") else array


def _copy(flags: Any) -> Any:
    """A copy of bools (N,), of NumPy or torch."""
    return flags.copy() if isinstance(flags, np.ndarray) else flags.clone()


def _make_cars(device: str, num_envs: int, size: int, tolerance: float, threads: int | None) -> Any:
    if device == "cpu":
        return CpuCars(num_envs, size, tolerance, threads)
    from .cuda import CudaCars  # imported only here: it needs numba-cuda and a driver

    return CudaCars(num_envs, size, tolerance)
