"""Which tiles the car touches: Box2D's sensor contacts, without its broad phase.

Box2D calls two polygons touching when their distance is below their two skins of 0.01 plus ten
float32 epsilons. Distances are taken here in the car part's own frame, exactly; Box2D's iterative
search rounds in world coordinates, so a distance within about 1e-5 of the threshold could be
judged differently (never seen in the parity tests).
"""

import math

import numpy as np

from .car_body import HULL_SHAPES, WHEEL_SHAPE
from .compilation import compiled
from .state import ROAD

f32 = np.float32
GAP2 = f32((0.02 + 10 * np.finfo(f32).eps) ** 2)
ZERO, ONE = f32(0), f32(1)
HULL_SIZES = np.array([len(shape) for shape in HULL_SHAPES])
HULL_VERTICES = np.zeros((4, 8, 2), f32)
for _polygon, _shape in zip(HULL_VERTICES, HULL_SHAPES):
    _polygon[: len(_shape)] = _shape
WHEEL_VERTICES = WHEEL_SHAPE
# Half the sizes of boxes around a wheel and the hull, and a little more than the gap
WHEEL_BOUNDS = np.abs(WHEEL_SHAPE).max(0) + f32(0.021)
HULL_BOUNDS = np.abs(HULL_VERTICES).max((0, 1)) + f32(0.021)
# Everything of the car is this near to the hull's origin, even while its wheels are still where
# reset() has put them.
CAR_REACH = f32(2.9)
WHEEL = 4  # as a `part`; 0 to 3 are the polygons of the hull


@compiled
def part_size(part):
    return 4 if part == WHEEL else HULL_SIZES[part]


@compiled
def part_vertex(part, k):
    """Vertex k of a car part in its body's frame, counter-clockwise."""
    if part == WHEEL:
        return WHEEL_VERTICES[k, 0], WHEEL_VERTICES[k, 1]
    return HULL_VERTICES[part, k, 0], HULL_VERTICES[part, k, 1]


@compiled
def side_distance(ax, ay, bx, by, px, py):
    """How far p lies to the left of the line a-b, times the length of a-b."""
    return (bx - ax) * (py - ay) - (by - ay) * (px - ax)


@compiled
def separation(nearest, ax, ay, bx, by):
    """Squared distance of the axis of edge a-b, 0 if the shapes overlap on this axis."""
    if nearest <= ZERO:
        return ZERO
    return nearest * nearest / ((bx - ax) * (bx - ax) + (by - ay) * (by - ay))


@compiled
def quad_edge_separation(part, ax, ay, bx, by):
    """Gap between a car part and the tile on the axis across the tile's edge a-b (clockwise)."""
    x, y = part_vertex(part, 0)
    nearest = side_distance(ax, ay, bx, by, x, y)
    for k in range(1, part_size(part)):
        x, y = part_vertex(part, k)
        nearest = min(nearest, side_distance(ax, ay, bx, by, x, y))
    return separation(nearest, ax, ay, bx, by)


@compiled
def segment_distance2(ax, ay, bx, by, px, py):
    """Squared distance of the point p from the segment a-b."""
    dx, dy = bx - ax, by - ay
    t = ((px - ax) * dx + (py - ay) * dy) / (dx * dx + dy * dy)
    t = min(max(t, ZERO), ONE)
    ex, ey = px - ax - t * dx, py - ay - t * dy
    return ex * ex + ey * ey


@compiled
def corner_distance2(part, quad):
    """Squared distance of two polygons that do not overlap; `quad` is in the part's frame."""
    best = f32(1e9)
    n = part_size(part)
    for k in range(n):
        ax, ay = part_vertex(part, k)
        bx, by = part_vertex(part, (k + 1) % n)
        for q in range(4):
            px, py = quad[q]
            best = min(best, segment_distance2(ax, ay, bx, by, px, py))
            cx, cy = quad[(q + 1) % 4]
            best = min(best, segment_distance2(px, py, cx, cy, ax, ay))
    return best


@compiled
def touches(part, quad):
    """Do a car part and a tile touch? `quad`: the tile's corners in the part's frame."""
    apart = ZERO
    n = part_size(part)
    for k in range(n):
        ax, ay = part_vertex(part, k)
        bx, by = part_vertex(part, (k + 1) % n)
        nearest = -side_distance(ax, ay, bx, by, quad[0][0], quad[0][1])
        nearest = min(nearest, -side_distance(ax, ay, bx, by, quad[1][0], quad[1][1]))
        nearest = min(nearest, -side_distance(ax, ay, bx, by, quad[2][0], quad[2][1]))
        nearest = min(nearest, -side_distance(ax, ay, bx, by, quad[3][0], quad[3][1]))
        apart = max(apart, separation(nearest, ax, ay, bx, by))
        if apart >= GAP2:
            return False
    for q in range(4):
        ax, ay = quad[q]
        bx, by = quad[(q + 1) % 4]
        apart = max(apart, quad_edge_separation(part, ax, ay, bx, by))
        if apart >= GAP2:
            return False
    # No axis is wide enough: they overlap, or lie within the skin, perhaps corner to corner.
    return apart == ZERO or corner_distance2(part, quad) < GAP2


