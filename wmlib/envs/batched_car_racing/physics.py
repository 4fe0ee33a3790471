"""One step of CarRacing for one car: Gymnasium's car_dynamics.py and Box2D's b2World::Step.

The car's side (engine, brake, friction) is float64 as in Gymnasium's Python, the world's side
float32 as in Box2D's C++. Every function works on environment `e` of a `State`.
"""

import math

import numpy as np

from .car_body import (
    HULL_CENTRE_X,
    HULL_CENTRE_Y,
    SIZE,
    WHEEL_INV_MASS,
    WHEEL_OFFSETS,
    WHEEL_RADIUS,
)
from .compilation import compiled
from .contacts import collide
from .joints import (
    ANGLE,
    PI,
    SPEED,
    SPIN,
    TIME_STEP,
    VX,
    VY,
    X,
    Y,
    solve_positions,
    solve_velocities,
)
from .state import DT
from .track import PLAYFIELD, sign

f32, f64 = np.float32, np.float64
ENGINE_POWER = 100000000 * SIZE * SIZE
WHEEL_INERTIA = 4000 * SIZE * SIZE
ROAD_FRICTION = 1000000 * SIZE * SIZE
GRASS_FRICTION = ROAD_FRICTION * 0.6
SLIP_STIFFNESS = 205000 * SIZE * SIZE
BRAKE_FORCE = 15
MAX_TRANSLATION, MAX_ROTATION = f32(2), f32(0.5) * PI
LINEAR_REST2 = f32(0.01) * f32(0.01)
ANGULAR_REST2 = (f32(2) / f32(180) * PI) * (f32(2) / f32(180) * PI)
TIME_TO_SLEEP = f32(0.5)
ZERO = f32(0)
OFF_FIELD_REWARD = -100.0
# Ends of an episode, as `advance` returns them
RUNNING, LAP_FINISHED, OFF_FIELD = 0, 1, 2


@compiled
def press_gas(gas, pedal):
    """Gas rises by at most 0.1 a step and falls at once."""
    wanted = min(max(pedal, 0.0), 1.0)
    change = wanted - gas
    return gas + (0.1 if change > 0.1 else change)


@compiled
def spin_wheel(omega, gas, brake):
    """Engine and brake change how fast a wheel rolls (radians per second)."""
    omega += DT * ENGINE_POWER * gas / WHEEL_INERTIA / (abs(omega) + 5.0)
    if brake >= 0.9:
        return 0.0
    if brake > 0:
        return omega - sign(omega) * min(BRAKE_FORCE * brake, abs(omega))
    return omega


@compiled
def drive_wheel(state, e, k, steer, gas, brake):
    """Wheel k: steering speed for its joint, rolling, and the friction force of the ground."""
    body = state.body[e]
    error = steer - f64(body[k + 1, ANGLE] - body[0, ANGLE])
    state.joint[e, k, SPEED] = sign(error) * min(50.0 * abs(error), 3.0)
    s, c = math.sin(body[k + 1, ANGLE]), math.cos(body[k + 1, ANGLE])
    vx, vy = f64(body[k + 1, VX]), f64(body[k + 1, VY])
    forward_x, forward_y, side_x, side_y = -f64(s), f64(c), f64(c), f64(s)
    omega = spin_wheel(state.wheel_omega[e, k], gas, brake)
    state.wheel_phase[e, k] += omega * DT
    # Friction pulls the tyre's contact point towards rest, up to a limit set by the ground.
    along = -(forward_x * vx + forward_y * vy) + omega * WHEEL_RADIUS
    across = -(side_x * vx + side_y * vy)
    along *= SLIP_STIFFNESS
    across *= SLIP_STIFFNESS
    force = math.sqrt(along * along + across * across)
    limit = ROAD_FRICTION if state.on_road[e, k] else GRASS_FRICTION
    if force > limit:
        along = along / force * limit
        across = across / force * limit
    state.wheel_omega[e, k] = omega - DT * along * WHEEL_RADIUS / WHEEL_INERTIA
    # Box2D integrates the force at the start of its step; nothing reads the velocity before.
    body[k + 1, VX] += TIME_STEP * (WHEEL_INV_MASS * f32(across * side_x + along * forward_x))
    body[k + 1, VY] += TIME_STEP * (WHEEL_INV_MASS * f32(across * side_y + along * forward_y))


@compiled
def move_bodies(body):
    """Velocities into positions, with Box2D's clamps of 2 units and a quarter turn a step."""
    for b in range(5):
        dx, dy = TIME_STEP * body[b, VX], TIME_STEP * body[b, VY]
        if dx * dx + dy * dy > MAX_TRANSLATION * MAX_TRANSLATION:
            ratio = MAX_TRANSLATION / math.sqrt(dx * dx + dy * dy)
            body[b, VX] *= ratio
            body[b, VY] *= ratio
        turn = TIME_STEP * body[b, SPIN]
        if turn * turn > MAX_ROTATION * MAX_ROTATION:
            body[b, SPIN] *= MAX_ROTATION / abs(turn)
        body[b, X] += TIME_STEP * body[b, VX]
        body[b, Y] += TIME_STEP * body[b, VY]
        body[b, ANGLE] += TIME_STEP * body[b, SPIN]


