"""The cars on the CPU: a few plain threads share the environments."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wmlib.device import cores

from . import drawing
from .compilation import compiled
from .physics import advance, place_car
from .state import KEPT, State, new_state
from .track import UNIFORMS, build_track, new_scratch

DRAW = {64: drawing.draw_64, 96: drawing.draw_96}
MIN_CHUNK = 4  # environments a thread takes at least: a call from Python costs about 10 us
CHUNKS_PER_THREAD = 4  # several, so that a thread which is held up can leave work to the others


@compiled
def advance_cars(state, first, last, actions, playing, tolerance, rewards, ends):
    """`physics.advance` for environments `first` to `last` - 1 that are `playing`."""
    for e in range(first, last):
        if playing[e]:
            rewards[e], ends[e] = advance(state, e, actions, tolerance)


class CpuCars:
    """N cars in NumPy arrays. `pictures` uint8 (N, size, size, 3) is what they see now.

    `draw=False` leaves the pictures black, for measuring the physics alone.
    """

    def __init__(
        self, num_envs: int, size: int, tolerance: float, threads: int | None, draw: bool = True
    ) -> None:
        self.state = new_state(num_envs)
        self.pictures = np.zeros((num_envs, size, size, 3), np.uint8)
        self.rewards = np.zeros(num_envs)
        self.ends = np.zeros(num_envs, np.int32)
        self._tolerance = np.float32(tolerance)
        self._draw = DRAW[size] if draw else lambda *args: None
        threads = threads or cores()
        chunks = 1 if threads == 1 else threads * CHUNKS_PER_THREAD
        self._chunk = max(MIN_CHUNK, -(-num_envs // chunks))
        self._local = threading.local()
        self._pool = ThreadPoolExecutor(threads) if num_envs > self._chunk else None

    def check_actions(self, actions: Any) -> NDArray[np.float32]:
        """The actions as float32 (N, 3); ValueError unless they are that many finite numbers."""
        actions = np.ascontiguousarray(actions, np.float32)
        if actions.shape != (len(self.ends), 3):
            raise ValueError(f"actions must have shape ({len(self.ends)}, 3), got {actions.shape}")
        if not np.isfinite(actions).all():
            raise ValueError("actions must be finite, got NaN or infinity")
        return actions

    def to_mask(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """A mask (N,) as the other methods take it."""
        return mask

    def reset(self, mask: NDArray[np.bool_], generators: list[np.random.Generator]) -> None:
        """New tracks and cars where `mask` (N,) is set, from each environment's own generator."""
        chosen = np.flatnonzero(mask)

        def work(part: slice) -> None:
            scratch = new_scratch()
            for e in chosen[part]:
                while not build_track(self.state, e, generators[e].random(UNIFORMS), scratch):
                    pass
                place_car(self.state, e)
                self._draw(self.state, e, e + 1, self._scratch(), self.pictures)

        self._share(work, len(chosen))

    def step(self, actions: NDArray[np.float32], playing: NDArray[np.bool_]) -> None:
        """One step of the cars that are `playing` (N,); fills `rewards`, `ends`, `pictures`."""
        s, tolerance = self.state, self._tolerance

        def work(part: slice) -> None:
            first, last = part.start, part.stop
            advance_cars(s, first, last, actions, playing, tolerance, self.rewards, self.ends)
            for a, b in _runs(playing[part]):
                self._draw(s, first + a, first + b, self._scratch(), self.pictures)

        self._share(work, len(playing))

    def set_colors(self, e: int, colors: NDArray[np.float64]) -> None:
        """Give environment `e` colours (3, 3), see `State.colors`; its next reset shows them."""
        self.state.colors[e] = colors

    def steps(self) -> NDArray[np.int32]:
        """Steps since each car's reset (N,)."""
        return self.state.steps

    def telemetry(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Each car's speed (units per second) and the share of its track visited, (N,) each."""
        speed = np.hypot(*self.state.hull_vel.T.astype(np.float64))
        return speed, self.state.visited_count / self.state.n_tiles

    def snapshot(self) -> dict[str, NDArray]:
        """A copy of every array that the future depends on, by name."""
        return {name: getattr(self.state, name).copy() for name in KEPT}

    def restore(self, kept: dict[str, NDArray]) -> None:
        """Go back to a `snapshot`, pictures included."""
        for name in KEPT:
            getattr(self.state, name)[...] = kept[name]
        self._draw(self.state, 0, len(self.ends), self._scratch(), self.pictures)

    def host_state(self) -> State:
        """The state in NumPy arrays, to be looked at."""
        return self.state

    def observe(self) -> NDArray[np.uint8]:
        """A copy of the pictures, the caller's to keep."""
        return self.pictures.copy()

    def copy_pictures(self) -> NDArray[np.uint8]:
        """The same as `observe`."""
        return self.observe()

    def close(self) -> None:
        """End the threads."""
        if self._pool is not None:
            self._pool.shutdown()

    def _scratch(self) -> Any:
        if not hasattr(self._local, "scratch"):
            self._local.scratch = drawing.new_scratch()
        return self._local.scratch

    def _share(self, work: Callable[[slice], None], n: int) -> None:
        """Call `work` for slices that together cover range(n), on all threads."""
        parts = [slice(a, min(a + self._chunk, n)) for a in range(0, n, self._chunk)]
        if self._pool is None or len(parts) < 2:
            work(slice(0, n))
        else:
            list(self._pool.map(work, parts))  # list: raises here what a thread has raised


def _runs(mask: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Ranges (first, last + 1) of consecutive True values."""
    edges = np.flatnonzero(np.diff(mask.astype(np.int8), prepend=0, append=0))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist())
