// Drawings of a one-dimensional mixture: its density at a moment, and its course over an episode.
import { drawAxes, drawText } from "./chart.js";
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
 * @param {{name: string, mixture: import("./mixture.js").Mixture, tau: number, samples: number[], came: number,
 *   range: number[]}} what
 */
export function drawDensity(g, width, height, colours, { name, mixture, tau, samples, came, range: [low, high] }) {
  const base = height - 60, at = (/** @type {number} */ x) => ((x - low) / (high - low)) * width;
  const tempered = temper(mixture, tau);
  const xs = Array.from({ length: 401 }, (_, i) => low + ((high - low) * i) / 400);
  const all = xs.map((x) => density(tempered, x)), plain = xs.map((x) => density(mixture, x));
  const top = Math.max(0.6, ...all, ...plain) * 1.12, up = (/** @type {number} */ y) => base - (y / top) * (base - 18);
  const path = (/** @type {number[]} */ ys) => ys.map((y, i) => [at(xs[i]), up(y)]);
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
  nameCursor(g, "what came", at(came), width, 14, colours, colours.real);
  for (let x = Math.ceil(low + 0.1); x <= high - 0.1; x++)
    drawText(g, String(x).replace("-", "−"), at(x), base + 35, colours, { align: "center" });
  drawText(g, `the next value of ${name}`, width, height - 7, colours, { align: "right" });
}

/**
 * A name beside an upright line, on the side that has room.
 * @param {CanvasRenderingContext2D} g
 * @param {string} text
 * @param {number} x of the line
 * @param {number} width of the drawing
 * @param {number} y
 * @param {import("./canvas.js").Colours} colours
 * @param {string} colour
 */
function nameCursor(g, text, x, width, y, colours, colour) {
  const right = x > width * 0.7;
  drawText(g, text, x + (right ? -6 : 6), y, colours, { align: right ? "right" : "left", colour });
}

/**
 * The real value over the episode, and where M expected it: mean and one standard deviation.
 * @param {CanvasRenderingContext2D} g
 * @param {number} width
 * @param {number} height
 * @param {import("./canvas.js").Colours} colours
 * @param {{name: string, real: number[], said: import("./mixture.js").Mixture[], step: number, range: number[]}} what
 */
export function drawTrace(g, width, height, colours, { name, real, said, step, range: [low, high] }) {
  const box = { x: 30, y: 20, w: width - 34, h: height - 58 };
  const even = Array.from({ length: 21 }, (_, i) => 2 * i - 20).filter((value) => value > low && value < high);
  const steps = real.map((_, t) => t).filter((t) => t % 50 === 0);
  const { x, y } = drawAxes(g, box,
    { from: 0, to: real.length - 1, ticks: steps, name: "step of the episode" },
    { from: low, to: high, ticks: even, name: "", show: (value) => String(value).replace("-", "−") }, colours);
  drawText(g, name, 0, 13, colours, {});
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
  line(g, [[x(step + 1), 2], [x(step + 1), box.y + box.h]], colours.ink, 1.2);
  nameCursor(g, "what came", x(step + 1), width, 13, colours, colours.ink);
}
