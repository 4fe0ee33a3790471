// M: an LSTM that reads (z, a) and says what comes next.
import { kernelsFor, placeLayer } from "./networks.js";
import { logSoftmax } from "./mixture.js";

/**
 * What M says of the next step; absent heads are null.
 * @typedef {import("./mixture.js").Mixture &
 *   {endLogit: number | null}} Prediction
 * @typedef {{h: Float32Array, c: Float32Array}} LSTMState
 * @typedef {{facts: any, initialState: () => LSTMState,
 *   advance: (z: Float32Array, a: number[], restart: number,
 *     state: LSTMState) => LSTMState,
 *   predict: (state: LSTMState) => Prediction}} Memory
 */

const LOGSTD_MIN = -7, LOGSTD_MAX = 7; // as in wmlib.model.memory

const sigmoid = (/** @type {number} */ x) => 1 / (1 + Math.exp(-x));

/**
 * M from its file.
 * @param {import("./networks.js").NetworkFile} file
 * @param {any} [make] other kernels
 * @returns {Promise<Memory>}
 */
export async function makeMemory(file, make) {
  const { n_z: nZ, n_a: nA, n_h: nH, n_mixtures: k, heads } = file.facts;
  const reads = file.facts.restart_input; // Doom's M is told of a new episode
  const room = nZ + nA + 6 * nH + 3 * nZ * k + 64; // floats besides the weights
  const kernels = await kernelsFor(file, room, make);
  const lstm = placeLayer(file, "lstm", kernels);
  const output = placeLayer(file, "output", kernels);
  const input = kernels.floats(nZ + nA + Number(reads) + nH);
  const gates = kernels.floats(4 * nH), seen = kernels.floats(nH);
  const said = kernels.floats(output.bias.length);

  return {
    facts: file.facts,
    initialState: () => ({ h: new Float32Array(nH), c: new Float32Array(nH) }),

    // h' = LSTM(z, a, h): what M knows after acting, before the next picture.
    advance(z, a, restart, { h, c }) {
      input.set(z);
      input.set(a, nZ);
      if (reads) input[nZ + nA] = restart;
      input.set(h, input.length - nH);
      kernels.linear(input, lstm, gates);
      const next = { h: new Float32Array(nH), c: new Float32Array(nH) };
      for (let j = 0; j < nH; j++) {
        const write = sigmoid(gates[j]), keep = sigmoid(gates[nH + j]);
        const fresh = Math.tanh(gates[2 * nH + j]);
        next.c[j] = keep * c[j] + write * fresh;
        next.h[j] = sigmoid(gates[3 * nH + j]) * Math.tanh(next.c[j]);
      }
      return next;
    },

    // A mixture for each dimension of the next z, and the heads.
    predict({ h }) {
      seen.set(h);
      kernels.linear(seen, output, said);
      const size = nZ * k;
      const logpi = said.slice(0, size), mu = said.slice(size, 2 * size);
      for (let at = 0; at < size; at += k) logSoftmax(logpi, at, k);
      const logstd = said.slice(2 * size, 3 * size).map(
        (value) => Math.min(Math.max(value, LOGSTD_MIN), LOGSTD_MAX));
      const endLogit = heads.includes("end") ? said[3 * size] : null;
      return { logpi, mu, logstd, k, endLogit };
    },
  };
}
