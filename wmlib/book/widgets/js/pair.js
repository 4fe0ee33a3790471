// The real game and M's dream of it, side by side: one action a step moves both. The dream sees
// nothing of the game until it is woken; then it goes on from what V and M know at that moment.

const FIRMLY = 5; // looks, a tenth of a second: a flicker of V's is no parting

/**
 * `kept`: what V keeps of the real picture, painted by its decoder; `dreamed`: the dream, painted by
 * the same. `apart`: mean difference of the two, of 255. `awakeFor`: steps since M was woken;
 * `parted`: how many of them it took until the two pictures were as different as most of
 * unrelated moments, and stayed so for FIRMLY looks; null before.
 * @typedef {{kept: Float32Array, dreamed: Float32Array, apart: number, awakeFor: number,
 *   parted: number | null, reset: (seed: number) => void, wake: () => void,
 *   act: (action: number[], tau: number) => import("./car_game.js").Step, look: () => void}} Pair
 */

/**
 * @param {import("./seen_game.js").SeenGame} seen
 * @param {import("./dream.js").Dream} dream
 * @param {(z: ArrayLike<number>) => Float32Array} decode
 * @param {number} unrelated what three of four pairs of unrelated moments differ more than, of 255
 * @returns {Pair}
 */
export function makePair(seen, dream, decode, unrelated) {
  let far = 0, farSince = 0; // looks in a row at which they were apart, and since which step
  /** @type {Pair} */
  const pair = {
    kept: new Float32Array(0),
    dreamed: new Float32Array(0),
    apart: 0,
    awakeFor: 0,
    parted: null,

    reset(seed) {
      seen.reset(seed);
      dream.reset(seed); // its noise is the game's, its first picture comes from the game:
      pair.wake();
    },

    wake() {
      Object.assign(dream, { z: seen.z, state: seen.state });
      Object.assign(pair, { awakeFor: 0, parted: null });
      far = 0;
    },

    act(action, tau) {
      dream.act(action, tau);
      pair.awakeFor++;
      return seen.act(action);
    },

    // Painting takes longer than all the rest, so it is done once a frame and not once a step.
    look() {
      pair.kept = decode(seen.mu).slice();
      pair.dreamed = decode(dream.z).slice();
      const sum = pair.kept.reduce((total, value, i) => total + Math.abs(value - pair.dreamed[i]), 0);
      pair.apart = (255 * sum) / pair.kept.length;
      far = pair.apart > unrelated ? far + 1 : 0;
      if (far === 1) farSince = pair.awakeFor;
      if (far === FIRMLY) pair.parted ??= farSince;
    },
  };
  return pair;
}
