// The trace under the three pictures: how far dream and game are apart, when M was woken, and when
// the two parted.
import { makeSurface } from "./canvas.js";
import { drawAxes, drawDot, drawText } from "./chart.js";
import { line } from "./gauges.js";
import { make } from "./controls.js";

const SHOWN = 400; // steps: eight seconds
const STEPS_A_SECOND = 50;
const MOST_APART = 30; // of 255, at the upper edge
const ROOM = 72; // pixels for the names at the right
const NAME = 52; // for that of a waking

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
    label: "The difference between game and dream over the last eight seconds, when M was woken, and when the two parted",
    ratio: matchMedia("(max-width: 600px)").matches ? 2.4 : 4.2,
    draw(g, width, height, colours) {
      const last = moments.length ? moments[moments.length - 1].step : 0;
      const from = Math.max(last, SHOWN) - SHOWN, box = { x: 26, y: 6, w: width - 26 - ROOM, h: height - 28 };
      const seconds = Array.from({ length: 5 }, (_, i) => 2 * (Math.ceil(from / STEPS_A_SECOND / 2) + i));
      const { x, y: up } = drawAxes(g, box,
        { from, to: from + SHOWN, ticks: seconds.map((s) => s * STEPS_A_SECOND).filter((step) => step <= from + SHOWN),
          name: "", show: (step) => `${step / STEPS_A_SECOND} s` },
        { from: 0, to: MOST_APART, ticks: [0, 10, 20, 30], name: "" }, colours);
      const y = (/** @type {number} */ apart) => up(Math.min(apart, MOST_APART)), right = box.x + box.w;
      line(g, [[box.x, y(unrelated)], [right, y(unrelated)]], colours.muted, 1.6);
      drawText(g, "unrelated", right + 5, y(unrelated) - 1, colours, { size: 12 });
      drawText(g, "pictures", right + 5, y(unrelated) + 12, colours, { size: 12 });
      const wakings = moments.filter((moment) => moment.woken).map(({ step }) => x(step));
      wakings.forEach((at) => line(g, [[at, box.y], [at, box.y + box.h]], colours.line, 2));
      const wide = wakings.filter((at, i) => (wakings[i + 1] ?? right) - at > NAME);
      const named = { size: 12, halo: colours.card };
      wide.forEach((at) => drawText(g, "M woken", at + 5, box.y + 12, colours, named));
      if (wakings.length && !wide.length) // they stand close: the last one's name lies over the others
        drawText(g, "M woken", wakings[wakings.length - 1] - 5, box.y + 12, colours, { ...named, align: "right" });
      for (const piece of pieces(moments))
        line(g, piece.map(({ step, apart }) => [x(step), y(apart)]), colours.dream, 2);
      for (const { step, apart } of moments.filter((moment) => moment.parted))
        drawDot(g, x(step), y(apart), 4.5, { fill: colours.ink });
      const key = y(unrelated) > box.y + 34 ? box.y + 8 : box.y + box.h - 4;
      drawDot(g, right + 10, key, 4.5, { fill: colours.ink });
      drawText(g, "they part", right + 18, key + 4, colours, { size: 12 });
    },
  });
  const title = make("span", {}, "Difference between game and dream");
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
