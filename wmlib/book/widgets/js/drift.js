// The trace under the three pictures: how far dream and game are apart, when M was woken, and when
// the two parted.
import { makeSurface } from "./canvas.js";
import { line } from "./gauges.js";
import { make } from "./controls.js";

const SHOWN = 400; // steps: eight seconds
const MOST_APART = 30; // of 255, at the upper edge

/**
 * @typedef {{step: number, apart: number, woken: boolean, parted: boolean}} Moment
 */

/**
 * The trace; `unrelated` is the level at which dream and game have parted.
 * @param {number} unrelated
 * @returns {{el: HTMLElement, add: (moment: Moment) => void, clear: () => void, redraw: () => void,
 *   stop: () => void}}
 */
export function makeDrift(unrelated) {
  /** @type {Moment[]} */
  let moments = [];
  const value = make("span", { class: "wm-numbers wm-nowrap" }, "–");
  const surface = makeSurface({
    label: "How far the dream and the game are apart, over the last eight seconds",
    ratio: 4.8,
    draw(g, width, height, colours) {
      const last = moments.length ? moments[moments.length - 1].step : 0;
      const right = Math.max(last, SHOWN);
      const x = (/** @type {number} */ step) => width * (1 - (right - step) / SHOWN);
      const y = (/** @type {number} */ apart) => height - 2 - (height - 4) * Math.min(1, apart / MOST_APART);
      g.strokeStyle = colours.line;
      g.strokeRect(0.5, 0.5, width - 1, height - 1);
      line(g, [[0, y(unrelated)], [width, y(unrelated)]], colours.muted, 1);
      for (const { step } of moments.filter((moment) => moment.woken))
        line(g, [[x(step), 1], [x(step), height - 1]], colours.line, 2);
      for (const piece of pieces(moments))
        line(g, piece.map(({ step, apart }) => [x(step), y(apart)]), colours.dream, 2);
      for (const { step, apart } of moments.filter((moment) => moment.parted)) {
        g.fillStyle = colours.ink;
        g.beginPath();
        g.arc(x(step), y(apart), 4.5, 0, 2 * Math.PI);
        g.fill();
      }
    },
  });
  const title = make("span", {}, "How far apart they are · line: 3 of 4 unrelated pairs are further · ● they part");
  return {
    el: make("div", { class: "wm-gauge" }, make("div", { class: "wm-head wm-legend" }, title, value), surface.el),
    add(moment) {
      moments.push(moment);
      moments = moments.filter(({ step }) => step > moment.step - SHOWN);
    },
    clear: () => { moments = []; },
    redraw() {
      value.textContent = moments.length ? `${moments[moments.length - 1].apart.toFixed(1)} of 255` : "–";
      surface.redraw();
    },
    stop: surface.stop,
  };
}

/**
 * The trace between one waking and the next.
 * @param {Moment[]} moments
 */
function pieces(moments) {
  /** @type {Moment[][]} */
  const all = [[]];
  for (const moment of moments) {
    if (moment.woken) all.push([]);
    all[all.length - 1].push(moment);
  }
  return all;
}
