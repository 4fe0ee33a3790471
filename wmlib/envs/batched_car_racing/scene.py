"""What one car sees: hull, wheels, kerbs, road and grass as a list of outlines, front to back.

The order is Gymnasium's drawing order backwards, so that whoever fills the list can stop at what
is already covered. Every function works on one car and is compiled for CPU and CUDA alike.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from . import track
from .car_body import SIZE
from .compilation import compiled
from .contacts import near
from .geometry import (
    BLACK,
    GRASS_COUNT,
    GROW_DRAW,
    GROW_GFX,
    HULL_COLOR,
    RED,
    SURFACE_W,
    WHEEL_MARK_COLOR,
    WHITE,
    close_shape,
    in_view,
    put_corner,
    put_turned,
    view_of,
)
from .state import FIELD, GRASS

f32 = np.float32

PLAYFIELD = f32(track.PLAYFIELD)  # half a side
SQUARE = f32(track.PLAYFIELD / GRASS_COUNT)  # side of a light square; they stand one side apart
KERB_WIDTH = f32(track.KERB_WIDTH)

HULL_PARTS = np.array(  # four convex parts, padded to 8 corners; the second ends at the first
    [
        [(-60, 130), (60, 130), (60, 110), (-60, 110)] + [(0, 0)] * 4,
        [(-15.5, 110), (15.5, 110), (20, 20), (-20, 20)] + [(0, 0)] * 4,
        [(25, 20), (50, -10), (50, -40), (20, -90), (-20, -90), (-50, -40), (-50, -10), (-25, 20)],
        [(-50, -120), (50, -120), (50, -90), (-50, -90)] + [(0, 0)] * 4,
    ]
).astype(f32) * f32(SIZE)
HULL_CORNERS = (4, 4, 8, 4)
HULL_SEAMS = (0, 0b101, 0b1000, 0)  # edges where a part meets another, see `geometry.grow`
WHEEL_W, WHEEL_R = f32(14 * SIZE), f32(27 * SIZE)
LOW_SEAM, HIGH_SEAM = 0b001, 0b100  # edges of a band across a wheel
MARK_ANGLE = 1.2  # radians of the wheel's turn that its grey mark spans
LEAST_MARK = f32(2)  # surface pixels; a smaller mark is not drawn


@compiled
def add_hull(camera, outlines, n):
    """Append the hull's parts; returns the number of shapes then."""
    for part in range(4):
        count = HULL_CORNERS[part]
        for i in range(count):
            x, y = HULL_PARTS[part, i, 0], HULL_PARTS[part, i, 1]
            put_turned(outlines, n, i, camera, camera, x, y)
        n = close_shape(outlines, n, count, HULL_COLOR, GROW_DRAW, HULL_SEAMS[part])
    return n


class Wheel(NamedTuple):
    """A wheel's place, the way it points, and how far it has rolled (radians)."""

    x: Any
    y: Any
    cos: Any
    sin: Any
    phase: Any


@compiled
def wheel_of(state, e, w):
    """Wheel `w` of environment `e`, looked up once for all its bands."""
    angle = state.wheel_angle[e, w]
    position = state.wheel_pos
    return Wheel(
        position[e, w, 0],
        position[e, w, 1],
        math.cos(angle),
        math.sin(angle),
        state.wheel_phase[e, w],
    )


@compiled
def add_wheel_band(wheel, camera, outlines, n, low, high, color, seams):
    """Append a band across a wheel from `low` to `high` (world units along it)."""
    for i in range(4):
        x = WHEEL_W if i == 1 or i == 2 else -WHEEL_W
        put_turned(outlines, n, i, camera, wheel, x, low if i < 2 else high)
    return close_shape(outlines, n, 4, color, GROW_DRAW, seams)


@compiled
def mark_of(phase):
    """Where a wheel's grey mark begins and ends, as shares of its radius; (0, 0) if underneath."""
    s1, s2 = math.sin(phase), math.sin(phase + MARK_ANGLE)
    c1, c2 = f32(math.cos(phase)), f32(math.cos(phase + MARK_ANGLE))
    if s1 > 0 and s2 > 0:
        return f32(0), f32(0)
    if s1 > 0:
        c1 = f32(1) if c1 > f32(0) else f32(-1)
    if s2 > 0:
        c2 = f32(1) if c2 > f32(0) else f32(-1)
    return min(c1, c2), max(c1, c2)


@compiled
def add_wheel(wheel, camera, outlines, n):
    """Append a wheel: the grey mark that rolls over it, and the tyre on both sides of it."""
    low, high = mark_of(wheel.phase)
    low, high = WHEEL_R * low, WHEEL_R * high
    if (high - low) * camera.zoom < LEAST_MARK:
        return add_wheel_band(wheel, camera, outlines, n, -WHEEL_R, WHEEL_R, BLACK, 0)
    n = add_wheel_band(wheel, camera, outlines, n, low, high, WHEEL_MARK_COLOR, 0)
    n = add_wheel_band(wheel, camera, outlines, n, -WHEEL_R, low, BLACK, HIGH_SEAM)
    return add_wheel_band(wheel, camera, outlines, n, high, WHEEL_R, BLACK, LOW_SEAM)


