"""The cars on the GPU: the same functions as on the CPU, a thread for each car.

Numba compiles the functions of `track` and `physics` a second time, for the device. Arrays are
torch tensors there, so that observations, rewards and ends are handed over without a copy. With
NUMBA_ENABLE_CUDASIM=1 and NUMBA_DISABLE_JIT=1 everything runs in plain Python on the CPU, which
is how tiny cases are tested without a GPU.
"""

import contextlib
import importlib.util
import warnings
from typing import Any

import numpy as np
import torch
from numba import cuda
from numba.core import config
from numba.core.errors import NumbaPerformanceWarning
from numpy.typing import NDArray

from .drawing_cuda import Painter
from .physics import advance, place_car
from .state import KEPT, State, new_state
from .track import SCRATCH_ROWS, UNIFORMS, build_track

SIMULATED = bool(config.ENABLE_CUDASIM)
# A few cars leave most of a GPU idle: that is so, and nothing to be warned of at each step.
warnings.filterwarnings("ignore", "Grid size", NumbaPerformanceWarning)
BLOCK = 32  # threads, the fewest: so that even some thousand cars spread over the whole GPU
TRACK_GROUP = 1024  # tracks built at once; each needs 80 kB of working memory
# One attempt in 14 fails, so twelve in a row practically never do. All are drawn beforehand,
# because the GPU cannot ask the CPU's generators for more.
ATTEMPTS = 12


@cuda.jit
def reset_cars(state, chosen, uniforms, scratch):
    """A thread for each entry of `chosen` (R,): new track from `uniforms` (R, 12, 24), new car."""
    r = cuda.grid(1)
    if r < chosen.shape[0]:
        for attempt in range(ATTEMPTS):
            if build_track(state, chosen[r], uniforms[r, attempt], scratch[r]):
                break
        place_car(state, chosen[r])


@cuda.jit
def advance_cars(state, actions, playing, tolerance, rewards, ends):
    """A thread for each car: `physics.advance` if it is `playing`."""
    e = cuda.grid(1)
    if e < playing.shape[0] and playing[e]:
        rewards[e], ends[e] = advance(state, e, actions, tolerance)


