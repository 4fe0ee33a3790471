/**
 * The lamp and the late bell of chapter 2, at θ = 0, where learning starts: what one episode's
 * estimate of the gradient is worth. The same formulas as in wmlib's `credit`.
 *
 * Letters: T the delay, D the parameters (one for each pixel), s the strength of the lamp, N
 * episodes. Lengths are given in units of the true gradient's, s/2.
 */

export const LAMP_STRENGTH = 2;

/** @typedef {{ signal: number, noise: number, price: number }} Worth price: episodes until noise = signal */

/**
 * REINFORCE: |∇J|² and the noise of one episode, exactly (equation "credit-noise").
 * @param {number} delay
 * @param {number} parameters
 * @param {number} [strength]
 * @returns {Worth}
 */
export function reinforceWorth(delay, parameters, strength = LAMP_STRENGTH) {
  const s2 = strength ** 2;
  const signal = s2 / 4;
  const noise = ((delay + 1) * (parameters + s2) - s2) / 4;
  return { signal, noise, price: noise / signal };
}

/**
 * Evolution with σ = 1, which disturbs the weights once for a whole episode: no T in it.
 * @param {number} parameters
 * @param {number} [strength]
 * @returns {Worth}
 */
export function evolutionWorth(parameters, strength = LAMP_STRENGTH) {
  const signal = (2 / Math.PI) * meanCosine(parameters, strength) ** 2;
  const noise = parameters - signal;
  return { signal, noise, price: noise / signal };
}

/**
 * E[cos of the angle between the lamp u and a picture u + ξ], ξ ~ N(0, I) in D dimensions:
 * s/√2 · Γ((D+1)/2) / Γ(D/2+1) · ₁F₁(1/2; D/2+1; −s²/2), the last turned into a sum of positive terms.
 * @param {number} D
 * @param {number} s
 */
export function meanCosine(D, s) {
  let term = 1, sum = 1;
  for (let k = 0; k < 500 && term > 1e-16 * sum; k++) {
    term *= (((D + 1) / 2 + k) / (D / 2 + 1 + k)) * (s * s / 2 / (k + 1));
    sum += term;
  }
  const gammas = Math.exp(logGamma((D + 1) / 2) - logGamma(D / 2 + 1));
  return (s / Math.SQRT2) * gammas * Math.exp((-s * s) / 2) * sum;
}

/** ln Γ(x) for x > 0: Stirling's series, after x has been made large enough for it. */
function logGamma(/** @type {number} */ x) {
  let shift = 0;
  for (; x < 12; x++) shift -= Math.log(x);
  const inverse = 1 / x, square = inverse * inverse;
  const series = inverse * (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square / 1680)));
  return shift + (x - 0.5) * Math.log(x) - x + 0.5 * Math.log(2 * Math.PI) + series;
}

/**
 * One REINFORCE estimate, the mean of N episodes, drawn exactly without playing them: at θ = 0 an
 * episode's estimate is ½u + ½(±u ± … ±u) + ½√(T+1) ξ, with T fair signs and ξ ~ N(0, I).
 * Returns its part along the true gradient and the length of the rest, true length = 1.
 * @param {number} delay
 * @param {number} parameters
 * @param {number} episodes
 * @param {import("./chance.js").Chance} chance
 * @param {number} [strength]
 */
export function reinforceEstimate(delay, parameters, episodes, chance, strength = LAMP_STRENGTH) {
  const noise = Math.sqrt((delay + 1) / episodes) / strength; // of each of the D components
  const signs = fairSigns(delay * episodes, chance) / episodes;
  const along = 1 + signs + noise * chance.normal();
  let square = 0;
  for (let d = 1; d < parameters; d++) square += (noise * chance.normal()) ** 2;
  return { along, across: Math.sqrt(square) };
}

/** The sum of `count` fair signs; of many, by the normal distribution that it then has. */
function fairSigns(/** @type {number} */ count, /** @type {import("./chance.js").Chance} */ chance) {
  if (count > 1000) return Math.sqrt(count) * chance.normal();
  let sum = 0;
  for (let i = 0; i < count; i++) sum += chance.uniform() < 0.5 ? -1 : 1;
  return sum;
}
