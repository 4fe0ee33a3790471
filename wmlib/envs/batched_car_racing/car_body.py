"""The car's shape and masses, in float32 and in the order Box2D computes them.

Shapes come from Gymnasium's car_dynamics.py; masses follow Box2D's b2PolygonShape::ComputeMass
and b2Body::ResetMassData, whose roundings decide the last bits of every later step.
"""

import numpy as np

f32 = np.float32
SIZE = 0.02
WHEEL_R, WHEEL_W = 27, 14
WHEEL_POS = ((-55, 80), (55, 80), (-55, -82), (55, -82))
# Counter-clockwise from the lower right corner, as Box2D sorts them; in units of SIZE.
HULL_POLYGONS = (
    ((60, 110), (60, 130), (-60, 130), (-60, 110)),
    ((20, 20), (15, 120), (-15, 120), (-20, 20)),
    ((50, -40), (50, -10), (25, 20), (-25, 20), (-50, -10), (-50, -40), (-20, -90), (20, -90)),
    ((50, -120), (50, -90), (-50, -90), (-50, -120)),
)
WHEEL_POLYGON = (
    (WHEEL_W, -WHEEL_R),
    (WHEEL_W, WHEEL_R),
    (-WHEEL_W, WHEEL_R),
    (-WHEEL_W, -WHEEL_R),
)


def scaled(polygon: tuple[tuple[int, int], ...]) -> np.ndarray:
    """Vertices in world units, float32 (K, 2)."""
    return np.array([(x * SIZE, y * SIZE) for x, y in polygon], f32)


def polygon_mass(vertices: np.ndarray, density: float) -> tuple[f32, np.ndarray, f32]:
    """Mass, centre (2,) and inertia about the origin of a polygon (K, 2)."""
    third = f32(1) / f32(3)
    s = np.zeros(2, f32)
    for v in vertices:
        s = s + v
    s = s * (f32(1) / f32(len(vertices)))
    centre, area, inertia = np.zeros(2, f32), f32(0), f32(0)
    for a, b in zip(vertices, np.roll(vertices, -1, axis=0)):
        e1, e2 = a - s, b - s
        d = e1[0] * e2[1] - e1[1] * e2[0]
        triangle = f32(0.5) * d
        area = area + triangle
        centre = centre + triangle * third * (e1 + e2)
        x2 = e1[0] * e1[0] + e2[0] * e1[0] + e2[0] * e2[0]
        y2 = e1[1] * e1[1] + e2[1] * e1[1] + e2[1] * e2[1]
        inertia = inertia + (f32(0.25) * third * d) * (x2 + y2)
    mass = f32(density) * area
    centre = centre * (f32(1) / area)
    moved = centre + s
    inertia = f32(density) * inertia + mass * (_dot(moved, moved) - _dot(centre, centre))
    return mass, moved, inertia


def body_mass(polygons: list[np.ndarray], density: float) -> tuple[f32, f32, np.ndarray]:
    """Inverse mass, inverse inertia and centre of mass (2,) of a body of several polygons."""
    mass, inertia, centre = f32(0), f32(0), np.zeros(2, f32)
    for polygon in reversed(polygons):  # Box2D's list of fixtures begins with the newest
        m, c, i = polygon_mass(polygon, density)
        mass, inertia, centre = mass + m, inertia + i, centre + m * c
    centre = centre * (f32(1) / mass)
    inertia = inertia - mass * _dot(centre, centre)
    return f32(1) / mass, f32(1) / inertia, centre


def _dot(a: np.ndarray, b: np.ndarray) -> f32:
    return a[0] * b[0] + a[1] * b[1]


HULL_SHAPES = [scaled(p) for p in HULL_POLYGONS]
WHEEL_SHAPE = scaled(WHEEL_POLYGON)
HULL_INV_MASS, HULL_INV_INERTIA, HULL_CENTRE = body_mass(HULL_SHAPES, 1.0)
WHEEL_INV_MASS, WHEEL_INV_INERTIA, _ = body_mass([WHEEL_SHAPE], 0.1)  # centre is exactly 0
HULL_CENTRE_X, HULL_CENTRE_Y = HULL_CENTRE
# Where the joints sit on the hull, from its centre of mass: float32 (4, 2).
JOINT_ARMS = np.array([(x * SIZE, y * SIZE) for x, y in WHEEL_POS], f32) - HULL_CENTRE
WHEEL_OFFSETS = np.array([(x * SIZE, y * SIZE) for x, y in WHEEL_POS])
WHEEL_RADIUS = 1.0 * WHEEL_R * SIZE
