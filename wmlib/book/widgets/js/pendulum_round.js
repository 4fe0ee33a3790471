// What one round of the iterative procedure left behind: M, the starts of its dreams, and C.
import { fromHalf } from "./networks.js";
import { C_PARAMETERS } from "./pendulum.js";
import { PendulumMemory } from "./pendulum_dream.js";

/**
 * @param {string} base64 little-endian float16
 * @returns {Float32Array}
 */
function floatsOfHalves(base64) {
  const text = atob(base64), byte = (/** @type {number} */ i) => text.charCodeAt(i);
  return Float32Array.from({ length: text.length / 2 }, (_, i) => fromHalf(byte(2 * i) | (byte(2 * i + 1) << 8)));
}

/**
 * @param {{units: number, weights: string}} packed float16 in base64: the LSTM's three arrays, the
 *   output's two, C's parameters, then the starts
 * @returns {{memory: PendulumMemory, controller: Float32Array}}
 */
export function unpackedRound({ units, weights }) {
  const all = floatsOfHalves(weights);
  let at = 0;
  const take = (/** @type {number} */ count) => all.subarray(at, (at += count));
  const weight_ih = take(16 * units), weight_hh = take(4 * units * units), bias = take(4 * units);
  const output = take(10 * units), outputBias = take(10), controller = take(C_PARAMETERS);
  const starts = take(all.length - at);
  const arrays = { weight_ih, weight_hh, bias, output, outputBias, starts, startLogVariance: -8 };
  return { memory: new PendulumMemory(arrays), controller };
}
