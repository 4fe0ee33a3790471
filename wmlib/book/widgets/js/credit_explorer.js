// Chapter 2: what a late bell costs. Estimates of the gradient around the true one, and the price.
import { make, makeButton, makeSlider, nearest } from "./controls.js";
import { makeSurface } from "./canvas.js";
import { drawAxes, drawDot, drawText, readable, strokePath } from "./chart.js";
import { Chance } from "./chance.js";
import { evolutionWorth, reinforceEstimate, reinforceWorth } from "./credit.js";

const DELAYS = [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];
const SIZES = [4, 8, 16, 32, 64, 128, 256, 512, 1024];
const COUNTS = [1, 10, 100, 1000, 10000, 100000];
const SHOWN_ESTIMATES = 40;

/** The sliders of the three numbers; each sets its trait. */
function creditSliders(/** @type {any} */ model) {
  const choice = (/** @type {string} */ trait, /** @type {string} */ label, /** @type {number[]} */ list) => {
    const slider = makeSlider({ label, min: 0, max: list.length - 1, step: 1,
      value: nearest(list, model.get(trait)), show: (i) => list[i].toLocaleString("en-US"),
      onInput: (i) => { model.set(trait, list[i]); model.save_changes(); } });
    return { el: slider.el, follow: () => slider.set(nearest(list, model.get(trait)), model.get(trait).toLocaleString("en-US")) };
  };
  return [choice("delay", "delay T", DELAYS), choice("parameters", "parameters D", SIZES),
    choice("episodes", "episodes averaged N", COUNTS)];
}

/**
 * Traits: `delay` T, `parameters` D, `episodes` N (all set by the sliders), and what follows from
 * them: `price` (episodes for one useful step of REINFORCE), `price_evolution`.
 * @param {{model: any, el: HTMLElement}} view
 */
function renderCreditExplorer({ model, el }) {
  let seed = 1;
  const sliders = creditSliders(model);
  const fan = makeSurface({ ratio: 1.5, label: "Estimates of the gradient as arrows around the true gradient",
    draw: (g, w, h, colours) => drawFan(g, w, h, colours, model, seed) });
  const prices = makeSurface({ ratio: 1.5, label: "The price of one useful step against the delay",
    draw: (g, w, h, colours) => drawPrices(g, w, h, colours, model) });
  const note = make("p", { class: "wm-note wm-numbers", role: "status" });
  const update = () => {
    const N = model.get("episodes"), D = model.get("parameters");
    const bell = reinforceWorth(model.get("delay"), D).price, evolution = evolutionWorth(D).price;
    model.set("price", bell);
    model.set("price_evolution", evolution);
    model.save_changes();
    note.textContent = `One useful step costs REINFORCE ${readable(bell)} episodes and evolution ` +
      `${readable(evolution)}. With N = ${N.toLocaleString("en-US")} the signal is ` +
      `${readable(N / bell)} times the noise.`;
    for (const slider of sliders) slider.follow();
    fan.redraw();
    prices.redraw();
  };
  const again = makeButton("Draw again", () => { seed += 1; fan.redraw(); }, "Other episodes, other estimates");
  const watched = ["change:delay", "change:parameters", "change:episodes"];
  for (const event of watched) model.on(event, update);
  el.append(make("div", { class: "wm-live" },
    make("div", { class: "wm-row" }, ...sliders.map((slider) => slider.el), again),
    make("div", { class: "wm-pair" }, fan.el, prices.el), note));
  update();
  return () => {
    for (const event of watched) model.off(event, update);
    fan.stop();
    prices.stop();
  };
}

/** @typedef {import("./canvas.js").Colours} Colours */

/** Each estimate as an arrow: its length, and its angle to the true gradient, which points right. */
function drawFan(/** @type {CanvasRenderingContext2D} */ g, /** @type {number} */ w, /** @type {number} */ h,
  /** @type {Colours} */ colours, /** @type {any} */ model, /** @type {number} */ seed) {
  const chance = new Chance(seed);
  const estimates = Array.from({ length: SHOWN_ESTIMATES }, () => reinforceEstimate(
    model.get("delay"), model.get("parameters"), model.get("episodes"), chance));
  const longest = Math.max(1, ...estimates.map(({ along, across }) => Math.hypot(along, across)));
  const x = w / 2, y = h - 24, radius = Math.min(w / 2 - 8, h - 68), scale = radius / longest;
  g.strokeStyle = colours.line;
  g.lineWidth = 1;
  strokePath(g, [[x - radius, y], [x + radius, y]]);
  strokePath(g, [[x, y], [x, y - radius - 4]]);
  g.strokeStyle = colours.muted;
  g.globalAlpha = 0.75;
  for (const { along, across } of estimates) {
    strokePath(g, [[x, y], [x + along * scale, y - across * scale]]);
    drawDot(g, x + along * scale, y - across * scale, 2, { fill: colours.muted });
  }
  g.globalAlpha = 1;
  g.strokeStyle = colours.ink;
  g.lineWidth = 3.5;
  strokePath(g, [[x, y], [x + scale, y]]);
  drawDot(g, x + scale, y, 4, { fill: colours.ink });
  drawText(g, `${SHOWN_ESTIMATES} estimates: length, and angle to the truth`, 0, 14, colours, {});
  drawText(g, "90°: tells nothing", x, y - radius - 12, colours, { align: "center" });
  drawText(g, "true gradient", x, y + 18, colours, { colour: colours.ink });
}

/** The price against the delay, for the D chosen: REINFORCE rises, evolution does not. */
function drawPrices(/** @type {CanvasRenderingContext2D} */ g, /** @type {number} */ w, /** @type {number} */ h,
  /** @type {Colours} */ colours, /** @type {any} */ model) {
  const D = model.get("parameters"), T = model.get("delay"), evolution = evolutionWorth(D).price;
  const box = { x: 46, y: 24, w: w - 68, h: h - 66 };
  const at = drawAxes(g, box,
    { from: 1, to: 1001, log: true, ticks: [1, 10, 100, 1000], name: "presses T + 1", show: readable },
    { from: 1, to: 1e6, log: true, ticks: [1, 100, 1e4, 1e6], name: "episodes for one useful step",
      show: (v) => ({ 1: "1", 100: "100", 1e4: "10⁴", 1e6: "10⁶" })[v] ?? "" }, colours);
  g.strokeStyle = colours.ink;
  g.lineWidth = 2;
  strokePath(g, DELAYS.map((t) => [at.x(t + 1), at.y(reinforceWorth(t, D).price)]));
  g.setLineDash([6, 4]);
  strokePath(g, [[box.x, at.y(evolution)], [box.x + box.w, at.y(evolution)]]);
  g.setLineDash([]);
  drawDot(g, at.x(T + 1), at.y(reinforceWorth(T, D).price), 5, { fill: colours.ink });
  const bellLeft = at.y(reinforceWorth(0, D).price);
  const dash = at.y(evolution);
  drawText(g, "evolution", box.x + 8, dash < box.y + 18 ? dash + 16 : dash - 6, colours, { colour: colours.ink });
  const below = bellLeft + 18 < box.y + box.h;
  drawText(g, "REINFORCE", box.x + (below ? 24 : 60), below ? bellLeft + 14 : box.y + box.h - 8, colours,
    { colour: colours.ink });
}

const credit_explorer = { render: renderCreditExplorer };
export default credit_explorer;
