// Chapter 6: CMA-ES at work on a landscape over two parameters, one generation at a time.
import { make, makeButton, makeChoice, makeSlider, nearest, shown } from "./controls.js";
import { makeSurface } from "./canvas.js";
import { makeClock } from "./clock.js";
import { drawAxes, drawDot, drawWaiting, readable, strokePath } from "./chart.js";
import { Chance } from "./chance.js";
import { CmaEs } from "./cma.js";
import { symmetricEigen } from "./eigen.js";
import { LANDSCAPES } from "./landscapes.js";
import { tell } from "./traits.js";

const WIDTHS = [0.02, 0.05, 0.1, 0.2, 0.4, 0.7, 1.0, 1.5];
const LONGEST_SEARCH = 300;
const SMALLEST_COST = 1e-14;
const RESTARTS = ["change:landscape", "change:sigma0", "change:population", "change:seed"];

/** @typedef {import("./canvas.js").Colours} Colours */
/** @typedef {import("./landscapes.js").Landscape} Landscape */
/** @typedef {{es: CmaEs, points: Float64Array[], costs: number[], means: number[][], best: number[]}} Search */

/** The widget: a landscape, a search on it, and its controls. */
class EvolutionView {
  /** @param {any} model */
  constructor(model) {
    this.model = model;
    this.makePictures();
    this.makeControls();
    this.root = make("div", { class: "wm-live" },
      make("div", { class: "wm-row" }, this.choice.el, this.width.el, this.size.el),
      make("div", { class: "wm-row" }, this.one, this.runner, this.again),
      make("div", { class: "wm-pair" }, this.surface.el, this.curve.el), this.note, this.tells);
    this.clock = makeClock({ el: this.root, rate: () => 4, playing: false,
      step: () => this.step(), draw: () => this.show() });
    this.listener = () => this.restart();
    for (const event of RESTARTS) model.on(event, this.listener);
    this.restart();
  }

  get landscape() {
    return LANDSCAPES[this.model.get("landscape")];
  }

  makePictures() {
    const narrow = matchMedia("(max-width: 600px)").matches;
    this.surface = makeSurface({ ratio: 1,
      label: "The landscape, the candidates, and the ellipse they are drawn from",
      draw: (g, w, h, colours) => drawSearch(g, w, colours, this.landscape, this.search) });
    this.curve = makeSurface({ ratio: narrow ? 1.7 : 1,
      label: "Height of the best candidate, generation by generation",
      draw: (g, w, h, colours) => drawProgress(g, w, h, colours, this.search) });
    this.tells = make("p", { class: "wm-note" });
    this.note = make("p", { class: "wm-note wm-numbers", role: "status" });
  }

  makeControls() {
    const { model } = this;
    const change = (/** @type {string} */ name, /** @type {any} */ value) => tell(this.model, { [name]: value });
    this.choice = makeChoice({ label: "landscape", value: model.get("landscape"),
      options: Object.entries(LANDSCAPES).map(([key, { name }]) => [key, name]),
      onChange: (v) => change("landscape", v) });
    this.width = makeSlider({ label: "first width σ₀", min: 0, max: WIDTHS.length - 1, step: 1,
      value: nearest(WIDTHS, model.get("sigma0")), show: (i) => String(WIDTHS[i]),
      onInput: (i) => change("sigma0", WIDTHS[i]) });
    this.size = makeSlider({ label: "population P", min: 4, max: 64, step: 1,
      value: model.get("population"), onInput: (v) => change("population", v) });
    this.one = makeButton("Step", () => { this.run(false); this.step(); this.show(); }, "One generation");
    this.runner = makeButton("Run", () => this.run(!this.clock.playing()));
    this.again = makeButton("Restart", () => change("seed", model.get("seed") + 1),
      "From the start, with other random numbers");
  }

  restart() {
    const { model, landscape } = this;
    this.run(false);
    this.search = beginSearch(landscape, model.get("sigma0"), model.get("population"), model.get("seed"));
    this.tells.textContent = landscape.tells;
    this.choice.set(model.get("landscape"));
    const sigma0 = model.get("sigma0"), population = model.get("population");
    this.width.set(nearest(WIDTHS, sigma0), String(sigma0));
    this.size.set(population, String(population));
    this.show();
  }

