"""What is to be drawn: one car's view as a list of polygons, nearest to the eye first.

Gymnasium draws everything on a surface of 1000 x 800 pixels and shrinks it to 96 x 96. We keep
the polygons as they are and measure how much of each small pixel they cover, so this module must
know where the big surface would have had them: its corners lie on whole pixels (the coordinates
lose their fraction), and its filled shapes are about half a pixel fatter than the true ones.

Every function here works on one car and is compiled for CPU and CUDA alike. Coordinates: `world`
is Box2D's; `surface` is the 1000 x 800 one with y up, car at (500, 200); `screen` is the 96 x 96
one with y down, of which rows 84 to 95 are the dashboard.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from .compilation import compiled
from .state import DT, MAX_TILES

f32 = np.float32

SCREEN = 96  # pixels a side
ROWS = 84  # of them above the dashboard
SURFACE_W, SURFACE_H = 1000, 800
SCALE_X, SCALE_Y = f32(SCREEN / SURFACE_W), f32(SCREEN / SURFACE_H)
CAR_X, CAR_Y = f32(SURFACE_W / 2), f32(SURFACE_H / 4)
VIEW_Y = f32(SURFACE_H * (1 - ROWS / SCREEN))  # surface y of the view's lower edge
FULL_ZOOM = f32(2.7 * 6)  # surface pixels per world unit
FIRST_ZOOM = f32(0.1 * 6)
GRASS_COUNT = 20  # light squares along a side of the field

# How far the filled shapes reach beyond their corners' polygon, in surface pixels: sideways at
# steep edges and upwards at shallow ones. Fitted to 3,000 random quads drawn by pygame.
GROW_GFX = (f32(0.605), f32(0.511))  # gfxdraw.aapolygon + filled_polygon: the road
GROW_DRAW = (f32(0.45), f32(0.5))  # draw.polygon: the car

# Colours are packed as red + green * 2**8 + blue * 2**16.
BLACK = 0
WHITE = 255 | 255 << 8 | 255 << 16
RED = 255
HULL_COLOR = 204
WHEEL_MARK_COLOR = 77 | 77 << 8 | 77 << 16

# Columns of `Outlines.shapes`
COUNT, COLOR, X0, X1, Y0, Y1 = range(6)
MAX_SHAPES = 7 + 4 + 3 * 4 + 2 * MAX_TILES + GRASS_COUNT**2 + 1  # bars, hull, wheels, ...
MAX_CORNERS = 8  # of one shape: the hull's largest part


class Outlines(NamedTuple):
    """The polygons of one picture, front to back (working memory, one per thread)."""

    corners: Any  # float32 (MAX_SHAPES, MAX_CORNERS, 2): screen x, y
    shapes: Any  # int32 (MAX_SHAPES, 6): corners, colour, box of pixels touched


class Camera(NamedTuple):
    """The car's place, the turn that points it upwards, and surface pixels per world unit."""

    x: Any
    y: Any
    cos: Any
    sin: Any
    zoom: Any


@compiled
def view_of(state, e):
    """The camera of environment `e`; it zooms in during the first 50 steps."""
    t = f32(DT) * f32(state.steps[e] + 1)
    zoom = FIRST_ZOOM * max(f32(1) - t, f32(0)) + FULL_ZOOM * min(t, f32(1))
    angle = state.hull_angle[e]
    return Camera(
        state.hull_pos[e, 0], state.hull_pos[e, 1], math.cos(angle), math.sin(angle), zoom
    )


@compiled
def to_surface(camera, x, y):
    """World point -> surface point (float32 pair), before the fraction is cut off."""
    dx, dy = x - camera.x, y - camera.y
    right = camera.cos * dx + camera.sin * dy
    ahead = camera.cos * dy - camera.sin * dx
    return CAR_X + right * camera.zoom, CAR_Y + ahead * camera.zoom


@compiled
def put_corner(outlines, n, k, camera, x, y):
    """Store world point (x, y) as corner `k` of shape `n`, in whole surface pixels."""
    sx, sy = to_surface(camera, x, y)
    outlines.corners[n, k, 0] = f32(int(sx))
    outlines.corners[n, k, 1] = f32(int(sy))


@compiled
def put_turned(outlines, n, k, camera, body, x, y):
    """The same for the point (x, y) of a body that has a place and a direction."""
    world_x = body.x + body.cos * x - body.sin * y
    put_corner(outlines, n, k, camera, world_x, body.y + body.sin * x + body.cos * y)


