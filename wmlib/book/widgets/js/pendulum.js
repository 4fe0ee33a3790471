/**
 * The pendulum that starts hanging (Gymnasium's Pendulum-v1, begun at the bottom), and C, which
 * pushes it. State: the angle from upright in radians, and the angular velocity.
 */

/** @typedef {{ angle: number, speed: number }} Swing */

export const MAX_TORQUE = 2;
export const PENDULUM_FPS = 20;
/** z = x times this: cos, sin, angular velocity (wmlib's `X_SCALE`). */
export const Z_SCALE = [1, 1, 0.5];

/**
 * One twentieth of a second of the real pendulum, and what it pays.
 * @param {Swing} state
 * @param {number} torque
 * @returns {{ state: Swing, reward: number }}
 */
export function pendulumStep({ angle, speed }, torque) {
  const u = Math.min(Math.max(torque, -MAX_TORQUE), MAX_TORQUE);
  const off = angleFromTop(angle);
  const reward = -(off ** 2 + 0.1 * speed ** 2 + 0.001 * u ** 2);
  const faster = speed + (15 * Math.sin(angle) + 3 * u) * 0.05;
  const turned = Math.min(Math.max(faster, -8), 8);
  return { state: { angle: angle + turned * 0.05, speed: turned }, reward };
}

/** The same angle between −π and π. */
export function angleFromTop(/** @type {number} */ angle) {
  const turn = 2 * Math.PI, shifted = (angle + Math.PI) % turn;
  return (shifted < 0 ? shifted + turn : shifted) - Math.PI;
}

/**
 * Hanging, a little aside and moving a little.
 * @param {import("./chance.js").Chance} chance
 * @returns {Swing}
 */
export function hanging(chance) {
  return { angle: Math.PI + 0.2 * chance.uniform() - 0.1, speed: 0.2 * chance.uniform() - 0.1 };
}

/**
 * What C sees of the real state: cos, sin, half the velocity.
 * @param {Swing} state
 * @returns {Float64Array}
 */
export function codeOf({ angle, speed }) {
  return Float64Array.of(Math.cos(angle), Math.sin(angle), Z_SCALE[2] * speed);
}

export const HIDDEN_UNITS = 40;
export const C_PARAMETERS = HIDDEN_UNITS * 5 + 1;

/**
 * C: three numbers through 40 tanh units to one torque (wmlib's "hidden" controller).
 * @param {ArrayLike<number>} params weights (40, 3), biases (40), weights (40), bias
 * @param {ArrayLike<number>} z
 */
export function controllerTorque(params, z) {
  const biases = 3 * HIDDEN_UNITS, second = 4 * HIDDEN_UNITS;
  let y = params[5 * HIDDEN_UNITS];
  for (let i = 0; i < HIDDEN_UNITS; i++) {
    const x = params[3 * i] * z[0] + params[3 * i + 1] * z[1] + params[3 * i + 2] * z[2];
    y += params[second + i] * Math.tanh(x + params[biases + i]);
  }
  return MAX_TORQUE * Math.tanh(y);
}
