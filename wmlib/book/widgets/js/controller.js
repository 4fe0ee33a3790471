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
 * A controller from its flat parameters. `kind` is "linear" (reads all features), "z" (the first
 * n_z of them) or "hidden" (those, through 40 tanh units).
 * @param {any} facts of M's file: n_z, n_a, squash, scale, bias
 * @param {string} kind
 * @param {ArrayLike<number>} params layer by layer, weights (outputs, inputs), then biases
 * @returns {(features: Float32Array) => number[]}
 */
export function makeController(facts, kind, params) {
  const outputs = kind === "hidden" ? [40, facts.n_a] : [facts.n_a];
  return (features) => {
    let x = Array.from(kind === "linear" ? features : features.subarray(0, facts.n_z));
    let at = 0;
    outputs.forEach((count, layer) => {
      const biases = at + count * x.length, y = new Array(count);
      for (let r = 0; r < count; r++) {
        let total = facts.bias ? params[biases + r] : 0;
        for (let j = 0; j < x.length; j++) total += params[at + r * x.length + j] * x[j];
        y[r] = layer < outputs.length - 1 ? Math.tanh(total) : total;
      }
      at = biases + (facts.bias ? count : 0);
      x = y;
    });
    return squash(facts.squash, x, facts.scale);
  };
}
