"""Drawing on the CPU: the picture of each car as uint8 RGB, exact coverage of every pixel.

`draw_64` gives the project's picture (rows 0 to 83 of the screen, area-averaged to 64 x 64),
`draw_96` Gymnasium's whole observation with the dashboard. Both draw environments `first` to
`last` - 1 of a state, so that threads can share the work.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .compilation import compiled
from .dashboard import HEIGHT, SCORE_COLUMNS, add_dashboard, score_index, score_table
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

f32, u16 = np.float32, np.uint16

SIDE = 64
BAND, BAND_SOURCE = 16, 21  # so many rows of the 64 x 64 picture come from so many of the screen
LANES = 16  # float32 numbers in a vector register: boxes are widened to multiples of it
EDGE_LANES = 8  # the same for the few pixels that an edge crosses; 16 would compute more of them


class Scratch(NamedTuple):
    """One thread's working memory."""

    outlines: Any
    cover: Any  # float32 (SCREEN, SCREEN): share of each pixel that the current shape covers
    paint: Any  # uint64 (SCREEN, SCREEN): what is painted so far, see `painted`
    # For `shrink`, a band of rows at a time: pixels are words of four 16-bit channels, then RGB0.
    band: Any  # uint64 (BAND * SCREEN,)
    columns: Any  # uint64 (BAND * SIDE,)
    pixels: Any  # uint32 (BAND * SIDE,)


def new_scratch() -> Scratch:
    """Working memory for one thread."""
    return Scratch(
        Outlines(np.empty((MAX_SHAPES, MAX_CORNERS, 2), f32), np.empty((MAX_SHAPES, 6), np.int32)),
        np.empty((SCREEN, SCREEN), f32),
        np.empty((SCREEN, SCREEN), np.uint64),
        np.empty(BAND * SCREEN, np.uint64),
        np.empty(BAND * SIDE, np.uint64),
        np.empty(BAND * SIDE, np.uint32),
    )


