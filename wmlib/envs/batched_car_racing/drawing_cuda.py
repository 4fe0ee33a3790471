"""Drawing on the GPU: the same shapes and pixels as `drawing`, a block of threads per picture.

Numba compiles the functions of `scene`, `dashboard` and `pixels` a second time, for the device.
One thread lists what a car sees; then the threads of a block share the pixels, and each walks
through the list for its own. Importing this module needs no GPU, drawing does (or
NUMBA_ENABLE_CUDASIM=1 together with NUMBA_DISABLE_JIT=1, for small tests).
"""

from typing import Any

import numpy as np
from numba import cuda

from .dashboard import SCORE_COLUMNS, add_dashboard, score_index, score_table
from .drawing import SIDE
from .geometry import (
    BLACK,
    COLOR,
    COUNT,
    MAX_CORNERS,
    MAX_SHAPES,
    ROWS,
    SCREEN,
    WHITE,
    X0,
    X1,
    Y0,
    Y1,
    Outlines,
)
from .pixels import divided_by_63, edge_in_row, packed, painted, quantised, swept
from .scene import list_outlines
from .state import State

f32 = np.float32
u64 = np.uint64

THREADS = 256  # in a block
LIST_THREADS = 32  # in a block of `list_shapes`: small, to spread the few threads over the GPU


@cuda.jit
def list_shapes(state, chosen, dashboard, corners, shapes, totals):
    """A thread per environment: what it sees; `totals` (N, 2) gets shapes and background."""
    e = cuda.grid(1)
    if e < chosen.shape[0] and chosen[e]:
        outlines = Outlines(corners[e], shapes[e])
        n = add_dashboard(state, e, outlines, 0) if dashboard else 0
        totals[e, 0], totals[e, 1] = list_outlines(state, e, outlines, n)


@cuda.jit(device=True)
def share_of_pixel(corners, count, row, column):
    """Share of the pixel that lies inside a polygon (up to its sign)."""
    share = f32(0)
    a = count - 1
    for b in range(count):
        left, right, density = edge_in_row(
            corners[a, 0], corners[a, 1], corners[b, 0], corners[b, 1], row
        )
        share += density * (swept(right - f32(column)) - swept(left - f32(column)))
        a = b
    return share


@cuda.jit(device=True)
def screen_pixel(corners, shapes, n, background, pixel, row, column):
    """The quantised pixel after shapes 0 to `n` - 1 and the background were painted."""
    for i in range(n):
        if (
            shapes[i, X0] <= column
            and column < shapes[i, X1]
            and shapes[i, Y0] <= row
            and row < shapes[i, Y1]
        ):
            share = share_of_pixel(corners[i], shapes[i, COUNT], row, column)
            pixel = painted(pixel, share, packed(shapes[i, COLOR]))
            if pixel >> u64(48) == u64(256):  # nothing free
                return quantised(pixel)
    return quantised(painted(pixel, f32(1), packed(background)))


@cuda.jit
def paint_64(chosen, corners, shapes, totals, out):
    """A block per environment: its picture, uint8 (N, 64, 64, 3)."""
    e, thread = cuda.blockIdx.x, cuda.threadIdx.x
    screen = cuda.shared.array((ROWS, SCREEN), np.uint32)  # 31.5 KiB; a block may have 48
    if not chosen[e]:
        return
    for k in range(thread, ROWS * SCREEN, THREADS):
        row, column = k // SCREEN, k % SCREEN
        pixel = screen_pixel(corners[e], shapes[e], totals[e, 0], totals[e, 1], u64(0), row, column)
        screen[row, column] = (
            pixel & u64(255) | pixel >> u64(8) & u64(255 << 8) | (pixel >> u64(16) & u64(255 << 16))
        )
    cuda.syncthreads()
    for k in range(thread, SIDE * SIDE, THREADS):
        row, column = k // SIDE, k % SIDE
        middle = column // 2 * 3 + 1  # this column and its neighbour share the middle one of three
        outer = middle - 1 if column % 2 == 0 else middle + 1
        first, last = row * 21 // 16, ((row + 1) * 21 - 1) // 16
        for c in range(3):
            total = 0
            for source in range(first, last + 1):
                weight = min((source + 1) * 16, (row + 1) * 21) - max(source * 16, row * 21)
                a = int(screen[source, outer]) >> 8 * c & 255
                b = int(screen[source, middle]) >> 8 * c & 255
                total += weight * (2 * a + b)
            out[e, row, column, c] = divided_by_63(total)


@cuda.jit
def paint_96(chosen, corners, shapes, totals, state, scores, out):
    """A block per environment: its whole observation, uint8 (N, 96, 96, 3)."""
    e, thread = cuda.blockIdx.x, cuda.threadIdx.x
    if not chosen[e]:
        return
    score = score_index(state.reward_shown[e])
    for k in range(thread, SCREEN * SCREEN, THREADS):
        row, column = k // SCREEN, k % SCREEN
        pixel, background = u64(0), totals[e, 1]
        if row >= ROWS:
            background = BLACK
            if column < SCORE_COLUMNS:
                pixel = painted(pixel, scores[score, row - ROWS, column], packed(WHITE))
        pixel = screen_pixel(corners[e], shapes[e], totals[e, 0], background, pixel, row, column)
        for c in range(3):
            out[e, row, column, c] = (pixel >> u64(16 * c)) & u64(255)


class Painter:
    """Draws N environments on the GPU, as pictures of `size` 64 or 96 pixels a side."""

    def __init__(self, num_envs: int, size: int) -> None:
        if size not in (SIDE, SCREEN):
            raise ValueError(f"size must be {SIDE} or {SCREEN}, got {size}")
        self._num_envs, self._size = num_envs, size
        self._corners = cuda.device_array((num_envs, MAX_SHAPES, MAX_CORNERS, 2), np.float32)
        self._shapes = cuda.device_array((num_envs, MAX_SHAPES, 6), np.int32)
        self._totals = cuda.device_array((num_envs, 2), np.int32)
        self._scores = cuda.to_device(score_table()) if size == SCREEN else None

    def draw(self, state: State, chosen: Any, out: Any, stream: Any = 0) -> None:
        """Draw the environments set in `chosen` uint8 (N,) into `out` uint8 (N, size, size, 3).

        All arrays lie on the device; the work is queued on `stream`.
        """
        blocks = -(-self._num_envs // LIST_THREADS)
        lists = self._corners, self._shapes, self._totals
        dashboard = self._size == SCREEN
        list_shapes[blocks, LIST_THREADS, stream](state, chosen, dashboard, *lists)
        paint = (self._num_envs, THREADS, stream)
        if dashboard:
            paint_96[paint](chosen, *lists, state, self._scores, out)
        else:
            paint_64[paint](chosen, *lists, out)
