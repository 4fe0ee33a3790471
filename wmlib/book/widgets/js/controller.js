// C: a = squash(W f + b), as small as it can be.

/**
 * C's outputs as the game's action: Doom's tanh; for the car steer, gas and brake.
 * @param {string} kind
 * @param {number[]} y
 * @param {number} scale the range of the game's action
 * @returns {number[]}
 */
export function squash(kind, y, scale) {
  const a = y.map(Math.tanh);
  if (kind === "tanh") return a.map((value) => value * scale);
  return [a[0], (a[1] + 1) / 2, Math.min(Math.max(a[2], 0), 1)];
}

/**
 * One layer: what it makes of `x`, and where its numbers end.
 * @param {ArrayLike<number>} params weights (count, inputs) from `at` on, then biases, if any
 * @param {number} at
 * @param {number[]} x
 * @param {number} count of outputs
 * @param {boolean} biased
 * @returns {[number[], number]}
 */
function through(params, at, x, count, biased) {
  const biases = at + count * x.length, y = new Array(count);
  for (let r = 0; r < count; r++) {
    let total = biased ? params[biases + r] : 0;
    for (let j = 0; j < x.length; j++) total += params[at + r * x.length + j] * x[j];
    y[r] = total;
  }
  return [y, biases + (biased ? count : 0)];
}

/**
 * A controller from its flat parameters. `kind` is "linear" (reads all features), "z" (the first
 * n_z of them), "hidden" (those, through 40 tanh units) or "deep" (all, with 128 tanh units of them
 * beside the linear map).
 * @param {any} facts of M's file: n_z, n_a, squash, scale, bias
 * @param {string} kind
 * @param {ArrayLike<number>} params layer by layer, weights (outputs, inputs), then biases
 * @returns {(features: Float32Array) => number[]}
 */
export function makeController(facts, kind, params) {
  const { n_a, bias, n_z } = facts, wide = kind === "linear" || kind === "deep";
  return (features) => {
    const x = Array.from(wide ? features : features.subarray(0, n_z));
    let [y, at] = through(params, 0, x, kind === "hidden" ? 40 : n_a, bias);
    if (kind === "hidden") [y] = through(params, at, y.map(Math.tanh), n_a, bias);
    if (kind === "deep") {
      const [inner, after] = through(params, at, x, 128, true);
      const [beside] = through(params, after, inner.map(Math.tanh), n_a, true);
      y = y.map((value, i) => value + beside[i]);
    }
    return squash(facts.squash, y, facts.scale);
  };
}
