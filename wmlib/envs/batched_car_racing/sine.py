"""The sine and cosine of float32 numbers, to the last bit as Linux computes them.

Only WebAssembly needs this: it has no sine of its own, and the browser's, rounded to float32,
differs from Linux's in the last bit of one number in eighty, which would send the car elsewhere.
Linux's C library (since glibc 2.28) subtracts quarter turns and then takes these two polynomials
in float64: the coefficients are those of ARM's optimized-routines (MIT licence).
"""

import numpy as np

from .compilation import compiled

f64 = np.float64

QUARTER = f64(float.fromhex("0x1.921FB54442D18p0"))  # pi / 2
PER_QUARTER = f64(float.fromhex("0x1.45F306DC9C883p-1"))  # 2 / pi
C1, C2 = f64(float.fromhex("-0x1.ffffffd0c621cp-2")), f64(float.fromhex("0x1.55553e1068f19p-5"))
C3, C4 = f64(float.fromhex("-0x1.6c087e89a359dp-10")), f64(float.fromhex("0x1.99343027bf8c3p-16"))
S1, S2 = f64(float.fromhex("-0x1.555545995a603p-3")), f64(float.fromhex("0x1.1107605230bc4p-7"))
S3 = f64(float.fromhex("-0x1.994eb3774cf24p-13"))


@compiled
def quarter_sine(x, quarter):
    """sin(x + quarter * pi / 2) for |x| <= pi / 4 and a whole number of quarter turns."""
    x2 = x * x
    if quarter & 1:
        x4 = x2 * x2
        value = (1.0 + x2 * C1) + x4 * C2 + (x4 * x2) * (C3 + x2 * C4)
    else:
        x3 = x * x2
        value = x + x3 * S1 + (x3 * x2) * (S2 + x2 * S3)
    return -value if quarter & 2 else value


@compiled
def sine(angle, quarter):
    """The float32 sine of float32 `angle` + `quarter` * pi / 2, for angles up to 120 radians."""
    x = f64(angle)
    turns = np.int64(np.floor(x * PER_QUARTER + 0.5))
    return np.float32(quarter_sine(x - turns * QUARTER, turns + quarter))
