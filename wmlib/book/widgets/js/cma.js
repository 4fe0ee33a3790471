/**
 * CMA-ES (Hansen and Ostermeier 2001; Hansen 2016), with the path that chapter 6 leaves out: draw
 * candidates, move the mean to the better half, and let two paths set the step size and the shape.
 *
 * Letters: n parameters, λ candidates, μ parents, m the mean, σ the step size, C the covariance.
 */

import { identityMatrix, symmetricEigen } from "./eigen.js";

/**
 * The constants for n parameters and λ candidates (Hansen's defaults).
 * @param {number} n
 * @param {number} lambda
 */
export function cmaSettings(n, lambda) {
  const mu = Math.floor(lambda / 2);
  let weights = Array.from({ length: mu }, (_, i) => Math.log(mu + 0.5) - Math.log(i + 1));
  const total = weights.reduce((sum, w) => sum + w, 0);
  weights = weights.map((w) => w / total);
  const muEff = 1 / weights.reduce((sum, w) => sum + w * w, 0);
  const cSigma = (muEff + 2) / (n + muEff + 5);
  const cC = (4 + muEff / n) / (n + 4 + (2 * muEff) / n);
  const c1 = 2 / ((n + 1.3) ** 2 + muEff);
  const cMu = Math.min(1 - c1, (2 * (muEff - 2 + 1 / muEff)) / ((n + 2) ** 2 + muEff));
  const dSigma = 1 + cSigma + 2 * Math.max(0, Math.sqrt((muEff - 1) / (n + 1)) - 1);
  return { weights, muEff, cSigma, cC, c1, cMu, dSigma };
}

export class CmaEs {
  /**
   * @param {ArrayLike<number>} mean where the cloud begins
   * @param {number} sigma its first width
   * @param {number} lambda candidates in a generation
   * @param {{ normals(count: number): Float64Array }} chance where the random numbers come from
   */
  constructor(mean, sigma, lambda, chance) {
    const n = mean.length;
    this.n = n;
    this.lambda = lambda;
    this.chance = chance;
    this.mean = Float64Array.from(mean);
    this.sigma = sigma;
    this.covariance = identityMatrix(n);
    this.generation = 0;
    this.settings = cmaSettings(n, lambda);
    this.pathSigma = new Float64Array(n);
    this.pathC = new Float64Array(n);
    /** @type {{values: Float64Array, vectors: Float64Array}} */
    this.axes = { values: new Float64Array(n).fill(1), vectors: identityMatrix(n) };
    /** @type {Float64Array[]} y of each candidate: x = m + σ y */
    this.steps = [];
    this.decomposedAt = 0;
    // The axes need not be fresh in every generation when C changes slowly (as in pycma).
    this.patience = 1 / ((this.settings.c1 + this.settings.cMu) * n * 10);
  }

  /** A generation of candidates x = m + σ y, y ~ N(0, C). */
  ask() {
    if (this.generation - this.decomposedAt >= this.patience) {
      this.axes = symmetricEigen(this.covariance, this.n, this.axes.vectors);
      this.decomposedAt = this.generation;
    }
    this.steps = Array.from({ length: this.lambda }, () =>
      this.stretched(this.chance.normals(this.n), 0.5)); // y = C^½ z
    return this.steps.map((y) => y.map((yi, i) => this.mean[i] + this.sigma * yi));
  }

  /**
   * Learn from the candidates of the last `ask`.
   * @param {ArrayLike<number>} costs one for each, the smaller the better; only their order counts
   */
  tell(costs) {
    const { n, settings } = this;
    const { weights, muEff, cSigma, dSigma } = settings;
    const order = this.steps.map((_, i) => i).sort((i, j) => costs[i] - costs[j]);
    const parents = order.slice(0, weights.length).map((i) => this.steps[i]);
    const step = new Float64Array(n);
    parents.forEach((y, i) => y.forEach((yj, j) => (step[j] += weights[i] * yj)));
    step.forEach((s, j) => (this.mean[j] += this.sigma * s));
    this.generation += 1;

    const white = this.stretched(step, -0.5); // C^-½ <y>
    const push = Math.sqrt(cSigma * (2 - cSigma) * muEff);
    this.pathSigma = this.pathSigma.map((p, j) => (1 - cSigma) * p + push * white[j]);
    const length = Math.hypot(...this.pathSigma);
    const chi = Math.sqrt(n) * (1 - 1 / (4 * n) + 1 / (21 * n * n)); // E|N(0, I)|
    this.bend(parents, step, length / chi);
    this.sigma *= Math.exp((cSigma / dSigma) * (length / chi - 1));
  }

  /**
   * Turn the covariance towards the path and the parents.
   * @param {Float64Array[]} parents
   * @param {Float64Array} step
   * @param {number} stride length of the step size's path, 1 where only chance has drawn it
   */
  bend(parents, step, stride) {
    const { n, covariance: C, generation } = this;
    const { weights, muEff, cSigma, cC, c1, cMu } = this.settings;
    // The switch: after large steps the path of C stalls, or C would grow too fast.
    const young = 1 - (1 - cSigma) ** (2 * generation);
    const h = stride / Math.sqrt(young) < 1.4 + 2 / (n + 1) ? 1 : 0;
    const push = h * Math.sqrt(cC * (2 - cC) * muEff);
    this.pathC = this.pathC.map((p, j) => (1 - cC) * p + push * step[j]);
    const keep = 1 - c1 - cMu + (1 - h) * c1 * cC * (2 - cC);
    for (let i = 0; i < n * n; i++) C[i] *= keep;
    addOuter(C, this.pathC, c1);
    parents.forEach((y, i) => addOuter(C, y, cMu * weights[i]));
  }

  /**
   * C to the power `power`, times z.
   * @param {Float64Array} z
   * @param {number} power
   */
  stretched(z, power) {
    const { n } = this, { values, vectors } = this.axes;
    const result = new Float64Array(n), along = new Float64Array(n);
    for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) along[j] += vectors[i * n + j] * z[i];
    for (let j = 0; j < n; j++) along[j] *= Math.max(values[j], 1e-300) ** power;
    for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) result[i] += vectors[i * n + j] * along[j];
    return result;
  }
}

/** C += scale · v vᵀ */
function addOuter(/** @type {Float64Array} */ C, /** @type {Float64Array} */ v, /** @type {number} */ scale) {
  const n = v.length;
  for (let i = 0; i < n; i++) {
    const vi = scale * v[i];
    for (let j = 0; j < n; j++) C[i * n + j] += vi * v[j];
  }
}
