"""The four revolute joints between hull and wheels: Box2D 2.3's b2RevoluteJoint for one car.

A joint holds its wheel's centre at a point of the hull, turns it with a motor and stops it at
+-0.4 rad. Box2D solves sequential impulses: each joint in turn is made exact for itself, over and
over. All arithmetic is float32 and keeps Box2D's order of operations, which exact parity needs.
The wheel's centre of mass is its anchor, so all of Box2D's terms in r_B are exactly zero and are
left out here.

Arrays of one car: `body` (5, 6), `joint` (4, 9), `impulse` (4, 4) and `limit_state` (4,), see
state.py.
"""

import math

import numpy as np

from .car_body import (
    HULL_INV_INERTIA,
    HULL_INV_MASS,
    JOINT_ARMS,
    SIZE,
    WHEEL_INV_INERTIA,
    WHEEL_INV_MASS,
)
from .compilation import compiled
from .state import DT

f32 = np.float32
X, Y, ANGLE, VX, VY, SPIN = range(6)  # columns of `body`
RX, RY, K11, K12, K13, K22, K23, K33, SPEED = range(9)  # columns of `joint`
PX, PY, LIMIT, MOTOR = range(4)  # columns of `impulse`
INV_MASS = HULL_INV_MASS + WHEEL_INV_MASS
INV_INERTIA = HULL_INV_INERTIA + WHEEL_INV_INERTIA
MOTOR_MASS = f32(1) / INV_INERTIA
TIME_STEP = f32(DT)
MAX_MOTOR_IMPULSE = TIME_STEP * f32(180 * 900 * SIZE * SIZE)
LOWER, UPPER = f32(-0.4), f32(0.4)
PI = f32(3.14159265359)
LINEAR_SLOP = f32(0.005)
ANGULAR_SLOP = f32(2) / f32(180) * PI
MAX_ANGULAR_CORRECTION = f32(8) / f32(180) * PI
VELOCITY_ITERATIONS = 6 * 30
POSITION_ITERATIONS = 2 * 30
ZERO, ONE = f32(0), f32(1)


@compiled
def clamp(value, low, high):
    return low if value < low else (high if value > high else value)


@compiled
def update_limit(k, body, impulse, limit_state):
    """Is the wheel at a limit of its steering? Changing sides forgets the old impulse."""
    angle = body[k + 1, ANGLE] - body[0, ANGLE]
    side = -1 if angle <= LOWER else (1 if angle >= UPPER else 0)
    if side == 0 or side != limit_state[k]:
        impulse[k, LIMIT] = ZERO
    limit_state[k] = side


@compiled
def start_joint(k, body, joint, impulse, limit_state):
    """b2RevoluteJoint::InitVelocityConstraints: mass matrix and warm start of joint k."""
    s, c = math.sin(body[0, ANGLE]), math.cos(body[0, ANGLE])
    rx = c * JOINT_ARMS[k, 0] - s * JOINT_ARMS[k, 1]
    ry = s * JOINT_ARMS[k, 0] + c * JOINT_ARMS[k, 1]
    joint[k, RX] = rx
    joint[k, RY] = ry
    joint[k, K11] = INV_MASS + ry * ry * HULL_INV_INERTIA
    joint[k, K12] = -ry * rx * HULL_INV_INERTIA
    joint[k, K13] = -ry * HULL_INV_INERTIA
    joint[k, K22] = INV_MASS + rx * rx * HULL_INV_INERTIA
    joint[k, K23] = rx * HULL_INV_INERTIA
    joint[k, K33] = INV_INERTIA
    update_limit(k, body, impulse, limit_state)
    turn = impulse[k, MOTOR] + impulse[k, LIMIT]
    px, py = impulse[k, PX], impulse[k, PY]
    body[0, VX] -= HULL_INV_MASS * px
    body[0, VY] -= HULL_INV_MASS * py
    # Box2D adds (cross + motor) + limit, in this order
    body[0, SPIN] -= HULL_INV_INERTIA * (
        (rx * py - ry * px) + impulse[k, MOTOR] + impulse[k, LIMIT]
    )
    body[k + 1, VX] += WHEEL_INV_MASS * px
    body[k + 1, VY] += WHEEL_INV_MASS * py
    body[k + 1, SPIN] += WHEEL_INV_INERTIA * turn


