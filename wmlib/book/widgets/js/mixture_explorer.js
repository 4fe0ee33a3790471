// The mixture explorer: what M predicts for one dimension of the next z, and what really came.
import { attempt, whenWanted } from "./agent.js";
import { makeSurface } from "./canvas.js";
import { make, makeButton, makeChoice, makeSlider, shown, subscript } from "./controls.js";
import { makeMemory } from "./memory.js";
import { sampleMixture } from "./mixture.js";
import { density, drawDensity, drawTrace, oneDimension, rangeOf } from "./mixture_plots.js";
import { breathe, bytesOf, loadNetwork, readNetwork } from "./networks.js";
import { normals, STREAMS, uniforms } from "./noise.js";
import { listen, tell } from "./traits.js";
import { makeDecoder, paint, SIDE } from "./vision.js";

const SAMPLES = 80;

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
 * What is known when all is loaded: z of the real episode, and what M said of each next step.
 * @typedef {{z: Float32Array, nZ: number, said: import("./memory.js").Prediction[],
 *   decode: (z: ArrayLike<number>) => Float32Array}} Known
 */

/**
 * Load M and V's decoder, and let M read the episode.
 * @param {any} model
 * @param {(text: string) => void} say
 * @returns {Promise<Known>}
 */
async function readEpisode(model, say) {
  const networks = model.get("networks");
  say("loading M …");
  const memory = await makeMemory(await loadNetwork(model, networks.memory, say));
  say("loading V's decoder …");
  const decode = await makeDecoder(await loadNetwork(model, networks.decoder, say));
  const { arrays: { z, a } } = await readNetwork(await bytesOf(model.get("episode")));
  say("M reads the episode …");
  return { z: z.values, nZ: memory.facts.n_z, decode, said: await alongEpisode(memory, z.values, a.values) };
}

/**
 * The chosen dimension at the chosen moment.
 * @param {any} model
 * @param {Known} known
 * @param {number} seed of the samples
 */
function atMoment(model, { z, nZ, said }, seed) {
  const step = model.get("step"), dimension = model.get("dimension"), tau = model.get("tau");
  const mixture = oneDimension(said[step], dimension);
  const real = Array.from({ length: z.length / nZ }, (_, t) => z[t * nZ + dimension]);
  const samples = Array.from({ length: SAMPLES }, (_, i) => sampleMixture(mixture, tau,
    uniforms(seed, i, 1, STREAMS.choice), normals(seed, i, 1, STREAMS.z))[0]);
  return { name: `z${subscript(dimension + 1)}`, step, mixture, tau, samples, real, came: real[step + 1], range: rangeOf(real),
    said: said.slice(0, -1).map((one) => oneDimension(one, dimension)) };
}

/**
 * Weights and surprise in words.
 * @param {ReturnType<typeof atMoment>} what
 */
function inWords({ mixture, came }) {
  const weights = Array.from(mixture.logpi, Math.exp).sort((a, b) => b - a).map((w) => w.toFixed(2)).join(", ");
  const surprise = shown(-Math.log(density(mixture, came)), 2);
  return `At τ = 1: weights ${weights}; surprise at what came, −log p, ${surprise} nats.`;
}

/** What the curves are; what is dashed is told only where something is. */
function makeKey() {
  const dashed = make("span", {}, " Dashed: M's prediction at τ = 1.");
  const el = make("p", { class: "wm-note" }, `Orange: M's prediction at this τ, a probability density; thin: its Gaussians, `
    + `each times its weight; ticks: ${SAMPLES} samples. Along the episode: what came in blue, what M expected in orange, `
    + "one standard deviation to both sides of its mean.", dashed);
  return { el, show: (/** @type {number} */ tau) => { dashed.style.visibility = tau === 1 ? "hidden" : ""; } };
}

/** The two pictures: the moment and the next one. */
function makeMoments() {
  const pictures = ["now", "what came next"].map((title) => {
    const canvas = make("canvas", { class: "wm-pixels wm-frame-kept", width: SIDE, height: SIDE, role: "img",
      "aria-label": `${title}: a real frame as V sees it` });
    return { canvas, el: make("div", {}, make("p", {}, title), canvas) };
  });
  const show = (/** @type {Known} */ { z, nZ, decode }, /** @type {number} */ step) =>
    pictures.forEach(({ canvas }, i) => paint(canvas, decode(z.subarray((step + i) * nZ, (step + i + 1) * nZ))));
  return { el: make("div", { class: "wm-moments" }, ...pictures.map((one) => one.el)), show };
}

/** @param {any} model */
function makeDials(model) {
  const moment = makeSlider({ label: "moment", min: 0, max: 1, step: 1, value: 0, onInput: (step) => tell(model, { step }) });
  const tau = makeSlider({ label: "τ", min: 0.1, max: 3, step: 0.05, value: model.get("tau"),
    show: (value) => value.toFixed(2), onInput: (value) => tell(model, { tau: value }) });
  const dimension = makeChoice({ label: "dimension of z", value: String(model.get("dimension")),
    options: model.get("dimensions").map((/** @type {number} */ d) => [String(d), String(d + 1)]),
    onChange: (value) => tell(model, { dimension: Number(value) }) });
  const show = () => {
    moment.set(model.get("step"));
    tau.set(model.get("tau"));
    dimension.set(String(model.get("dimension")));
  };
  return { moment, tau, dimension, show };
}

/** @param {{model: any, el: HTMLElement}} view */
function renderMixtureExplorer({ model, el }) {
  /** @type {Known | undefined} */
  let known;
  let seed = 0, stopped = false;
  const moments = makeMoments(), dials = makeDials(model), key = makeKey();
  const narrow = matchMedia("(max-width: 600px)").matches;
  const plot = makeSurface({ label: "M's mixture for the chosen dimension, its samples, and the value that came",
    ratio: narrow ? 1.2 : 1.1, draw: (g, w, h, colours) => { if (known) drawDensity(g, w, h, colours, atMoment(model, known, seed)); } });
  const trace = makeSurface({ label: "the dimension over the episode, and where M expected it", ratio: narrow ? 2.6 : 4.5,
    draw: (g, w, h, colours) => { if (known) drawTrace(g, w, h, colours, atMoment(model, known, seed)); } });
  const note = make("p", { class: "wm-note", role: "status" }, "…");
  const again = makeButton("Draw again", () => { seed++; plot.redraw(); });
  const show = () => {
    key.show(model.get("tau"));
    if (!known) return;
    dials.show();
    [plot, trace].forEach((surface) => surface.redraw());
    note.textContent = inWords(atMoment(model, known, seed));
  };
  const move = () => {
    if (known) moments.show(known, model.get("step"));
    show();
  };
  const stopListening = listen(model, { step: move, dimension: show, tau: show });
  const say = (/** @type {string} */ text) => { note.textContent = text; };
  const start = async () => {
    const read = await attempt(say, () => readEpisode(model, say));
    if (!read) return false;
    if (stopped) return true;
    known = read;
    dials.moment.input.max = String(read.said.length - 2);
    move();
    return true;
  };
  el.append(make("div", { class: "wm-live wm-mixture" }, moments.el, plot.el,
    make("div", {}, trace.el, make("div", { class: "wm-row" }, dials.moment.el, dials.tau.el),
      make("div", { class: "wm-row" }, dials.dimension.el, again), note, key.el)));
  show();
  const callOff = whenWanted(el, note, "Load the episode and M", start);
  return () => {
    stopped = true;
    [callOff, plot.stop, trace.stop, stopListening].forEach((end) => end());
  };
}

const mixtureExplorer = { render: renderMixtureExplorer };
export default mixtureExplorer;