@compiled
def cover_edge(cover, x_a, y_a, x_b, y_b, x0, x1, y0, y1):
    """Add the area left of the edge a-b (see `edge_in_row`) to `cover` in the box."""
    top, bottom = max(min(y_a, y_b), f32(y0)), min(max(y_a, y_b), f32(y1))
    for row in range(int(top), math.ceil(bottom)):
        left, right, density = edge_in_row(x_a, y_a, x_b, y_b, row)
        left -= f32(x0)
        right -= f32(x0)
        if density == f32(0) or right < f32(0):
            continue
        # Pixels wholly left of the edge get the same area each; right of it nothing changes.
        stop = min(x1, x0 + (int(right) // EDGE_LANES + 1) * EDGE_LANES)
        start = min(stop, x0 + int(max(left, f32(0))) // EDGE_LANES * EDGE_LANES)
        area = density * (right - left)
        line = cover[row, x0:start]
        for j in range(line.size):
            line[j] += area
        left -= f32(start - x0)
        right -= f32(start - x0)
        line = cover[row, start:stop]
        for j in range(line.size):
            line[j] += density * (swept(right - f32(j)) - swept(left - f32(j)))


@compiled
def cover_shape(outlines, n, cover, x0, x1, y0, y1):
    """Set `cover` in the box to the share of each pixel inside shape `n` (up to its sign)."""
    for row in range(y0, y1):
        line = cover[row, x0:x1]
        for j in range(line.size):
            line[j] = f32(0)
    corners, count = outlines.corners[n], outlines.shapes[n, COUNT]
    a = count - 1
    for b in range(count):
        cover_edge(
            cover, corners[a, 0], corners[a, 1], corners[b, 0], corners[b, 1], x0, x1, y0, y1
        )
        a = b


@compiled
def paint_box(cover, paint, color, x0, x1, y0, y1):
    """Paint what is still free of the covered pixels in the box."""
    for row in range(y0, y1):
        shares, line = cover[row, x0:x1], paint[row, x0:x1]
        for j in range(line.size):
            line[j] = painted(line[j], shares[j], color)


@compiled
def draw_shapes(outlines, n, cover, paint):
    """Paint the first `n` shapes, front to back."""
    shapes = outlines.shapes
    for i in range(n):
        x0 = shapes[i, X0] // LANES * LANES
        x1 = (shapes[i, X1] + LANES - 1) // LANES * LANES
        y0, y1 = shapes[i, Y0], shapes[i, Y1]
        cover_shape(outlines, i, cover, x0, x1, y0, y1)
        paint_box(cover, paint, packed(shapes[i, COLOR]), x0, x1, y0, y1)


@compiled
def finish_rows(paint, first, last, background):
    """Paint what is free in these rows and turn them into 8-bit colours (`quantised`)."""
    for row in range(first, last):
        line = paint[row]
        for j in range(SCREEN):
            line[j] = quantised(painted(line[j], f32(1), background))


@compiled
def draw_world(state, e, scratch):
    """Leave rows 0 to 83 of the screen of environment `e` in `scratch.paint`, quantised."""
    scratch.paint[:ROWS] = np.uint64(0)
    n, background = list_outlines(state, e, scratch.outlines, 0)
    draw_shapes(scratch.outlines, n, scratch.cover, scratch.paint)
    finish_rows(scratch.paint, 0, ROWS, packed(background))


@compiled
def draw_dashboard(state, e, scratch, scores):
    """Leave rows 84 to 95 of the screen of environment `e` in `scratch.paint`, quantised."""
    paint = scratch.paint[ROWS:]
    paint[:] = np.uint64(0)
    score = scores[score_index(state.reward_shown[e])]
    for row in range(HEIGHT):
        for j in range(SCORE_COLUMNS):
            paint[row, j] = painted(paint[row, j], score[row, j], packed(WHITE))
    n = add_dashboard(state, e, scratch.outlines, 0)
    draw_shapes(scratch.outlines, n, scratch.cover, scratch.paint)
    finish_rows(scratch.paint, ROWS, SCREEN, packed(BLACK))


@compiled
def average_rows(paint, first, band):
    """BAND rows as averages of BAND_SOURCE from `first` on, times 21; all are 16-bit colours.

    Row r takes 21/16 rows of the screen, which lie in three: their shares in 1/16 are a, b, c.
    (The last takes nothing from its third, the row behind the band.)
    """
    width = 4 * SCREEN
    for r in range(BAND):
        source = r * BAND_SOURCE // BAND
        a = (source + 1) * BAND - r * BAND_SOURCE
        b = min(BAND, BAND_SOURCE - a)
        a, b, c = u16(a), u16(b), u16(BAND_SOURCE - a - b)
        upper, middle = paint[first + source], paint[first + source + 1]
        lower = paint[first + source + 2]
        row = band[r * width : (r + 1) * width]
        for j in range(width):  # cast at once: 16-bit numbers are the most that a register holds
            row[j] = u16(a * upper[j]) + u16(b * middle[j]) + u16(c * lower[j])


@compiled
def average_columns(band, columns):
    """Three columns become two, times 3."""
    for k in range(columns.size // 2):
        columns[2 * k] = np.uint64(2) * band[3 * k] + band[3 * k + 1]
        columns[2 * k + 1] = band[3 * k + 1] + np.uint64(2) * band[3 * k + 2]


@compiled
def divide(channels, result):
    """8-bit colours of 16-bit ones that are 63 times as large."""
    for j in range(channels.size):
        result[j] = divided_by_63(channels[j])


@compiled
def store(pixels, out):
    """Write RGB0 words as RGB bytes: four pixels of three bytes are three words."""
    for k in range(pixels.size // 4):
        a, b = pixels[4 * k], pixels[4 * k + 1]
        c, d = pixels[4 * k + 2], pixels[4 * k + 3]
        out[3 * k] = a & np.uint32(0xFFFFFF) | b << np.uint32(24)
        out[3 * k + 1] = b >> np.uint32(8) & np.uint32(0xFFFF) | c << np.uint32(16)
        out[3 * k + 2] = c >> np.uint32(16) & np.uint32(0xFF) | d << np.uint32(8)


@compiled
def shrink(scratch, out):
    """The 64 x 64 picture from the 84 x 96 of `scratch.paint`: OpenCV's INTER_AREA, exactly.

    Weights are whole numbers: of a source row in 1/16 (21 in all), of a column in 1/2 (3 in all).
    `out`: uint32 (64 * 48,), the picture's bytes. One short loop a function: only so does the
    compiler use vectors for each of them. A band of rows at a time, because what was just written
    in one width and is read in another must wait: row by row takes twice as long.
    """
    words = BAND * SIDE * 3 // 4
    paint, band, columns = scratch.paint, scratch.band, scratch.columns
    pixels = scratch.pixels
    for i in range(SIDE // BAND):
        average_rows(paint.view(u16), i * BAND_SOURCE, band.view(u16))
        average_columns(band, columns)
        divide(columns.view(u16), pixels.view(np.uint8))
        store(pixels, out[i * words : (i + 1) * words])


@compiled
def draw_64(state, first, last, scratch, out):
    """Draw environments `first` to `last` - 1 into `out` uint8 (N, 64, 64, 3)."""
    words = out.reshape(out.shape[0], SIDE * SIDE * 3).view(np.uint32)
    for e in range(first, last):
        draw_world(state, e, scratch)
        shrink(scratch, words[e])


@compiled
def draw_screens(state, first, last, scratch, scores, out):
    """`draw_96` with the table of scores at hand."""
    for e in range(first, last):
        draw_world(state, e, scratch)
        draw_dashboard(state, e, scratch, scores)
        for row in range(SCREEN):
            for j in range(SCREEN):
                pixel = scratch.paint[row, j]
                for c in range(3):
                    out[e, row, j, c] = np.uint8(pixel >> np.uint64(16 * c) & np.uint64(255))


def draw_96(state: State, first: int, last: int, scratch: Scratch, out: NDArray[np.uint8]) -> None:
    """Draw environments `first` to `last` - 1 with dashboard into `out` uint8 (N, 96, 96, 3)."""
    draw_screens(state, first, last, scratch, score_table(), out)