@compiled
def solve_motor(k, body, joint, impulse):
    """Drive the wheel to its steering speed; returns the impulse."""
    error = body[k + 1, SPIN] - body[0, SPIN] - joint[k, SPEED]
    old = impulse[k, MOTOR]
    new = clamp(old + -MOTOR_MASS * error, -MAX_MOTOR_IMPULSE, MAX_MOTOR_IMPULSE)
    impulse[k, MOTOR] = new
    change = new - old
    body[0, SPIN] -= HULL_INV_INERTIA * change
    body[k + 1, SPIN] += WHEEL_INV_INERTIA * change
    return change


@compiled
def solve_22(a11, a12, a22, bx, by):
    """Solve a symmetric 2x2 system by Cramer's rule."""
    det = a11 * a22 - a12 * a12
    if det != ZERO:
        det = ONE / det
    return det * (a22 * bx - a12 * by), det * (a11 * by - a12 * bx)


@compiled
def dot3(ax, ay, az, bx, by, bz):
    return ax * bx + ay * by + az * bz


@compiled
def cross3(ax, ay, az, bx, by, bz):
    return ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx


@compiled
def solve_33(m, bx, by, bz):
    """Solve with the symmetric matrix of one joint's row `m` (9,), by Cramer's rule."""
    k11, k12, k13, k22, k23, k33 = m[K11], m[K12], m[K13], m[K22], m[K23], m[K33]
    cx, cy, cz = cross3(k12, k22, k23, k13, k23, k33)
    det = dot3(k11, k12, k13, cx, cy, cz)
    if det != ZERO:
        det = ONE / det
    x = det * dot3(bx, by, bz, cx, cy, cz)
    ex, ey, ez = cross3(bx, by, bz, k13, k23, k33)
    y = det * dot3(k11, k12, k13, ex, ey, ez)
    fx, fy, fz = cross3(k12, k22, k23, bx, by, bz)
    return x, y, det * dot3(k11, k12, k13, fx, fy, fz)


@compiled
def solve_limit(k, body, joint, impulse, side, ex, ey):
    """Impulse of the point and the steering limit together; (ex, ey) is the point's error."""
    px, py, turn = solve_33(joint[k], ex, ey, body[k + 1, SPIN] - body[0, SPIN])
    px, py, turn = -px, -py, -turn
    total = impulse[k, LIMIT] + turn
    if (side < 0 and total < ZERO) or (side > 0 and total > ZERO):
        # The limit can only push; let go of it and hold the point alone.
        old = impulse[k, LIMIT]
        px, py = solve_22(
            joint[k, K11],
            joint[k, K12],
            joint[k, K22],
            -ex + old * joint[k, K13],
            -ey + old * joint[k, K23],
        )
        turn = -old
        impulse[k, LIMIT] = ZERO
    else:
        impulse[k, LIMIT] = total
    return px, py, turn


