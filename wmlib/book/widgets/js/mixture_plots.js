// Drawings of a one-dimensional mixture: its density at a moment, and its course over an episode.
import { line } from "./gauges.js";
import { temper } from "./mixture.js";

const MARGIN = 0.8, ROOT = Math.sqrt(2 * Math.PI);

/**
 * The mixture of one dimension.
 * @param {import("./mixture.js").Mixture} mixture
 * @param {number} dimension
 * @returns {import("./mixture.js").Mixture}
 */
export function oneDimension({ logpi, mu, logstd, k }, dimension) {
  const part = (/** @type {Float32Array} */ all) => all.slice(dimension * k, (dimension + 1) * k);
  return { logpi: part(logpi), mu: part(mu), logstd: part(logstd), k };
}

/**
 * Density of a one-dimensional mixture at x, all of it or that of Gaussian `only`.
 * @param {import("./mixture.js").Mixture} mixture
 * @param {number} x
 * @param {number} [only]
 */
export function density({ logpi, mu, logstd, k }, x, only) {
  let total = 0;
  for (let i = only ?? 0; i < (only === undefined ? k : only + 1); i++) {
    const u = (x - mu[i]) / Math.exp(logstd[i]);
    total += Math.exp(logpi[i] - logstd[i] - 0.5 * u * u) / ROOT;
  }
  return total;
}

/**
 * The part of the axis that is shown: the same at every tau.
 * @param {number[]} values
 */
export function rangeOf(values) {
  return [Math.min(...values) - MARGIN, Math.max(...values) + MARGIN];
}

/**
 * The density, its Gaussians, samples, and the value that came.
 * @param {CanvasRenderingContext2D} g
 * @param {number} width
 * @param {number} height
 * @param {import("./canvas.js").Colours} colours
 * @param {{mixture: import("./mixture.js").Mixture, tau: number, samples: number[], came: number,
 *   range: number[]}} what
 */
export function drawDensity(g, width, height, colours, { mixture, tau, samples, came, range: [low, high] }) {
  const base = height - 44, at = (/** @type {number} */ x) => ((x - low) / (high - low)) * width;
  const tempered = temper(mixture, tau);
  const xs = Array.from({ length: 401 }, (_, i) => low + ((high - low) * i) / 400);
  const all = xs.map((x) => density(tempered, x)), plain = xs.map((x) => density(mixture, x));
  const top = Math.max(0.6, ...all, ...plain) * 1.12, up = (/** @type {number} */ y) => base - (y / top) * (base - 18);
  const path = (/** @type {number[]} */ ys) => ys.map((y, i) => [at(xs[i]), up(y)]);
  g.font = `12px ${colours.font}`;
  g.fillStyle = colours.dream;
  g.globalAlpha = 0.16;
  g.beginPath();
  g.moveTo(0, base);
  path(all).forEach(([x, y]) => g.lineTo(x, y));
  g.lineTo(width, base);
  g.fill();
  g.globalAlpha = 0.55;
  for (let i = 0; i < mixture.k; i++) line(g, path(xs.map((x) => density(tempered, x, i))), colours.dream, 1);
  g.globalAlpha = 1;
  if (tau !== 1) {
    g.setLineDash([3, 4]);
    line(g, path(plain), colours.muted, 1.2);
    g.setLineDash([]);
  }
  line(g, path(all), colours.dream, 2.2);
  line(g, [[0, base], [width, base]], colours.muted, 1);
  g.globalAlpha = 0.5;
  samples.forEach((x) => line(g, [[at(x), base + 5], [at(x), base + 17]], colours.dream, 1.4));
  g.globalAlpha = 1;
  line(g, [[at(came), 14], [at(came), base + 19]], colours.real, 2.2);
  g.fillStyle = colours.real;
  const right = at(came) > width * 0.7;
  g.textAlign = right ? "right" : "left";
  g.fillText("what came", at(came) + (right ? -6 : 6), 14);
  g.fillStyle = colours.muted;
  g.textAlign = "center";
  for (let x = Math.ceil(low + 0.1); x <= high - 0.1; x++)
    g.fillText(String(x).replace("-", "−"), at(x), height - 6);
}

/**
 * The real value over the episode, and where M expected it: mean and one standard deviation.
 * @param {CanvasRenderingContext2D} g
 * @param {number} width
 * @param {number} height
 * @param {import("./canvas.js").Colours} colours
 * @param {{real: number[], said: import("./mixture.js").Mixture[], step: number, range: number[]}} what
 */
export function drawTrace(g, width, height, colours, { real, said, step, range: [low, high] }) {
  const x = (/** @type {number} */ t) => (t / (real.length - 1)) * width;
  const y = (/** @type {number} */ value) => ((high - value) / (high - low)) * height;
  const moments = said.map(({ logpi, mu, logstd }) => {
    const weights = logpi.map(Math.exp);
    const mean = weights.reduce((sum, w, i) => sum + w * mu[i], 0);
    const square = weights.reduce((sum, w, i) => sum + w * (mu[i] ** 2 + Math.exp(2 * logstd[i])), 0);
    return [mean, Math.sqrt(square - mean ** 2)];
  });
  g.fillStyle = colours.dream;
  g.globalAlpha = 0.22;
  g.beginPath();
  moments.forEach(([mean, std], t) => g.lineTo(x(t + 1), y(mean + std)));
  [...moments.entries()].reverse().forEach(([t, [mean, std]]) => g.lineTo(x(t + 1), y(mean - std)));
  g.fill();
  g.globalAlpha = 1;
  line(g, real.map((value, t) => [x(t), y(value)]), colours.real, 1.6);
  line(g, [[x(step + 1), 0], [x(step + 1), height]], colours.ink, 1.2);
}