@compiled
def corner_in_frame(poly, k, x, y, sin, cos):
    """Corner k of a tile, seen from a body at (x, y) turned by the given angle."""
    dx, dy = poly[k, 0] - x, poly[k, 1] - y
    return cos * dx + sin * dy, cos * dy - sin * dx


@compiled
def quad_in_frame(poly, x, y, sin, cos):
    """A tile's four corners in the frame of a body at (x, y), as a tuple of pairs."""
    return (
        corner_in_frame(poly, 0, x, y, sin, cos),
        corner_in_frame(poly, 1, x, y, sin, cos),
        corner_in_frame(poly, 2, x, y, sin, cos),
        corner_in_frame(poly, 3, x, y, sin, cos),
    )


@compiled
def near(circles, e, i, x, y, reach):
    """Is the point (x, y) within `reach` of tile `i`'s circle? `circles`: `State.tile_circle`.

    Called for every tile, so without the slice circles[e, i], whose reference counting would take
    longer than the rest.
    """
    dx, dy, r = circles[e, i, 0] - x, circles[e, i, 1] - y, circles[e, i, 2] + reach
    return dx * dx + dy * dy < r * r


@compiled
def beyond(quad, bound_x, bound_y):
    """Do all corners lie beyond one side of the box +-bound_x, +-bound_y? Most tiles do."""
    for c in range(2):
        low = min(min(quad[0][c], quad[1][c]), min(quad[2][c], quad[3][c]))
        high = max(max(quad[0][c], quad[1][c]), max(quad[2][c], quad[3][c]))
        if max(low, -high) > (bound_x if c == 0 else bound_y):
            return True
    return False


@compiled
def wheel_touches(poly, x, y, angle):
    """Does a wheel at (x, y) touch a tile?"""
    quad = quad_in_frame(poly, x, y, math.sin(angle), math.cos(angle))
    return not beyond(quad, WHEEL_BOUNDS[0], WHEEL_BOUNDS[1]) and touches(WHEEL, quad)


@compiled
def hull_touches(quad):
    """Does any of the hull's four polygons touch a tile, given in the hull's frame?"""
    if beyond(quad, HULL_BOUNDS[0], HULL_BOUNDS[1]):
        return False
    return touches(0, quad) or touches(1, quad) or touches(2, quad) or touches(3, quad)


@compiled
def touch_tile(state, e, i, quad):
    """Contacts of car `e` with tile `i`: road under wheels, colour, first visit and reward.

    `quad`: the tile in the hull's frame.
    """
    visited = state.tile_visited[e, i] != 0
    touched = False
    for k in range(4):
        if state.on_road[e, k] and (visited or touched):
            continue  # this wheel's touch would change nothing
        x, y = state.wheel_pos[e, k, 0], state.wheel_pos[e, k, 1]
        if wheel_touches(state.tile_poly[e, i], x, y, state.wheel_angle[e, k]):
            state.on_road[e, k] = 1
            touched = True
    if touched and not visited:
        state.tile_visited[e, i] = 1
        state.visited_count[e] += 1
        state.reward_sum[e] += 1000.0 / state.n_tiles[e]
    # A tile starts up to 5 shades lighter; anything that touches it, the hull too, resets it.
    lighter = state.tile_color[e, i, 0] != int(state.colors[e, ROAD, 0])
    if lighter and (touched or hull_touches(quad)):
        for k in range(3):
            state.tile_color[e, i, k] = int(state.colors[e, ROAD, k])


@compiled
def list_near(state, e, x, y, sin, cos):
    """List in `nearby` the tiles that a car at (x, y), turned so, may touch; returns how many.

    A loop of its own for the sake of GPUs: the 32 cars of a warp then test their tiles together,
    where in one loop all would wait for each car that has found one.
    """
    n, circles = 0, state.tile_circle
    for i in range(state.n_tiles[e]):
        if near(circles, e, i, x, y, CAR_REACH):
            quad = quad_in_frame(state.tile_poly[e, i], x, y, sin, cos)
            if not beyond(quad, CAR_REACH, CAR_REACH):
                state.nearby[e, n] = i
                n += 1
    return n


@compiled
def collide(state, e):
    """Update all contacts of car `e`, as Box2D does at the start of a step.

    CarRacing's `new_lap` flag is left out: it needs a first visit of tile 0 after 95 % of the
    others, and every car stands on tile 0 when it is reset.
    """
    for k in range(4):
        state.on_road[e, k] = 0
    x, y = state.hull_pos[e, 0], state.hull_pos[e, 1]
    sin, cos = math.sin(state.hull_angle[e]), math.cos(state.hull_angle[e])
    for j in range(list_near(state, e, x, y, sin, cos)):
        i = state.nearby[e, j]
        touch_tile(state, e, i, quad_in_frame(state.tile_poly[e, i], x, y, sin, cos))