@compiled
def solve_joint(k, body, joint, impulse, limit_state):
    """b2RevoluteJoint::SolveVelocityConstraints; returns the largest impulse it applied."""
    change = abs(solve_motor(k, body, joint, impulse))
    rx, ry = joint[k, RX], joint[k, RY]
    ex = body[k + 1, VX] - body[0, VX] - (-body[0, SPIN] * ry)
    ey = body[k + 1, VY] - body[0, VY] - body[0, SPIN] * rx
    side = limit_state[k]
    turn = ZERO
    if side != 0:
        px, py, turn = solve_limit(k, body, joint, impulse, side, ex, ey)
        body[k + 1, SPIN] += WHEEL_INV_INERTIA * turn
    else:
        px, py = solve_22(joint[k, K11], joint[k, K12], joint[k, K22], -ex, -ey)
    impulse[k, PX] += px
    impulse[k, PY] += py
    body[0, VX] -= HULL_INV_MASS * px
    body[0, VY] -= HULL_INV_MASS * py
    body[0, SPIN] -= HULL_INV_INERTIA * ((rx * py - ry * px) + turn)
    body[k + 1, VX] += WHEEL_INV_MASS * px
    body[k + 1, VY] += WHEEL_INV_MASS * py
    return max(max(change, abs(turn)), max(abs(px), abs(py)))


@compiled
def solve_velocities(body, joint, impulse, limit_state, tolerance):
    """Up to 180 rounds over the joints; stops when no impulse of a round is above `tolerance`.

    Box2D always does all 180. With tolerance 0 the result is the same bit for bit, since a round
    without any impulse changes nothing that the next one reads. Joints go from the last to the
    first, the order in which Box2D's island search meets them.
    """
    for k in range(3, -1, -1):
        start_joint(k, body, joint, impulse, limit_state)
    for _ in range(VELOCITY_ITERATIONS):
        change = ZERO
        for k in range(3, -1, -1):
            change = max(change, solve_joint(k, body, joint, impulse, limit_state))
        if change <= tolerance:
            return


@compiled
def correct_limit(k, body, side):
    """Turn hull and wheel apart from a limit they have passed; returns the error, radians."""
    angle = body[k + 1, ANGLE] - body[0, ANGLE]
    if side < 0:
        error = LOWER - angle
        push = clamp(angle - LOWER + ANGULAR_SLOP, -MAX_ANGULAR_CORRECTION, ZERO)
    else:
        error = angle - UPPER
        push = clamp(error - ANGULAR_SLOP, ZERO, MAX_ANGULAR_CORRECTION)
    push = -MOTOR_MASS * push
    body[0, ANGLE] -= HULL_INV_INERTIA * push
    body[k + 1, ANGLE] += WHEEL_INV_INERTIA * push
    return error


@compiled
def correct_joint(k, body, side):
    """b2RevoluteJoint::SolvePositionConstraints; True if the joint was close enough."""
    angular_error = correct_limit(k, body, side) if side != 0 else ZERO
    s, c = math.sin(body[0, ANGLE]), math.cos(body[0, ANGLE])
    rx = c * JOINT_ARMS[k, 0] - s * JOINT_ARMS[k, 1]
    ry = s * JOINT_ARMS[k, 0] + c * JOINT_ARMS[k, 1]
    ex = body[k + 1, X] - body[0, X] - rx
    ey = body[k + 1, Y] - body[0, Y] - ry
    px, py = solve_22(
        INV_MASS + HULL_INV_INERTIA * ry * ry,
        -HULL_INV_INERTIA * rx * ry,
        INV_MASS + HULL_INV_INERTIA * rx * rx,
        ex,
        ey,
    )
    px, py = -px, -py
    body[0, X] -= HULL_INV_MASS * px
    body[0, Y] -= HULL_INV_MASS * py
    body[0, ANGLE] -= HULL_INV_INERTIA * (rx * py - ry * px)
    body[k + 1, X] += WHEEL_INV_MASS * px
    body[k + 1, Y] += WHEEL_INV_MASS * py
    return math.sqrt(ex * ex + ey * ey) <= LINEAR_SLOP and angular_error <= ANGULAR_SLOP


@compiled
def solve_positions(body, limit_state):
    """Up to 60 rounds of position correction; True once every joint is close enough."""
    for _ in range(POSITION_ITERATIONS):
        good = True
        for k in range(3, -1, -1):
            good &= correct_joint(k, body, limit_state[k])
        if good:
            return True
    return False
