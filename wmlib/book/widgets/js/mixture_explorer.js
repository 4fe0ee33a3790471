// The mixture explorer: what M predicts for one dimension of the next z, and what really came.
import { makeSurface } from "./canvas.js";
import { make, makeButton, makeChoice, makeSlider } from "./controls.js";
import { line } from "./gauges.js";
import { makeMemory } from "./memory.js";
import { sampleMixture, temper } from "./mixture.js";
import { breathe, bytesOf, loadNetwork, readNetwork } from "./networks.js";
import { normals, STREAMS, uniforms } from "./noise.js";
import { makeDecoder, paint, SIDE } from "./vision.js";
import { whenNear } from "./agent.js";

const SAMPLES = 80, MARGIN = 0.8, ROOT = Math.sqrt(2 * Math.PI);

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
 * M's predictions along a real episode: M reads the real z and a at every step.
 * @param {import("./memory.js").Memory} memory
 * @param {Float32Array} z all steps, one after the other
 * @param {Float32Array} a
 * @returns {Promise<import("./memory.js").Prediction[]>}
 */
export async function alongEpisode(memory, z, a) {
  const { n_z: nZ, n_a: nA } = memory.facts, said = [];
  let state = memory.initialState();
  for (let t = 0; t < z.length / nZ; t++) {
    const action = Array.from(a.subarray(t * nA, (t + 1) * nA));
    state = memory.advance(z.subarray(t * nZ, (t + 1) * nZ), action, t === 0 ? 1 : 0, state);
    said.push(memory.predict(state));
    if (t % 10 === 9) await breathe();
  }
  return said;
}

/**
 * The part of the axis that is shown: the same at every tau.
 * @param {number[]} values
 */
function rangeOf(values) {
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
function drawDensity(g, width, height, colours, { mixture, tau, samples, came, range: [low, high] }) {
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
function drawTrace(g, width, height, colours, { real, said, step, range: [low, high] }) {
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

/** @param {{model: any, el: HTMLElement}} view */
function renderMixtureExplorer({ model, el }) {
  /** @type {import("./memory.js").Prediction[]} */
  let said = [];
  /** @type {Float32Array} */
  let z = new Float32Array(0);
  let nZ = 1, draws = 0, stopped = false;
  /** @type {((z: ArrayLike<number>) => Float32Array) | undefined} */
  let decode;
  const pictures = ["now", "what came next"].map((title) => {
    const canvas = make("canvas", { class: "wm-pixels wm-frame-real", width: SIDE, height: SIDE, role: "img",
      "aria-label": `${title}: a real frame as V sees it` });
    return { canvas, el: make("div", {}, make("p", {}, title), canvas) };
  });
  const here = () => {
    const step = model.get("step"), dimension = model.get("dimension"), tau = model.get("tau");
    const mixture = oneDimension(said[step], dimension);
    const samples = Array.from({ length: SAMPLES }, (_, i) => sampleMixture(mixture, tau,
      uniforms(draws, i, 1, STREAMS.choice), normals(draws, i, 1, STREAMS.z))[0]);
    return { mixture, tau, samples, came: z[(step + 1) * nZ + dimension], range: rangeOf(values()) };
  };
  /** The dimension's real values over the episode. */
  const values = () => Array.from({ length: z.length / nZ }, (_, t) => z[t * nZ + model.get("dimension")]);
  const plot = makeSurface({ label: "M's mixture for the chosen dimension, its samples, and the value that came",
    ratio: 1.2, draw: (g, w, h, colours) => { if (said.length) drawDensity(g, w, h, colours, here()); } });
  const trace = makeSurface({ label: "the dimension over the episode, and where M expected it", ratio: 6.5,
    draw: (g, w, h, colours) => {
      const dimension = model.get("dimension");
      if (said.length) drawTrace(g, w, h, colours, { step: model.get("step"),
        real: values(), range: rangeOf(values()),
        said: said.slice(0, -1).map((one) => oneDimension(one, dimension)) });
    } });
  const note = make("p", { class: "wm-note", role: "status" }, "…");
  const set = (/** @type {string} */ name) => (/** @type {any} */ value) => {
    model.set(name, Number(value));
    model.save_changes();
  };
  const moment = makeSlider({ label: "moment", min: 0, max: 1, step: 1, value: 0, onInput: set("step") });
  const tau = makeSlider({ label: "τ", min: 0.1, max: 3, step: 0.05, value: model.get("tau"),
    show: (value) => value.toFixed(2), onInput: set("tau") });
  const dimension = makeChoice({ label: "dimension of z", value: String(model.get("dimension")),
    options: model.get("dimensions").map((/** @type {number} */ d) => [String(d), String(d + 1)]),
    onChange: set("dimension") });
  const again = makeButton("Draw again", () => { draws++; plot.redraw(); });

  const tell = () => {
    if (!said.length) return;
    moment.set(model.get("step"));
    tau.set(model.get("tau"));
    dimension.set(String(model.get("dimension")));
    plot.redraw();
    trace.redraw();
    const { mixture, came } = here();
    const weights = Array.from(mixture.logpi, Math.exp).sort((a, b) => b - a).map((w) => w.toFixed(2)).join(", ");
    const surprise = (-Math.log(density(mixture, came))).toFixed(2).replace("-", "−");
    note.textContent = `Weights of the ${mixture.k} Gaussians: ${weights}. Surprise at what came, −log p: ${surprise} `
      + "nats. Orange: M's prediction at this τ, with 80 samples below; dashed: at τ = 1.";
  };
  const picture = () => pictures.forEach(({ canvas }, i) => {
    const at = (model.get("step") + i) * nZ;
    if (decode) paint(canvas, decode(z.subarray(at, at + nZ)));
  });
  const move = () => { picture(); tell(); };
  const names = ["step", "dimension", "tau"];
  names.forEach((name) => model.on(`change:${name}`, name === "step" ? move : tell));

  const start = async () => {
    try {
      note.textContent = "loading M …";
      const networks = model.get("networks");
      const memory = await makeMemory(await loadNetwork(model, networks.memory));
      note.textContent = "loading V's decoder …";
      const decoder = await makeDecoder(await loadNetwork(model, networks.decoder));
      const { arrays } = readNetwork(await bytesOf(model.get("episode")));
      note.textContent = "M reads the episode …";
      const predictions = await alongEpisode(memory, arrays.z.values, arrays.a.values);
      if (stopped) return;
      [said, z, nZ, decode] = [predictions, arrays.z.values, memory.facts.n_z, decoder];
    } catch (error) {
      note.textContent = String(error instanceof Error ? error.message : error);
      return;
    }
    moment.input.max = String(said.length - 2);
    move();
  };
  el.append(make("div", { class: "wm-live wm-mixture" },
    make("div", { class: "wm-moments" }, ...pictures.map((one) => one.el)), plot.el,
    make("div", {}, trace.el, make("div", { class: "wm-row" }, moment.el, tau.el),
      make("div", { class: "wm-row" }, dimension.el, again), note)));
  const callOff = whenNear(el, start);
  return () => {
    stopped = true;
    [callOff, plot.stop, trace.stop].forEach((end) => end());
    names.forEach((name) => model.off(`change:${name}`, name === "step" ? move : tell));
  };
}

const mixtureExplorer = { render: renderMixtureExplorer };
export default mixtureExplorer;
