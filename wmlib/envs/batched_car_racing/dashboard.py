"""The lowest 12 rows of Gymnasium's 96 x 96 observation: score, speed, wheels, steering, turning.

Only `draw_96` needs them; the project's own picture cuts them off. Lengths here are pixels of the
1000 x 800 surface with y down, where a filled box includes the pixels of both its ends.
"""

import math
from functools import lru_cache

import numpy as np

from .compilation import compiled
from .geometry import (
    RED,
    ROWS,
    SCALE_X,
    SCALE_Y,
    SCREEN,
    SURFACE_H,
    SURFACE_W,
    WHITE,
    note_shape,
)

f32 = np.float32

HEIGHT = SCREEN - ROWS
UNIT_X, UNIT_Y = SURFACE_W / 40, SURFACE_H / 40
BLUE, VIOLET, GREEN = 255 << 16, 51 | 255 << 16, 255 << 8
LEAST = 1e-4  # a smaller value shows nothing
FONT_SIZE = 42
SCORE_X, SCORE_Y = 60, SURFACE_H * 15 // 16  # centre of the score
SCORE_COLUMNS = 12  # screen pixels that the score may touch
HIGHEST, LOWEST = 1099, -299  # scores the table knows; others show the nearest


@lru_cache
def score_table() -> np.ndarray:
    """How every score looks: float32 (HIGHEST + 1 - LOWEST + 1, HEIGHT, SCORE_COLUMNS), white = 1.

    First 0 to HIGHEST, then "-000" down to LOWEST. Whole scores rather than digits, because
    pygame moves neighbouring digits together, each pair in its own way.
    """
    import pygame  # only here: who draws 64 x 64 does not need it

    pygame.font.init()
    font = pygame.font.Font(pygame.font.get_default_font(), FONT_SIZE)
    rows = _shrinking(HEIGHT, SCALE_Y)
    columns = _shrinking(SCORE_COLUMNS, SCALE_X)
    scores = [f"{k:04d}" for k in range(HIGHEST + 1)] + [f"-{k:03d}" for k in range(1 - LOWEST)]
    table = np.empty((len(scores), HEIGHT, SCORE_COLUMNS), f32)
    for k, score in enumerate(scores):
        text = font.render(score, True, (255, 255, 255), (0, 0, 0))
        box = text.get_rect(center=(SCORE_X, SCORE_Y - (SURFACE_H - rows.shape[1])))
        light = pygame.surfarray.array3d(text)[:, :, 0].T / 255  # (text height, text width)
        table[k] = rows[:, box.top : box.bottom] @ light @ columns[:, box.left : box.right].T
    return table


def _shrinking(parts: int, scale: np.float32) -> np.ndarray:
    """Matrix (parts, parts / scale) that averages surface pixels to `parts` screen pixels."""
    size = round(parts / float(scale))
    edges = np.arange(parts + 1) * size / parts
    pixel = np.arange(size)
    inside = np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel)
    return np.maximum(inside, 0) * parts / size


@compiled
def score_index(score):
    """The place of a score in `score_table`."""
    number = int(abs(score) + f32(0.5))
    if score < 0:
        return HIGHEST + 1 + min(number, -LOWEST)
    return min(number, HIGHEST)


@compiled
def add_bar(outlines, n, value, x_a, x_b, y_a, y_b, color):
    """Append the filled box between surface points (x_a, y_a) and (x_b, y_b), y up, for `value`."""
    if abs(value) <= LEAST:
        return n
    left, right = int(x_a), int(x_b)
    top, low = int(SURFACE_H - y_b), int(SURFACE_H - y_a)
    x0, x1 = f32(min(left, right)) * SCALE_X, f32(max(left, right) + 1) * SCALE_X
    y0, y1 = f32(min(top, low)) * SCALE_Y, f32(max(top, low) + 1) * SCALE_Y
    x0, x1 = max(x0, f32(0)), min(x1, f32(SCREEN))
    y0, y1 = max(y0, f32(ROWS)), min(y1, f32(SCREEN))
    for i in range(4):
        outlines.corners[n, i, 0] = x0 if i == 0 or i == 3 else x1
        outlines.corners[n, i, 1] = y0 if i < 2 else y1
    return n + note_shape(outlines.shapes[n], 4, color, x0, x1, y0, y1, SCREEN)


@compiled
def add_dashboard(state, e, outlines, n):
    """Append the dashboard's bars, upright and lying; returns the number of shapes then."""
    vx, vy = state.hull_vel[e, 0], state.hull_vel[e, 1]
    h, x = UNIT_Y, UNIT_X
    speed = math.sqrt(vx * vx + vy * vy)
    n = add_bar(outlines, n, speed, 5 * x, 6 * x, h, h + h * 0.02 * speed, WHITE)
    for w in range(4):
        omega, color = state.wheel_omega[e, w], BLUE if w < 2 else VIOLET
        n = add_bar(outlines, n, omega, (7 + w) * x, (8 + w) * x, h, h + h * 0.01 * omega, color)
    steer = state.wheel_angle[e, 0] - state.hull_angle[e]
    n = add_bar(outlines, n, steer, 20 * x, (20 - 10.0 * steer) * x, 2 * h, 4 * h, GREEN)
    spin = state.hull_spin[e]
    return add_bar(outlines, n, spin, 30 * x, (30 - 0.8 * spin) * x, 2 * h, 4 * h, RED)
