// The fireball probe: a small network that counts what a code z shows.

/**
 * A counting probe from its file: outputs say "at least 1", "at least 2", …; the count is the
 * number of outputs above 0.
 * @param {import("./networks.js").NetworkFile} file
 * @returns {(z: Float32Array) => number}
 */
export function makeProbe({ facts, arrays }) {
  return (z) => {
    let x = Array.from(z);
    for (let layer = 0; layer < facts.layers; layer++) {
      const { values, shape: [rows, columns] } = arrays[`${layer}.weight`];
      const bias = arrays[`${layer}.bias`].values, y = new Array(rows);
      for (let r = 0; r < rows; r++) {
        let total = bias[r];
        for (let j = 0; j < columns; j++) total += values[r * columns + j] * x[j];
        y[r] = layer < facts.layers - 1 ? Math.max(0, total) : total;
      }
      x = y;
    }
    return x.filter((logOdds) => logOdds > 0).length;
  };
}