  run(/** @type {boolean} */ on) {
    if (on) this.clock.play();
    else this.clock.pause();
    this.runner.textContent = this.clock.playing() ? "Pause" : "Run";
    this.note.setAttribute("aria-live", on ? "off" : "polite"); // four times a second is not to be read aloud
  }

  /** One generation, unless the search has arrived. */
  step() {
    const { es, costs, best } = this.search;
    if (es.generation + 1 >= LONGEST_SEARCH || best[best.length - 1] < SMALLEST_COST) return this.run(false);
    es.tell(costs);
    lookAround(this.search, this.landscape);
  }

  show() {
    const { es, best } = this.search, lowest = Math.min(...best);
    const [x, y] = Array.from(es.mean, (v) => shown(v, 2));
    this.note.textContent = `Generation ${es.generation + 1}: step size σ = ${readable(es.sigma)}, mean at ` +
      `(${x}, ${y}), lowest point so far ${readable(lowest)}. ` +
      "Filled: the better half, from which the cloud learns. +: its mean. ×: the lowest point.";
    tell(this.model, { generation: es.generation + 1, sigma: es.sigma, mean: Array.from(es.mean), best: lowest });
    this.surface.redraw();
    this.curve.redraw();
  }

  stop() {
    for (const event of RESTARTS) this.model.off(event, this.listener);
    for (const part of [this.clock, this.surface, this.curve]) part.stop();
  }
}

/**
 * Traits: `landscape`, `sigma0`, `population`, `seed` (a change starts again), and what the search
 * tells: `generation`, `sigma`, `mean`, `best` (the lowest point so far).
 * @param {{model: any, el: HTMLElement}} view
 */
function renderEvolutionExplorer({ model, el }) {
  const view = new EvolutionView(model);
  el.append(view.root);
  return () => view.stop();
}

/** A search whose first generation is drawn and looked at. */
function beginSearch(/** @type {Landscape} */ landscape, /** @type {number} */ sigma,
  /** @type {number} */ population, /** @type {number} */ seed) {
  const es = new CmaEs(landscape.start, sigma, population, new Chance(seed));
  /** @type {Search} */
  const search = { es, points: [], costs: [], means: [], best: [] };
  lookAround(search, landscape);
  return search;
}

/** Draw the candidates of this generation and ask how high each lies. */
function lookAround(/** @type {Search} */ search, /** @type {Landscape} */ landscape) {
  search.points = search.es.ask();
  search.costs = search.points.map((x) => landscape.height(x[0], x[1]));
  search.means.push(Array.from(search.es.mean));
  search.best.push(Math.min(...search.costs));
}

const BANDS = 12, PIXELS = 160, EDGE = { x: -2, y: -1, size: 4 };

/** The landscape in bands, the darker the lower, as an image of the ink's colour. */
function paintLandscape(/** @type {Landscape} */ landscape, /** @type {string} */ ink) {
  const image = document.createElement("canvas");
  image.width = image.height = PIXELS;
  const g = image.getContext("2d");
  const depths = Array.from({ length: PIXELS * PIXELS }, (_, k) => {
    const x = EDGE.x + (EDGE.size * ((k % PIXELS) + 0.5)) / PIXELS;
    const y = EDGE.y + EDGE.size * (1 - (Math.floor(k / PIXELS) + 0.5) / PIXELS);
    return -Math.log(landscape.height(x, y) + 0.02);
  });
  const low = depths.reduce((a, b) => Math.min(a, b)), high = depths.reduce((a, b) => Math.max(a, b));
  g.fillStyle = ink;
  depths.forEach((depth, k) => {
    g.globalAlpha = 0.5 * Math.floor((BANDS * (depth - low)) / (high - low + 1e-9)) / BANDS;
    g.fillRect(k % PIXELS, Math.floor(k / PIXELS), 1, 1);
  });
  return image;
}

/** The last painted landscape: painting again is needed only for another one or another theme. */
const PAINTED = { key: "", image: /** @type {HTMLCanvasElement | null} */ (null) };

