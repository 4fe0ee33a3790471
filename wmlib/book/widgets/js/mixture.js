// M's output: for each latent dimension a mixture of K Gaussians.

/**
 * Arrays of N_z * K values, dimension by dimension: log weights (normalised over K), means, log sigmas.
 * @typedef {{logpi: Float32Array, mu: Float32Array, logstd: Float32Array, k: number}} Mixture
 */

/**
 * log softmax of `count` values from `at`, in place.
 * @param {Float32Array} values
 * @param {number} at
 * @param {number} count
 */
export function logSoftmax(values, at, count) {
  let most = -Infinity, sum = 0;
  for (let i = at; i < at + count; i++) most = Math.max(most, values[i]);
  for (let i = at; i < at + count; i++) sum += Math.exp(values[i] - most);
  const norm = most + Math.log(sum);
  for (let i = at; i < at + count; i++) values[i] -= norm;
}

/**
 * The mixture at temperature tau: log weights / tau, renormalised, and sigma * sqrt(tau).
 * @param {Mixture} mixture
 * @param {number} tau
 * @returns {Mixture}
 */
export function temper({ logpi, mu, logstd, k }, tau) {
  const weights = logpi.map((value) => value / tau), spread = 0.5 * Math.log(tau);
  for (let at = 0; at < weights.length; at += k) logSoftmax(weights, at, k);
  return { logpi: weights, mu, logstd: logstd.map((value) => value + spread), k };
}

/**
 * One z from the mixture at temperature tau: uniforms u choose a Gaussian for each dimension,
 * standard normals eps place z in it.
 * @param {Mixture} mixture
 * @param {number} tau
 * @param {Float32Array} u
 * @param {Float32Array} eps
 * @returns {Float32Array}
 */
export function sampleMixture(mixture, tau, u, eps) {
  const { logpi, mu, logstd, k } = temper(mixture, tau);
  return u.map((uniform, dimension) => {
    let chosen = dimension * k, cumulative = Math.exp(logpi[chosen]);
    while (uniform > cumulative && chosen < dimension * k + k - 1)
      cumulative += Math.exp(logpi[++chosen]);
    return mu[chosen] + Math.exp(logstd[chosen]) * eps[dimension];
  });
}
