"""CarRacing's random track: the same track as Gymnasium's CarRacing-v3 for the same seed.

A closed curve is steered through 12 random checkpoints around the origin; one loop of it is cut
out where it joins well, and becomes road tiles and, on hard turns, kerbs. An attempt may fail;
each attempt uses 24 uniform numbers (angle noise and radius of every checkpoint).
"""

import math

import numpy as np

from .compilation import compiled
from .state import ROAD

SCALE = 6.0
CHECKPOINTS = 12
UNIFORMS = 2 * CHECKPOINTS  # random numbers an attempt uses
TRACK_RAD = 900 / SCALE
PLAYFIELD = 2000 / SCALE
DETAIL_STEP = 21 / SCALE
TURN_RATE = 0.31
ROAD_WIDTH = 40 / SCALE  # from the middle to one side
KERB_WIDTH = 8 / SCALE
KERB_MIN_COUNT = 4
START_ALPHA = 2 * math.pi * (-0.5) / CHECKPOINTS
MAX_POINTS = 2500  # Gymnasium stops a curve that never closes here
# Columns of a curve's points
ALPHA, BETA, X, Y = 0, 1, 2, 3
# Rows of the scratch array: the curve, then the checkpoints
SCRATCH_ROWS = MAX_POINTS + CHECKPOINTS


def new_scratch() -> np.ndarray:
    """Working memory for one `build_track`: float64 (SCRATCH_ROWS, 4)."""
    return np.empty((SCRATCH_ROWS, 4))


@compiled
def sign(x):
    return 1.0 if x > 0 else (-1.0 if x < 0 else 0.0)


@compiled
def place_checkpoints(uniforms, checkpoints):
    """Fill `checkpoints` (12, 4: alpha, x, y, unused) from 24 uniforms in [0, 1)."""
    for c in range(CHECKPOINTS):
        alpha = 2 * math.pi * c / CHECKPOINTS + uniforms[2 * c] * (2 * math.pi * 1 / CHECKPOINTS)
        rad = TRACK_RAD / 3 + uniforms[2 * c + 1] * (TRACK_RAD - TRACK_RAD / 3)
        if c == 0:
            alpha = 0.0
            rad = 1.5 * TRACK_RAD
        if c == CHECKPOINTS - 1:
            alpha = 2 * math.pi * c / CHECKPOINTS
            rad = 1.5 * TRACK_RAD
        checkpoints[c, 0] = alpha
        checkpoints[c, 1] = rad * math.cos(alpha)
        checkpoints[c, 2] = rad * math.sin(alpha)


@compiled
def next_checkpoint(alpha, dest, checkpoints):
    """The checkpoint ahead of a point at polar angle `alpha`, and alpha within its turn."""
    while True:
        while True:
            if alpha <= checkpoints[dest % CHECKPOINTS, 0]:
                return alpha, dest
            dest += 1
            if dest % CHECKPOINTS == 0:
                break
        alpha -= 2 * math.pi


@compiled
def drive_curve(checkpoints, curve):
    """Steer from checkpoint to checkpoint for five laps; returns the number of points."""
    x, y, beta = 1.5 * TRACK_RAD, 0.0, 0.0
    dest, laps, count = 0, 0, 0
    other_side = False
    while True:
        alpha = math.atan2(y, x)
        if other_side and alpha > 0:
            laps += 1
            other_side = False
        if alpha < 0:
            other_side = True
            alpha += 2 * math.pi
        alpha, dest = next_checkpoint(alpha, dest, checkpoints)
        r1x, r1y = math.cos(beta), math.sin(beta)
        dest_dx = checkpoints[dest % CHECKPOINTS, 1] - x
        dest_dy = checkpoints[dest % CHECKPOINTS, 2] - y
        proj = r1x * dest_dx + r1y * dest_dy  # destination seen from the car, sideways
        while beta - alpha > 1.5 * math.pi:
            beta -= 2 * math.pi
        while beta - alpha < -1.5 * math.pi:
            beta += 2 * math.pi
        previous = beta
        proj *= SCALE
        if proj > 0.3:
            beta -= min(TURN_RATE, abs(0.001 * proj))
        if proj < -0.3:
            beta += min(TURN_RATE, abs(0.001 * proj))
        x += -r1y * DETAIL_STEP
        y += r1x * DETAIL_STEP
        curve[count, ALPHA] = alpha
        curve[count, BETA] = previous * 0.5 + beta * 0.5
        curve[count, X] = x
        curve[count, Y] = y
        count += 1
        if laps > 4 or count == MAX_POINTS:
            return count


