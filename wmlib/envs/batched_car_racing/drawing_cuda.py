"""Drawing on the GPU: the same shapes and pixels as `drawing`, a block of threads per picture.

Numba compiles the functions of `scene`, `dashboard` and `pixels` a second time, for the device.
One thread lists what a car sees; then the threads of a block share the rows of the picture, and
each walks through the list for a few pixels of a row. Importing this module needs no GPU, drawing
does (or NUMBA_ENABLE_CUDASIM=1 together with NUMBA_DISABLE_JIT=1, for small tests).
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

THREADS = 128  # in a block
# Pixels of a row that a thread paints, so that it need not follow every edge for each. They lie
# LANES apart: neighbours are painted by neighbouring threads at the same time.
COLUMNS = 6
LANES = SCREEN // COLUMNS  # threads that share a row
assert SCREEN % COLUMNS == 0
assert THREADS % LANES == 0
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
def shape_in_row(corners, shape, row, lane, pixels):
    """Paint one shape into a thread's `pixels` (COLUMNS,) of a row: `lane`, `lane` + LANES, ..."""
    shares = cuda.local.array(COLUMNS, np.float32)
    for j in range(COLUMNS):
        shares[j] = f32(0)
    count = shape[COUNT]
    a = count - 1
    for b in range(count):
        # Where an edge crosses the row is the same for all its pixels.
        left, right, density = edge_in_row(
            corners[a, 0], corners[a, 1], corners[b, 0], corners[b, 1], row
        )
        for j in range(COLUMNS):
            x = f32(lane + j * LANES)
            shares[j] += density * (swept(right - x) - swept(left - x))
        a = b
    for j in range(COLUMNS):
        column = lane + j * LANES
        if shape[X0] <= column and column < shape[X1]:
            pixels[j] = painted(pixels[j], shares[j], packed(shape[COLOR]))


@cuda.jit(device=True)
def paint_row(corners, shapes, n, background, row, lane, pixels):
    """Paint shapes 0 to `n` - 1 and the background into a thread's pixels of a row; quantised."""
    for i in range(n):
        if shapes[i, Y0] <= row and row < shapes[i, Y1]:
            shape_in_row(corners[i], shapes[i], row, lane, pixels)
            free = False
            for j in range(COLUMNS):
                free |= pixels[j] >> u64(48) < u64(256)
            if not free:
                break
    for j in range(COLUMNS):
        pixels[j] = quantised(painted(pixels[j], f32(1), packed(background)))


@cuda.jit
def paint_64(chosen, corners, shapes, totals, out):
    """A block per environment: its picture, uint8 (N, 64, 64, 3)."""
    e, thread = cuda.blockIdx.x, cuda.threadIdx.x
    screen = cuda.shared.array((ROWS, SCREEN), np.uint32)  # 31.5 KiB; a block may have 48
    if not chosen[e]:
        return
    pixels = cuda.local.array(COLUMNS, np.uint64)
    lane = thread % LANES
    for row in range(thread // LANES, ROWS, THREADS // LANES):
        for j in range(COLUMNS):
            pixels[j] = u64(0)
        paint_row(corners[e], shapes[e], totals[e, 0], totals[e, 1], row, lane, pixels)
        for j in range(COLUMNS):
            screen[row, lane + j * LANES] = (
                pixels[j] & u64(255)
                | pixels[j] >> u64(8) & u64(255 << 8)
                | (pixels[j] >> u64(16) & u64(255 << 16))
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
    pixels = cuda.local.array(COLUMNS, np.uint64)
    lane = thread % LANES
    for row in range(thread // LANES, SCREEN, THREADS // LANES):
        background = BLACK if row >= ROWS else totals[e, 1]
        for j in range(COLUMNS):
            column = lane + j * LANES
            pixels[j] = u64(0)
            if row >= ROWS and column < SCORE_COLUMNS:
                pixels[j] = painted(pixels[j], scores[score, row - ROWS, column], packed(WHITE))
        paint_row(corners[e], shapes[e], totals[e, 0], background, row, lane, pixels)
        for j in range(COLUMNS):
            for c in range(3):
                out[e, row, lane + j * LANES, c] = (pixels[j] >> u64(16 * c)) & u64(255)


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
