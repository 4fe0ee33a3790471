"""Drawing on the CPU: the picture of each car as uint8 RGB, exact coverage of every pixel.

`draw_64` gives the project's picture (rows 0 to 83 of the screen, area-averaged to 64 x 64),
`draw_96` Gymnasium's whole observation with the dashboard. Both draw environments `first` to
`last` - 1 of a state, so that threads can share the work.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from .compilation import compiled
from .geometry import (
    COLOR,
    COUNT,
    MAX_CORNERS,
    MAX_SHAPES,
    ROWS,
    SCREEN,
    START,
    X0,
    X1,
    Y0,
    Y1,
    Outlines,
)
from .scene import list_outlines

f32 = np.float32

SIDE = 64
LANES = 16  # float32 numbers in a vector register: boxes are widened to multiples of it
ROUNDING = f32(1.01)
"""pygame.transform.smoothscale cuts off fractions twice: a flat 102 comes out as 100."""
SOFT = f32(0.02)  # half the least slant of an edge within a row, in pixels


class Scratch(NamedTuple):
    """One thread's working memory."""

    outlines: Any
    cover: Any  # float32 (ROWS, SCREEN): share of each pixel that the current shape covers
    free: Any  # float32 (ROWS, SCREEN): share that no shape covers yet
    paint: Any  # float32 (3, ROWS, SCREEN): colour so far
    band: Any  # float32 (3, SCREEN): one row of the 64 x 64 picture before its columns shrink


def new_scratch() -> Scratch:
    """Working memory for one thread."""
    outlines = Outlines(np.empty((MAX_CORNERS, 2), f32), np.empty((MAX_SHAPES, 7), np.int32))
    return Scratch(
        outlines,
        np.empty((ROWS, SCREEN), f32),
        np.empty((ROWS, SCREEN), f32),
        np.empty((3, ROWS, SCREEN), f32),
        np.empty((3, SCREEN), f32),
    )


@compiled
def swept(d):
    """Integral of min(max(u, 0), 1) for u from 0 to `d`: a pixel's share left of a moving edge."""
    c = min(max(d, f32(0)), f32(1))
    return c * (d - f32(0.5) * c)


@compiled
def cover_edge(cover, x_a, y_a, x_b, y_b, x0, x1, y0, y1):
    """Add to `cover` the area between the edge a-b and the picture's left side, rows y0 to y1.

    Areas left of edges that run down count positive, of edges that run up negative: around a
    polygon they add up to its inside (or to minus that).
    """
    if y_a == y_b:
        return
    top, bottom, sign = y_a, y_b, f32(1)
    if y_a > y_b:
        top, bottom, sign = y_b, y_a, f32(-1)
    top, bottom = max(top, f32(y0)), min(bottom, f32(y1))
    slope = (x_b - x_a) / (y_b - y_a)
    for row in range(int(top), int(math.ceil(bottom))):
        a, b = max(top, f32(row)), min(bottom, f32(row + 1))
        left, right = x_a + (a - y_a) * slope, x_a + (b - y_a) * slope
        if left > right:
            left, right = right, left
        left -= SOFT
        right += SOFT
        k = sign * (b - a) / (right - left)
        left -= f32(x0)
        right -= f32(x0)
        line = cover[row, x0:x1]
        for j in range(line.size):
            x = f32(j)
            line[j] += k * (swept(right - x) - swept(left - x))


@compiled
def cover_shape(outlines, n, cover, x0, x1, y0, y1):
    """Set `cover` in the box to the share of each pixel inside shape `n` (up to its sign)."""
    for row in range(y0, y1):
        line = cover[row, x0:x1]
        for j in range(line.size):
            line[j] = f32(0)
    corners = outlines.corners
    start, count = outlines.shapes[n, START], outlines.shapes[n, COUNT]
    a = start + count - 1
    for b in range(start, start + count):
        cover_edge(
            cover, corners[a, 0], corners[a, 1], corners[b, 0], corners[b, 1], x0, x1, y0, y1
        )
        a = b


@compiled
def paint_box(scratch, color, x0, x1, y0, y1):
    """Paint what is still free of the covered pixels in the box."""
    red, green, blue = f32(color & 255), f32(color >> 8 & 255), f32(color >> 16)
    for row in range(y0, y1):
        cover, free = scratch.cover[row, x0:x1], scratch.free[row, x0:x1]
        r = scratch.paint[0, row, x0:x1]
        g = scratch.paint[1, row, x0:x1]
        b = scratch.paint[2, row, x0:x1]
        for j in range(cover.size):
            # Shapes side by side share a pixel without overlapping: their shares add up.
            share = min(abs(cover[j]), free[j])
            free[j] -= share
            r[j] += share * red
            g[j] += share * green
            b[j] += share * blue


@compiled
def draw_screen(state, e, scratch):
    """Leave rows 0 to 83 of the screen of environment `e` in `scratch.paint`, whole numbers."""
    scratch.free[:] = f32(1)
    scratch.paint[:] = f32(0)
    n, background = list_outlines(state, e, scratch.outlines)
    shapes = scratch.outlines.shapes
    for i in range(n):
        x0 = shapes[i, X0] // LANES * LANES
        x1 = (shapes[i, X1] + LANES - 1) // LANES * LANES
        y0, y1 = shapes[i, Y0], shapes[i, Y1]
        cover_shape(scratch.outlines, i, scratch.cover, x0, x1, y0, y1)
        paint_box(scratch, shapes[i, COLOR], x0, x1, y0, y1)
    scratch.cover[:] = f32(1)
    paint_box(scratch, background, 0, SCREEN, 0, ROWS)
    for c in range(3):
        for row in range(ROWS):
            line = scratch.paint[c, row]
            for j in range(SCREEN):
                line[j] = math.floor(max(line[j] - ROUNDING, f32(0)))


@compiled
def shrink_rows(paint, row, band):
    """Row `row` of the 64 high picture from the 84 high one: weights in 1/16, sum 21."""
    first, last = row * 21 // 16, ((row + 1) * 21 - 1) // 16
    for c in range(3):
        line = band[c]
        line[:] = f32(0)
        for source in range(first, last + 1):
            weight = f32(min((source + 1) * 16, (row + 1) * 21) - max(source * 16, row * 21))
            pixels = paint[c, source]
            for j in range(SCREEN):
                line[j] += weight * pixels[j]


@compiled
def draw_64(state, first, last, scratch, out):
    """Draw environments `first` to `last` - 1 into `out` uint8 (N, 64, 64, 3)."""
    for e in range(first, last):
        draw_screen(state, e, scratch)
        for row in range(SIDE):
            shrink_rows(scratch.paint, row, scratch.band)
            for k in range(SIDE // 2):  # three columns become two
                for c in range(3):
                    a, b = scratch.band[c, 3 * k], scratch.band[c, 3 * k + 1]
                    d = scratch.band[c, 3 * k + 2]
                    left = (f32(2) * a + b) * f32(1 / 63) + f32(0.5)
                    right = (b + f32(2) * d) * f32(1 / 63) + f32(0.5)
                    out[e, row, 2 * k, c] = np.uint8(np.int32(left))
                    out[e, row, 2 * k + 1, c] = np.uint8(np.int32(right))
