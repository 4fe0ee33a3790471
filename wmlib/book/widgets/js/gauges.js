// Gauges beside a dream: the risk that M predicts, and what the car's pedals and wheel do.
import { makeSurface } from "./canvas.js";
import { strokePath } from "./chart.js";
import { make, shown } from "./controls.js";

const LOW = -10, HIGH = 1; // log-odds at the ends of the risk's scale
const REMEMBERED = 175; // steps of the trace: five seconds of Doom

/**
 * A gauge is told of every step and draws once a frame.
 * @typedef {{el: HTMLElement, add: (action: number[], logit: number | null) => void,
 *   clear: () => void, redraw: () => void, stop: () => void}} Gauge
 */

/**
 * A probability in words, exact where it is small.
 * @param {number} logit
 */
export function showRisk(logit) {
  const percent = 100 / (1 + Math.exp(-logit));
  return percent < 0.1 ? "< 0.1 %" : `${percent < 10 ? percent.toFixed(1) : Math.round(percent)} %`;
}

/**
 * The risk of death: a bar now and a trace of the last steps, on a scale of log-odds, with a line
 * where M ends the dream.
 * @returns {Gauge & {endsAt: (logit: number) => void}} `endsAt` says where M ends the dream
 */
export function makeRisk() {
  /** @type {number[]} log-odds */
  let logits = [];
  let end = 0;
  const value = make("span", { class: "wm-numbers" }, "–");
  const up = (/** @type {number} */ logit) => Math.min(1, Math.max(0, (logit - LOW) / (HIGH - LOW)));
  const surface = makeSurface({
    label: "The risk of death over the last five seconds",
    ratio: 3.2,
    draw(g, width, height, colours) {
      const bar = 14, right = width - bar - 8, top = (/** @type {number} */ x) => height - 1 - x * (height - 2);
      const bound = top(up(end));
      g.font = `12px ${colours.font}`;
      g.fillStyle = colours.muted;
      g.fillText(`${showRisk(end)}: M ends the dream`, 4, bound - 4);
      g.fillText("0.1 %", 4, top(up(-6.9)) - 4);
      g.strokeStyle = colours.line;
      g.strokeRect(0.5, 0.5, right - 1, height - 1);
      g.strokeRect(right + 8.5, 0.5, bar - 1, height - 1);
      line(g, [[0, top(up(-6.9))], [right, top(up(-6.9))]], colours.line, 1);
      line(g, [[0, bound], [width, bound]], colours.muted, 1);
      if (!logits.length) return;
      const now = logits[logits.length - 1];
      g.fillStyle = colours.dream;
      g.fillRect(right + 9, top(up(now)), bar - 2, height - 1 - top(up(now)));
      const from = right - (right * logits.length) / REMEMBERED;
      line(g, logits.map((logit, i) => [from + (right * (i + 1)) / REMEMBERED, top(up(logit))]), colours.dream, 2);
    },
  });
  const head = make("div", { class: "wm-head" }, make("span", {}, "Risk of death, says M"), value);
  return {
    el: make("div", { class: "wm-gauge" }, head, surface.el),
    add(_, logit) {
      logits.push(logit ?? LOW);
      if (logits.length > REMEMBERED) logits.shift();
    },
    endsAt: (logit) => { end = logit; },
    clear: () => { logits = []; },
    redraw() {
      value.textContent = logits.length ? showRisk(logits[logits.length - 1]) : "–";
      surface.redraw();
    },
    stop: surface.stop,
  };
}

/**
 * @param {CanvasRenderingContext2D} g
 * @param {number[][]} points
 * @param {string} colour
 * @param {number} width
 */
export function line(g, points, colour, width) {
  Object.assign(g, { strokeStyle: colour, lineWidth: width });
  strokePath(g, points);
}

/**
 * Steer, gas and brake as bars.
 * @returns {Gauge}
 */
export function makePedals() {
  const rows = ["steer", "gas", "brake"].map((name) => {
    const fill = make("i"), value = make("span", { class: "wm-numbers" }, "0.00");
    const el = make("div", { class: "wm-bar" }, make("span", {}, name), make("b", {}, fill), value);
    return { el, show(/** @type {number} */ amount) {
      const size = 50 * Math.abs(amount), steers = name === "steer";
      fill.style.left = steers ? `${amount < 0 ? 50 - size : 50}%` : "0";
      fill.style.width = `${steers ? size : 2 * size}%`;
      value.textContent = shown(amount, 2);
    } };
  });
  const still = rows.map(() => 0);
  let now = still;
  return {
    el: make("div", { class: "wm-gauge" }, ...rows.map((row) => row.el)),
    add: (action) => { now = action; },
    clear: () => { now = still; },
    redraw: () => rows.forEach((row, i) => row.show(now[i])),
    stop() {},
  };
}
