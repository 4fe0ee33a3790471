// The dream: M alone, one step after the other. z' is drawn from M's mixture at temperature tau.
import { sampleMixture } from "./mixture.js";
import { normals, STREAMS, uniforms } from "./noise.js";

/**
 * @typedef {{z: Float32Array, state: import("./memory.js").LSTMState, step: number,
 *   endLogit: number | null, ended: boolean, reset: (seed: number) => void,
 *   act: (action: number[], tau: number) => void, features: () => Float32Array}} Dream
 */

/**
 * A dream of this M. It begins at a stored first latent of a real episode; it ends when M thinks
 * it more likely than not that the episode is over, or at the task's cap.
 * @param {import("./memory.js").Memory} memory
 * @param {import("./networks.js").NetworkFile} file M's file, which holds the first latents
 * @returns {Dream}
 */
export function makeDream(memory, file) {
  const { n_z: nZ, cell_feature: cellFeature, max_steps: maxSteps } = memory.facts;
  const starts = file.arrays["starts.mu"].values, spreads = file.arrays["starts.logvar"].values;
  let seed = 0;
  /** @type {Dream} */
  const dream = {
    z: new Float32Array(nZ),
    state: memory.initialState(),
    step: 0,
    endLogit: null,
    ended: false,

    reset(newSeed) {
      seed = newSeed;
      const pick = Math.floor(uniforms(seed, 0, 1, STREAMS.start)[0] * (starts.length / nZ));
      dream.z = normals(seed, 0, nZ, STREAMS.z).map((eps, i) => {
        const at = pick * nZ + i;
        return starts[at] + Math.exp(0.5 * spreads[at]) * eps;
      });
      Object.assign(dream, { state: memory.initialState(), step: 0, endLogit: null, ended: false });
    },

    act(action, tau) {
      const restart = dream.step === 0 ? 1 : 0;
      dream.state = memory.advance(dream.z, action, restart, dream.state);
      const said = memory.predict(dream.state);
      dream.step++;
      const u = uniforms(seed, dream.step, nZ, STREAMS.choice);
      const eps = normals(seed, dream.step, nZ, STREAMS.z);
      dream.z = sampleMixture(said, tau, u, eps);
      dream.endLogit = said.endLogit;
      const over = said.endLogit !== null && !(said.endLogit <= 0); // NaN ends it, too
      dream.ended = over || dream.step >= maxSteps;
    },

    // What C sees: [z, h], and for Doom the LSTM's cell too, [z, h, c].
    features() {
      const { h, c } = dream.state, parts = cellFeature ? [dream.z, h, c] : [dream.z, h];
      const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
      parts.reduce((at, part) => (all.set(part, at), at + part.length), 0);
      return all;
    },
  };
  return dream;
}