@compiled
def in_view(camera, x, y, reach):
    """Can a shape within `reach` of world point (x, y) be seen?"""
    sx, sy = to_surface(camera, x, y)
    margin = reach * camera.zoom + f32(2)
    return (
        sx > -margin
        and sx < f32(SURFACE_W) + margin
        and sy > VIEW_Y - margin
        and sy < f32(SURFACE_H) + margin
    )


@compiled
def signed_area(corners, count):
    """Twice the polygon's area, positive if its corners run counter-clockwise (y up)."""
    total = f32(0)
    j = count - 1
    for i in range(count):
        total += corners[j, 0] * corners[i, 1] - corners[i, 0] * corners[j, 1]
        j = i
    return total


@compiled
def edge_shift(dx, dy, by):
    """How far an edge's outward normal (dy, -dx) moves it: the pixels it gains at each side."""
    return by[0] * abs(dy) if abs(dy) >= abs(dx) else by[1] * abs(dx)


@compiled
def grow(corners, count, turn, by, seams):
    """Move every edge outwards and every corner to where its two edges meet again.

    `turn` is +1 for counter-clockwise corners and -1 otherwise. Edge i, from corner i to the next,
    moves inwards if bit i of `seams` is set: there a shape that is drawn over this one begins,
    and grows. Shares of a pixel only add up as long as shapes do not overlap in it.
    """
    first_x, first_y = corners[0, 0], corners[0, 1]
    last_x, last_y = corners[count - 1, 0], corners[count - 1, 1]
    for i in range(count):
        x, y = corners[i, 0], corners[i, 1]
        next_x, next_y = first_x, first_y
        if i + 1 < count:
            next_x, next_y = corners[i + 1, 0], corners[i + 1, 1]
        # Edge lines a x + b y = c around this corner, (a, b) pointing outwards.
        a1, b1 = turn * (y - last_y), turn * (last_x - x)
        a2, b2 = turn * (next_y - y), turn * (x - next_x)
        c1 = edge_shift(b1, a1, by)
        c2 = edge_shift(b2, a2, by)
        if seams >> (i - 1 if i > 0 else count - 1) & 1:
            c1 = -c1
        if seams >> i & 1:
            c2 = -c2
        det = a1 * b2 - a2 * b1
        if det != f32(0):
            # Sharp or almost straight corners would fly away: two pixels are the limit.
            move_x, move_y = (c1 * b2 - c2 * b1) / det, (a1 * c2 - a2 * c1) / det
            corners[i, 0] = x + min(max(move_x, f32(-2)), f32(2))
            corners[i, 1] = y + min(max(move_y, f32(-2)), f32(2))
        last_x, last_y = x, y


@compiled
def note_shape(shape, count, color, x0, x1, y0, y1, bottom):
    """Note what a finished shape is and the pixels it touches above row `bottom`: are there any?"""
    shape[COUNT], shape[COLOR] = count, color
    shape[X0], shape[X1] = int(max(x0, f32(0))), min(int(x1) + 1, SCREEN)
    shape[Y0], shape[Y1] = int(max(y0, f32(0))), min(int(y1) + 1, bottom)
    return shape[X0] < shape[X1] and shape[Y0] < shape[Y1]


@compiled
def close_shape(outlines, n, count, color, by, seams):
    """Turn surface corners into a finished shape `n`; returns the number of shapes then.

    A shape without area, or outside the view, is left out.
    """
    corners = outlines.corners[n]
    area = signed_area(corners, count)
    if area == f32(0):
        return n
    grow(corners, count, f32(1) if area > f32(0) else f32(-1), by, seams)
    x0, x1, y0, y1 = f32(SCREEN), f32(0), f32(ROWS), f32(0)
    for i in range(count):
        # A surface pixel's corner stands for its centre; the surface is shown upside down.
        x = (corners[i, 0] + f32(0.5)) * SCALE_X
        y = (f32(SURFACE_H - 0.5) - corners[i, 1]) * SCALE_Y
        corners[i, 0], corners[i, 1] = x, y
        x0, x1 = min(x0, x), max(x1, x)
        y0, y1 = min(y0, y), max(y1, y)
    return n + note_shape(outlines.shapes[n], count, color, x0, x1, y0, y1, ROWS)
