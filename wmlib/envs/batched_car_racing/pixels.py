"""One pixel while it is being painted, packed into one 64-bit number; for CPU and CUDA alike.

Painting goes front to back: a pixel holds the sum of colour * share over the shapes seen so far,
for three channels, and the sum of their shares, in 16 bits each and in units of 1/256.
"""

import numpy as np

from .compilation import compiled

f32 = np.float32

SOFT = f32(0.02)  # half the least slant of an edge within a row, in pixels


@compiled
def packed(color):
    """A colour for `painted`: red, green, blue and 1 (the share) in 16 bits each.

    Zero becomes 2 because smoothscale takes 2 from all other colours (see `quantised`).
    """
    red, green, blue = color & 255, color >> 8 & 255, color >> 16 & 255
    channels = np.uint64(max(red, 2)), np.uint64(max(green, 2)), np.uint64(max(blue, 2))
    return (
        channels[0]
        | channels[1] << np.uint64(16)
        | channels[2] << np.uint64(32)
        | np.uint64(1 << 48)
    )


@compiled
def painted(pixel, share, color):
    """`pixel` after `share` (0 to 1, up to its sign) of it, where still free, took `color`.

    Shapes side by side share a pixel without overlapping, so their shares add up; they are
    rounded up lest the ground shine through seams.
    """
    free = np.uint64(256) - (pixel >> np.uint64(48))
    wanted = np.uint64(np.int32(abs(share) * f32(256) + f32(0.9)))
    return pixel + min(wanted, free) * color


@compiled
def quantised(pixel):
    """A fully painted pixel as 8-bit colours, 16 bits apart.

    pygame.transform.smoothscale cuts off fractions twice, and its weights sum to a little less
    than 1: a flat 102 comes out as 100. We cut once, after taking 1.01 (259/256) off.
    """
    return (pixel - np.uint64(259 | 259 << 16 | 259 << 32)) >> np.uint64(8) & np.uint64(
        255 | 255 << 16 | 255 << 32
    )


@compiled
def divided_by_63(value):
    """Rounded quotient of uint16 `value` <= 63 * 255."""
    return np.uint8((np.uint32(value) * np.uint32(33289) + np.uint32(1 << 20)) >> np.uint32(21))


@compiled
def swept(d):
    """Integral of min(max(u, 0), 1) for u from 0 to `d`: a pixel's share left of a moving edge."""
    c = min(max(d, f32(0)), f32(1))
    return c * (d - f32(0.5) * c)


@compiled
def edge_in_row(x_a, y_a, x_b, y_b, row):
    """How the edge a-b crosses a row of pixels: from `left` to `right`, and a density.

    density * (swept(right - x) - swept(left - x)) is the area of the pixel at x that lies to the
    left of the edge, positive if the edge runs down and negative if it runs up: summed over a
    polygon's edges this is the area inside (or minus that). An edge outside the row has density 0.
    """
    top, bottom = max(min(y_a, y_b), f32(row)), min(max(y_a, y_b), f32(row + 1))
    if not bottom > top:
        return f32(0), f32(0), f32(0)
    slope = (x_b - x_a) / (y_b - y_a)
    x_top, x_bottom = x_a + (top - y_a) * slope, x_a + (bottom - y_a) * slope
    # An upright edge would divide by zero.
    left, right = min(x_top, x_bottom) - SOFT, max(x_top, x_bottom) + SOFT
    area = bottom - top if y_b > y_a else top - bottom
    return left, right, area / (right - left)
