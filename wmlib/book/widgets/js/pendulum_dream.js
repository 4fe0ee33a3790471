/**
 * M of the pendulum, and the dream in it: an LSTM of 48 units reads (z, a), and from its new state
 * come one Gaussian for each of the three numbers of the next z, and the reward.
 *
 * Letters as in wmlib's `MDNRNN`; N_z = 3, N_a = 1, K = 1.
 */

/**
 * @typedef {object} MemoryWeights as PyTorch names them, row after row
 * @property {Float32Array} weight_ih (4 N_h, 4): rows for the gates i, f, g, o
 * @property {Float32Array} weight_hh (4 N_h, N_h)
 * @property {Float32Array} bias (4 N_h)
 * @property {Float32Array} output (10, N_h): logits (3, unused for K = 1), means (3), log σ (3), reward
 * @property {Float32Array} outputBias (10)
 * @property {Float32Array} starts (S, 3): z of real first moments
 * @property {number} startLogVariance
 */

export class PendulumMemory {
  /** @param {MemoryWeights} weights */
  constructor(weights) {
    this.w = weights;
    this.units = weights.bias.length / 4;
  }

  /** What M remembers at the beginning of an episode: nothing. */
  empty() {
    return { h: new Float64Array(this.units), c: new Float64Array(this.units) };
  }

  /**
   * h and c after (z, a); written into `state`.
   * @param {{ h: Float64Array, c: Float64Array }} state
   * @param {ArrayLike<number>} z
   * @param {number} a
   */
  advance(state, z, a) {
    const { weight_ih, weight_hh, bias } = this.w, n = this.units, { h, c } = state;
    const gates = new Float64Array(4 * n);
    for (let r = 0; r < 4 * n; r++) {
      const x = 4 * r, y = n * r;
      let sum = bias[r] + weight_ih[x] * z[0] + weight_ih[x + 1] * z[1] +
        weight_ih[x + 2] * z[2] + weight_ih[x + 3] * a;
      for (let k = 0; k < n; k++) sum += weight_hh[y + k] * h[k];
      gates[r] = sum;
    }
    for (let k = 0; k < n; k++) {
      c[k] = sigmoidOf(gates[n + k]) * c[k] + sigmoidOf(gates[k]) * Math.tanh(gates[2 * n + k]);
      h[k] = sigmoidOf(gates[3 * n + k]) * Math.tanh(c[k]);
    }
  }

  /**
   * What M says of the next step, from h after `advance`.
   * @param {Float64Array} h
   */
  predict(h) {
    const { output, outputBias } = this.w, n = this.units;
    const row = (/** @type {number} */ r) => {
      let sum = outputBias[r];
      for (let k = 0; k < n; k++) sum += output[r * n + k] * h[k];
      return sum;
    };
    const clamp = (/** @type {number} */ s) => Math.min(Math.max(s, -7), 7);
    return { mu: [row(3), row(4), row(5)], logstd: [clamp(row(6)), clamp(row(7)), clamp(row(8))],
      reward: row(9) };
  }
}

/** @param {number} x */
function sigmoidOf(x) {
  return 1 / (1 + Math.exp(-x));
}

export class PendulumDream {
  /**
   * @param {PendulumMemory} memory
   * @param {import("./chance.js").Chance} chance
   * @param {number} [tau]
   */
  constructor(memory, chance, tau = 1) {
    this.memory = memory;
    this.chance = chance;
    this.tau = tau;
    this.z = new Float64Array(3);
    this.state = memory.empty();
    this.reset();
  }

  /** Begin where a real episode began, with M's memory empty. */
  reset() {
    const { starts, startLogVariance } = this.memory.w;
    const first = 3 * Math.floor(this.chance.uniform() * (starts.length / 3));
    this.begin(starts.slice(first, first + 3), startLogVariance);
  }

  /**
   * Begin at a given z, blurred a little as all that M has learned from.
   * @param {ArrayLike<number>} z
   * @param {number} logVariance
   */
  begin(z, logVariance) {
    this.state = this.memory.empty();
    this.see(z, logVariance);
  }

  /**
   * One real step: M remembers what was seen and done, and sees what came of it.
   * @param {number} torque
   * @param {ArrayLike<number>} z
   * @param {number} logVariance
   */
  watch(torque, z, logVariance) {
    this.memory.advance(this.state, this.z, torque);
    this.see(z, logVariance);
  }

  see(/** @type {ArrayLike<number>} */ z, /** @type {number} */ logVariance) {
    const deviation = Math.exp(logVariance / 2);
    this.z = Float64Array.from(z, (zi) => zi + deviation * this.chance.normal());
  }

  /**
   * One step: M remembers (z, a), and the next z is drawn at temperature τ. Returns the reward.
   * @param {number} torque
   */
  step(torque) {
    this.memory.advance(this.state, this.z, torque);
    const { mu, logstd, reward } = this.memory.predict(this.state.h);
    const wide = Math.sqrt(this.tau);
    for (let i = 0; i < 3; i++) {
      this.z[i] = mu[i] + wide * Math.exp(logstd[i]) * this.chance.normal();
    }
    return reward;
  }
}