function drawSearch(/** @type {CanvasRenderingContext2D} */ g, /** @type {number} */ w, /** @type {Colours} */ colours,
  /** @type {Landscape} */ landscape, /** @type {Search} */ { es, points, costs, means }) {
  const box = { x: 30, y: 26, w: w - 42, h: w - 68 };
  const key = `${landscape.name} ${colours.ink}`;
  if (PAINTED.key !== key) Object.assign(PAINTED, { key, image: paintLandscape(landscape, colours.ink) });
  const at = drawAxes(g, box,
    { from: EDGE.x, to: EDGE.x + EDGE.size, ticks: [-2, -1, 0, 1, 2], name: "first parameter", show: readable },
    { from: EDGE.y, to: EDGE.y + EDGE.size, ticks: [-1, 0, 1, 2, 3], name: "second parameter", show: readable },
    colours);
  g.drawImage(PAINTED.image, box.x, box.y, box.w, box.h);
  g.save();
  g.beginPath();
  g.rect(box.x, box.y, box.w, box.h);
  g.clip();
  g.strokeStyle = colours.ink;
  g.lineWidth = 1;
  g.setLineDash([2, 2]);
  strokePath(g, means.map(([x, y]) => [at.x(x), at.y(y)]));
  g.setLineDash([]);
  g.lineWidth = 2;
  strokePath(g, ellipsePoints(es).map(([x, y]) => [at.x(x), at.y(y)]));
  g.lineWidth = 1.5;
  const worstFirst = costs.map((_, i) => i).sort((i, j) => costs[j] - costs[i]);
  worstFirst.forEach((i, rank) => drawDot(g, at.x(points[i][0]), at.y(points[i][1]), 4,
    { fill: rank >= points.length / 2 ? colours.ink : colours.paper, stroke: colours.ink }));
  drawCross(g, at.x(es.mean[0]), at.y(es.mean[1]), colours);
  drawCross(g, at.x(landscape.best[0]), at.y(landscape.best[1]), colours, true);
  g.restore();
}

/** Two standard deviations around the mean: about 86 % of the cloud. */
function ellipsePoints(/** @type {CmaEs} */ es) {
  const { values, vectors } = symmetricEigen(es.covariance, 2);
  return Array.from({ length: 73 }, (_, k) => {
    const a = (2 * Math.PI * k) / 72;
    const u = 2 * es.sigma * Math.sqrt(values[0]) * Math.cos(a), v = 2 * es.sigma * Math.sqrt(values[1]) * Math.sin(a);
    return [es.mean[0] + vectors[0] * u + vectors[1] * v, es.mean[1] + vectors[2] * u + vectors[3] * v];
  });
}

/** The mean as an upright cross, the lowest point of the landscape as a slanting one. */
function drawCross(/** @type {CanvasRenderingContext2D} */ g, /** @type {number} */ x, /** @type {number} */ y,
  /** @type {Colours} */ colours, slanting = false) {
  const arms = slanting ? [[-5, -5, 5, 5], [-5, 5, 5, -5]] : [[-7, 0, 7, 0], [0, -7, 0, 7]];
  for (const [colour, width] of /** @type {[string, number][]} */ ([[colours.paper, 5], [colours.ink, 2]])) {
    g.strokeStyle = colour;
    g.lineWidth = width;
    for (const [a, b, c, d] of arms) strokePath(g, [[x + a, y + b], [x + c, y + d]]);
  }
}

function drawProgress(/** @type {CanvasRenderingContext2D} */ g, /** @type {number} */ w, /** @type {number} */ h,
  /** @type {Colours} */ colours, /** @type {Search} */ { best }) {
  const box = { x: 46, y: 26, w: w - 62, h: h - 68 };
  const to = best.length <= 60 ? 60 : LONGEST_SEARCH;
  const at = drawAxes(g, box,
    { from: 1, to, ticks: to === 60 ? [1, 20, 40, 60] : [1, 100, 200, 300], name: "generation" },
    { from: 1e-14, to: 100, log: true, ticks: [1e-12, 1e-8, 1e-4, 1], name: "height of the best candidate",
      show: (v) => ({ 1: "1", 1e-4: "10⁻⁴", 1e-8: "10⁻⁸", 1e-12: "10⁻¹²" })[v] ?? "" }, colours);
  if (best.length === 1) drawWaiting(g, box, "a curve, once you step or run", colours);
  g.strokeStyle = colours.ink;
  g.lineWidth = 2;
  const clipped = best.map((v) => Math.min(Math.max(v, 1e-14), 100));
  strokePath(g, clipped.map((v, i) => [at.x(i + 1), at.y(v)]));
  drawDot(g, at.x(best.length), at.y(clipped[best.length - 1]), 4, { fill: colours.ink });
}

const evolution_explorer = { render: renderEvolutionExplorer };
export default evolution_explorer;