class CudaCars:
    """N cars in GPU memory, with the methods of `cpu.CpuCars`; all results are torch tensors."""

    def __init__(self, num_envs: int, size: int, tolerance: float, draw: bool = True) -> None:
        check_driver()
        self.device = torch.device("cpu" if SIMULATED else "cuda")
        self._tensors = State(*(torch.from_numpy(a).to(self.device) for a in new_state(num_envs)))
        self._state = State(*map(_array, self._tensors))
        self.pictures = self._zeros((num_envs, size, size, 3), torch.uint8)
        self.rewards = self._zeros((num_envs,), torch.float32)
        self.ends = self._zeros((num_envs,), torch.int32)
        self._actions = self._zeros((num_envs, 3), torch.float32)
        self._playing = self._zeros((num_envs,), torch.uint8)
        self._arrays = [
            _array(t)
            for t in (self._actions, self._playing, self.rewards, self.ends, self.pictures)
        ]
        self._tolerance = np.float32(tolerance)
        self._painter = Painter(num_envs, size) if draw else None

    def check_actions(self, actions: Any) -> torch.Tensor:
        """The actions as float32 (N, 3); ValueError unless they are that many finite numbers."""
        actions = torch.as_tensor(actions, dtype=torch.float32, device=self.device)
        if actions.shape != self._actions.shape:
            raise ValueError(
                f"actions must have shape {tuple(self._actions.shape)}, got {tuple(actions.shape)}"
            )
        if not actions.isfinite().all():
            raise ValueError("actions must be finite, got NaN or infinity")
        return actions

    def to_mask(self, mask: Any) -> torch.Tensor:
        """A mask (N,) on the device."""
        return torch.as_tensor(mask, device=self.device)

    def reset(self, mask: torch.Tensor, generators: list[np.random.Generator]) -> None:
        """New tracks and cars where `mask` (N,) is set, from each environment's own generator."""
        chosen = np.flatnonzero(mask.cpu().numpy()).astype(np.int32)
        for first in range(0, len(chosen), TRACK_GROUP):
            group = chosen[first : first + TRACK_GROUP]
            uniforms = np.stack([generators[e].random((ATTEMPTS, UNIFORMS)) for e in group])
            scratch = self._zeros((len(group), SCRATCH_ROWS, 4), torch.float64)
            # Named, so that they outlive the launch, which returns at once.
            on_device = [torch.from_numpy(a).to(self.device) for a in (group, uniforms)]
            reset_cars[_blocks(len(group)), BLOCK, self._stream()](
                self._state, *map(_array, on_device), _array(scratch)
            )
        self._playing.copy_(mask)
        self._draw()

    def step(self, actions: torch.Tensor | NDArray, playing: torch.Tensor) -> None:
        """One step of the cars that are `playing` (N,); fills `rewards`, `ends`, `pictures`."""
        self._actions.copy_(torch.as_tensor(actions))
        self._playing.copy_(playing)
        acts, mask, rewards, ends, _ = self._arrays
        advance_cars[_blocks(len(self.ends)), BLOCK, self._stream()](
            self._state, acts, mask, self._tolerance, rewards, ends
        )
        self._draw()

    def set_colors(self, e: int, colors: NDArray[np.float64]) -> None:
        """Give environment `e` colours (3, 3), see `State.colors`; its next reset shows them."""
        self._tensors.colors[e] = torch.from_numpy(colors).to(self.device)

    def steps(self) -> torch.Tensor:
        """Steps since each car's reset (N,)."""
        return self._tensors.steps

    def telemetry(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Each car's speed (units per second) and the share of its track visited, (N,) each."""
        return self._tensors.hull_vel.norm(
            dim=1
        ), self._tensors.visited_count / self._tensors.n_tiles

    def snapshot(self) -> dict[str, torch.Tensor]:
        """A copy of every tensor that the future depends on, by name."""
        return {name: getattr(self._tensors, name).clone() for name in KEPT}

    def restore(self, kept: dict[str, torch.Tensor]) -> None:
        """Go back to a `snapshot`, pictures included."""
        for name in KEPT:
            getattr(self._tensors, name).copy_(kept[name])
        self._playing.fill_(1)
        self._draw()

    def host_state(self) -> State:
        """The state in NumPy arrays, to be looked at."""
        return State(*(t.cpu().numpy() for t in self._tensors))

    def observe(self) -> torch.Tensor:
        """The pictures themselves: the next step overwrites them."""
        return self.pictures

    def copy_pictures(self) -> torch.Tensor:
        """A copy of the pictures, the caller's to keep."""
        return self.pictures.clone()

    def close(self) -> None:
        """Nothing to end."""

    def _draw(self) -> None:
        """Draw the cars that are set in `_playing`."""
        if self._painter is not None:
            self._painter.draw(self._state, self._arrays[1], self._arrays[4], self._stream())

    def _zeros(self, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
        return torch.zeros(shape, dtype=dtype, device=self.device)

    def _stream(self) -> Any:
        """PyTorch's stream, so that its work and ours stay in order; 0 is the default one."""
        pointer = 0 if SIMULATED else torch.cuda.current_stream().cuda_stream
        return cuda.external_stream(pointer) if pointer else 0


def check_driver() -> None:
    """ValueError, saying what to do, unless CUDA works in both Numba and PyTorch."""
    if SIMULATED:
        return
    if importlib.util.find_spec("numba_cuda") is None:
        extra = "cuda12" if str(torch.version.cuda).startswith("12") else "cuda"
        raise ValueError(f'device="cuda" needs numba-cuda: pip install "wmlib[{extra}]"')
    with contextlib.suppress(ImportError):  # the module may move: then the compilation tells
        try:
            importlib.import_module("numba.cuda.np.arrayobj")  # as the first compilation does
        except AttributeError as error:
            raise ValueError(
                f"numba-cuda does not know NumPy {np.__version__} yet ({error}): "
                'pip install "numpy<2.5"'
            ) from error
    if not (torch.cuda.is_available() and cuda.is_available()):
        raise ValueError('device="cuda" needs an NVIDIA GPU and its driver; use device="cpu"')


def _blocks(threads: int) -> int:
    return -(-threads // BLOCK)


def _array(tensor: torch.Tensor) -> NDArray | Any:
    """The same memory as `tensor`, as Numba's kernels take it."""
    return tensor.numpy() if SIMULATED else cuda.as_cuda_array(tensor)