@compiled
def find_loop(curve, count):
    """First point and length of the last whole lap; length 0 if the curve does not close."""
    last = -1
    for i in range(count - 1, 0, -1):
        if curve[i, ALPHA] > START_ALPHA and curve[i - 1, ALPHA] <= START_ALPHA:
            if last == -1:
                last = i
            else:
                n = last - 1 - i
                dx = math.cos(curve[i, BETA]) * (curve[i, X] - curve[last - 2, X])
                dy = math.sin(curve[i, BETA]) * (curve[i, Y] - curve[last - 2, Y])
                if math.sqrt(dx * dx + dy * dy) > DETAIL_STEP:
                    return i, 0
                return i, n
    return 0, 0


@compiled
def mark_kerbs(curve, first, n, kerb_on):
    """Kerbs stand where the road turns hard the same way for four tiles, and just before."""
    for i in range(n):
        good = True
        oneside = 0.0
        for back in range(KERB_MIN_COUNT):
            beta1 = curve[first + (i - back) % n, BETA]
            beta2 = curve[first + (i - back - 1) % n, BETA]
            good &= abs(beta1 - beta2) > TURN_RATE * 0.2
            oneside += sign(beta1 - beta2)
        kerb_on[i] = 1 if good and abs(oneside) == KERB_MIN_COUNT else 0
    # Marking in place makes the first tiles' marks wrap around and spread, as Gymnasium's do.
    for i in range(n):
        for back in range(KERB_MIN_COUNT):
            kerb_on[(i - back) % n] |= kerb_on[i]


@compiled
def set_strip(quad, left, right, curve, p1, p2):
    """Store the quad between points p1 and p2, from `left` to `right` across the road."""
    for k in range(4):
        p, across = p1 if k < 2 else p2, left if k == 0 or k == 3 else right
        quad[k, 0] = curve[p, X] + across * math.cos(curve[p, BETA])
        quad[k, 1] = curve[p, Y] + across * math.sin(curve[p, BETA])


@compiled
def draw_circle(quad, circle):
    """Circle (x, y, radius) around a quad, to find the tiles near a car quickly."""
    circle[0] = 0.25 * (quad[0, 0] + quad[1, 0] + quad[2, 0] + quad[3, 0])
    circle[1] = 0.25 * (quad[0, 1] + quad[1, 1] + quad[2, 1] + quad[3, 1])
    radius2 = 0.0
    for k in range(4):
        dx, dy = quad[k, 0] - circle[0], quad[k, 1] - circle[1]
        radius2 = max(radius2, dx * dx + dy * dy)
    circle[2] = math.sqrt(radius2) + 0.01  # a margin for rounding


@compiled
def lay_tiles(state, e, curve, first, n):
    """Write tiles, kerbs, their colours and the start of environment `e`."""
    state.n_tiles[e] = n
    for k in range(3):
        state.start[e, k] = curve[first, BETA + k]
    w = ROAD_WIDTH
    for i in range(n):
        p1, p2 = first + i, first + (i - 1) % n
        quad = state.tile_poly[e, i]
        set_strip(quad, -w, w, curve, p1, p2)
        draw_circle(quad, state.tile_circle[e, i])
        for k in range(3):
            state.tile_color[e, i, k] = int(state.colors[e, ROAD, k] + 0.01 * (i % 3) * 255)
        state.tile_visited[e, i] = 0
        if state.kerb_on[e, i]:
            side = sign(curve[p2, BETA] - curve[p1, BETA])
            outer = side * (w + KERB_WIDTH)
            set_strip(state.kerb_poly[e, i], side * w, outer, curve, p1, p2)
            state.kerb_color[e, i] = i % 2


@compiled
def build_track(state, e, uniforms, scratch):
    """One attempt at a track for environment `e` from uniforms (24,); False if it failed."""
    checkpoints = scratch[MAX_POINTS:]
    place_checkpoints(uniforms, checkpoints)
    count = drive_curve(checkpoints, scratch)
    first, n = find_loop(scratch, count)
    # Retrying on a longer track than any known keeps the arrays safe (see MAX_TILES).
    if n == 0 or n > state.tile_visited.shape[1]:
        return False
    mark_kerbs(scratch, first, n, state.kerb_on[e])
    lay_tiles(state, e, scratch, first, n)
    return True