@compiled
def add_quad(quad, camera, outlines, n, color, seams):
    """Append a quad (4, 2) of the track; its first edge is where the next quad begins."""
    for i in range(4):
        put_corner(outlines, n, i, camera, quad[i, 0], quad[i, 1])
    return close_shape(outlines, n, 4, color, GROW_GFX, seams)


@compiled
def list_in_view(state, e, camera):
    """List in `nearby` the tiles that may be seen, last first; returns how many.

    A loop of its own for the sake of GPUs, see `contacts.list_near`.
    """
    reach = f32(SURFACE_W) / camera.zoom + KERB_WIDTH  # a circle that holds the whole view
    n, circles = 0, state.tile_circle
    for i in range(state.n_tiles[e] - 1, -1, -1):
        if near(circles, e, i, camera.x, camera.y, reach):
            radius = circles[e, i, 2] + KERB_WIDTH
            if in_view(camera, circles[e, i, 0], circles[e, i, 1], radius):
                state.nearby[e, n] = i
                n += 1
    return n


@compiled
def add_road(state, e, camera, outlines, n):
    """Append the tiles in view, last first, each kerb before its tile."""
    last = state.n_tiles[e] - 1
    tiles = state.tile_color
    for j in range(list_in_view(state, e, camera)):
        i = state.nearby[e, j]
        if state.kerb_on[e, i]:
            color = RED if state.kerb_color[e, i] else WHITE
            seams = 1 if i < last and state.kerb_on[e, i + 1] else 0
            n = add_quad(state.kerb_poly[e, i], camera, outlines, n, color, seams)
        color = int(tiles[e, i, 0]) | int(tiles[e, i, 1]) << 8 | int(tiles[e, i, 2]) << 16
        seams = 1 if i < last else 0
        n = add_quad(state.tile_poly[e, i], camera, outlines, n, color, seams)
    return n


@compiled
def add_square(x, y, side, camera, outlines, n, color):
    """Append the square with lower left corner (x, y)."""
    for i in range(4):
        right, high = i == 0 or i == 3, i >= 2
        put_corner(outlines, n, i, camera, x + side if right else x, y + side if high else y)
    return close_shape(outlines, n, 4, color, GROW_GFX, 0)


@compiled
def color_of(state, e, part):
    """The packed colour of FIELD or GRASS in environment `e`."""
    colors = state.colors
    red, green, blue = int(colors[e, part, 0]), int(colors[e, part, 1]), int(colors[e, part, 2])
    return red | green << 8 | blue << 16


@compiled
def add_grass(camera, outlines, n, color):
    """Append the light squares in view."""
    # A circle around the car that holds the whole view, in squares' numbers.
    reach = f32(SURFACE_W) / camera.zoom + SQUARE
    first_i = max(int((camera.x - reach + PLAYFIELD) / (2 * SQUARE)), 0)
    last_i = min(int((camera.x + reach + PLAYFIELD) / (2 * SQUARE)), GRASS_COUNT - 1)
    first_j = max(int((camera.y - reach + PLAYFIELD) / (2 * SQUARE)), 0)
    last_j = min(int((camera.y + reach + PLAYFIELD) / (2 * SQUARE)), GRASS_COUNT - 1)
    for i in range(first_i, last_i + 1):
        x = -PLAYFIELD + f32(2 * i) * SQUARE
        for j in range(first_j, last_j + 1):
            y = -PLAYFIELD + f32(2 * j) * SQUARE
            half = f32(0.5) * SQUARE
            if in_view(camera, x + half, y + half, SQUARE):
                n = add_square(x, y, SQUARE, camera, outlines, n, color)
    return n


@compiled
def field_fills_view(camera):
    """Is no black in view? (A circle around the car holds the whole view.)"""
    room = PLAYFIELD - f32(SURFACE_W) / camera.zoom
    return abs(camera.x) < room and abs(camera.y) < room


@compiled
def list_outlines(state, e, outlines, n):
    """List environment `e`'s view in `outlines` behind what is there already.

    Returns the number of shapes then, and the colour of what none of them covers.
    """
    camera = view_of(state, e)
    n = add_hull(camera, outlines, n)
    for w in range(3, -1, -1):
        n = add_wheel(wheel_of(state, e, w), camera, outlines, n)
    n = add_road(state, e, camera, outlines, n)
    n = add_grass(camera, outlines, n, color_of(state, e, GRASS))
    field = color_of(state, e, FIELD)
    if field_fills_view(camera):
        return n, field
    side = f32(2) * PLAYFIELD
    return add_square(-PLAYFIELD, -PLAYFIELD, side, camera, outlines, n, field), BLACK