@compiled
def fall_asleep(body, sleep_time, solved):
    """A car at rest for half a second loses its last velocity (the next step wakes it)."""
    least = TIME_TO_SLEEP
    for b in range(5):
        speed2 = body[b, VX] * body[b, VX] + body[b, VY] * body[b, VY]
        if body[b, SPIN] * body[b, SPIN] > ANGULAR_REST2 or speed2 > LINEAR_REST2:
            sleep_time[b] = ZERO
        else:
            sleep_time[b] += TIME_STEP
        least = min(least, sleep_time[b])
    if least >= TIME_TO_SLEEP and solved:
        for b in range(5):
            sleep_time[b] = ZERO
            body[b, VX] = ZERO
            body[b, VY] = ZERO
            body[b, SPIN] = ZERO


@compiled
def publish_poses(state, e):
    """Copy the solver's bodies to the poses; the hull's origin is not its centre of mass."""
    body = state.body[e]
    s, c = math.sin(body[0, ANGLE]), math.cos(body[0, ANGLE])
    state.hull_pos[e, 0] = body[0, X] - (c * HULL_CENTRE_X - s * HULL_CENTRE_Y)
    state.hull_pos[e, 1] = body[0, Y] - (s * HULL_CENTRE_X + c * HULL_CENTRE_Y)
    state.hull_angle[e] = body[0, ANGLE]
    state.hull_vel[e, 0] = body[0, VX]
    state.hull_vel[e, 1] = body[0, VY]
    state.hull_spin[e] = body[0, SPIN]
    for k in range(4):
        state.wheel_pos[e, k, 0] = body[k + 1, X]
        state.wheel_pos[e, k, 1] = body[k + 1, Y]
        state.wheel_angle[e, k] = body[k + 1, ANGLE]


@compiled
def step_world(state, e, steer, brake, tolerance):
    """Car.step, then b2World::Step (contacts first, then island, then sleep)."""
    for k in range(4):
        front = k < 2
        drive_wheel(state, e, k, steer if front else 0.0, 0.0 if front else state.gas[e], brake)
    collide(state, e)
    body, limit_state = state.body[e], state.limit_state[e]
    solve_velocities(body, state.joint[e], state.impulse[e], limit_state, tolerance)
    move_bodies(body)
    solved = solve_positions(body, limit_state)
    fall_asleep(body, state.sleep_time[e], solved)
    publish_poses(state, e)


@compiled
def advance(state, e, actions, tolerance):
    """One CarRacing step of car `e` with action `e` of (N, 3); returns (reward, end of episode).

    `tolerance` is float32: 0 for Box2D's exact result, 1e-5 for the fast mode.
    """
    steer, gas, brake = f64(actions[e, 0]), f64(actions[e, 1]), f64(actions[e, 2])
    state.gas[e] = press_gas(state.gas[e], gas)
    step_world(state, e, -steer, brake, tolerance)
    state.steps[e] += 1
    state.reward_shown[e] = state.reward_sum[e]  # the picture is taken before this step's -0.1
    state.reward_sum[e] -= 0.1
    reward = state.reward_sum[e] - state.reward_paid[e]
    state.reward_paid[e] = state.reward_sum[e]
    if abs(state.hull_pos[e, 0]) > PLAYFIELD or abs(state.hull_pos[e, 1]) > PLAYFIELD:
        return OFF_FIELD_REWARD, OFF_FIELD
    if state.visited_count[e] == state.n_tiles[e]:
        return reward, LAP_FINISHED
    return reward, RUNNING


@compiled
def place_car(state, e):
    """Put a car at the start of track `e`, at rest, and let one step pass, as reset() does.

    Gymnasium places the wheels at *unrotated* offsets from the hull; the joints pull them to
    where they belong during this first step.
    """
    angle, x, y = f32(state.start[e, 0]), state.start[e, 1], state.start[e, 2]
    s, c = math.sin(angle), math.cos(angle)
    body = state.body[e]
    body[:] = ZERO
    body[:, ANGLE] = angle
    body[0, X] = c * HULL_CENTRE_X - s * HULL_CENTRE_Y + f32(x)
    body[0, Y] = s * HULL_CENTRE_X + c * HULL_CENTRE_Y + f32(y)
    for k in range(4):
        body[k + 1, X], body[k + 1, Y] = x + WHEEL_OFFSETS[k, 0], y + WHEEL_OFFSETS[k, 1]
    state.sleep_time[e] = ZERO
    state.impulse[e] = ZERO
    state.limit_state[e] = 0
    state.on_road[e] = 0
    state.wheel_phase[e] = 0.0
    state.wheel_omega[e] = 0.0
    publish_poses(state, e)
    state.gas[e] = 0.0
    state.steps[e] = 0
    state.visited_count[e] = 0
    state.reward_sum[e] = 0.0
    state.reward_paid[e] = 0.0
    step_world(state, e, 0.0, 0.0, ZERO)  # always exact: resets are rare
    state.reward_shown[e] = state.reward_sum[e]
