// The pendulum lab's pictures: two pendulums, their heights, and what a search gets.
import { drawAxes, drawDot, drawText, drawWaiting, strokePath } from "./chart.js";
import { shown } from "./controls.js";
import { LAST_STEPS } from "./two_pendulums.js";

/** @typedef {import("./canvas.js").Colours} Colours */

/**
 * One pendulum. The dream's is drawn as M says, so its rod need not have the right length.
 * @param {CanvasRenderingContext2D} g
 * @param {number} w
 * @param {Colours} colours
 * @param {"real" | "dream"} kind
 * @param {ArrayLike<number>} z cos, sin, half the velocity
 * @param {number} torque
 * @param {number | null} reward per step so far
 */
export function drawPendulum(g, w, colours, kind, z, torque, reward) {
  const x = w / 2, y = w / 2 + 10, length = 0.36 * w;
  const bob = { x: x - length * z[1], y: y - length * z[0] };
  g.strokeStyle = colours.line;
  g.lineWidth = 1;
  drawDot(g, x, y, length, { stroke: colours.line });
  g.strokeStyle = colours[kind];
  g.lineCap = "round";
  g.lineWidth = 7;
  strokePath(g, [[x, y], [bob.x, bob.y]]);
  drawDot(g, bob.x, bob.y, 0.055 * w, { fill: colours[kind] });
  drawDot(g, x, y, 4, { fill: colours.ink });
  if (Math.abs(torque) > 0.05) drawTorque(g, x, y, 0.13 * w, torque, colours);
  g.lineCap = "butt";
  const name = { colour: colours.ink, bold: true, size: 14 }; // orange letters would be too pale
  drawText(g, kind === "real" ? "real" : "dream of M", 0, 15, colours, name);
  if (reward !== null)
    drawText(g, `${shown(reward, 1)} a step`, 0, 32, colours, {});
}

/** An arc around the pivot, as long as the torque is strong; counter-clockwise is positive. */
function drawTorque(/** @type {CanvasRenderingContext2D} */ g, /** @type {number} */ x, /** @type {number} */ y,
  /** @type {number} */ radius, /** @type {number} */ torque, /** @type {Colours} */ colours) {
  const end = Math.PI / 2 - torque * 0.6, tip = { x: x + radius * Math.cos(end), y: y + radius * Math.sin(end) };
  g.strokeStyle = colours.ink;
  g.lineWidth = 2;
  g.beginPath();
  g.arc(x, y, radius, Math.PI / 2, end, torque > 0);
  g.stroke();
  const along = end + (torque > 0 ? -Math.PI / 2 : Math.PI / 2);
  for (const side of [2.5, -2.5])
    strokePath(g, [[tip.x, tip.y], [tip.x + 7 * Math.cos(along + side), tip.y + 7 * Math.sin(along + side)]]);
}

/**
 * The heights (cosines) of the last ten seconds.
 * @param {CanvasRenderingContext2D} g
 * @param {number} w
 * @param {number} h
 * @param {Colours} colours
 * @param {{real: number[], dream: number[]}} heights the last LAST_STEPS
 * @param {number} steps since they hung
 */
export function drawHeights(g, w, h, colours, heights, steps) {
  const box = { x: 58, y: 10, w: w - 74, h: h - 36 };
  const from = Math.max(0, steps - LAST_STEPS), ticks = [0, 1, 2, 3, 4].map((k) => 50 * (Math.ceil(from / 50) + k));
  const at = drawAxes(g, box,
    { from, to: from + LAST_STEPS, ticks: ticks.filter((tick) => tick <= from + LAST_STEPS), name: "" },
    { from: -1.2, to: 1.2, ticks: [-1, 1], name: "", show: (v) => (v > 0 ? "up" : "hanging") }, colours);
  drawText(g, "step", box.x + box.w - 22, box.y + box.h - 6, colours, { align: "right" });
  for (const kind of /** @type {("real" | "dream")[]} */ (["real", "dream"])) {
    g.strokeStyle = colours[kind];
    g.lineWidth = 2;
    strokePath(g, heights[kind].map((v, i) => [at.x(from + i), at.y(Math.min(Math.max(v, -1.2), 1.2))]));
  }
}

/**
 * Reward per step of the cloud's mean, generation by generation, dreamed and real.
 * @param {CanvasRenderingContext2D} g
 * @param {number} w
 * @param {number} h
 * @param {Colours} colours
 * @param {import("./dream_evolution.js").GenerationRow[]} rows
 * @param {number} generations
 */
export function drawReturns(g, w, h, colours, rows, generations) {
  const box = { x: 34, y: 26, w: w - 92, h: h - 68 };
  const at = drawAxes(g, box,
    { from: 0, to: generations, ticks: [0, 10, 20, 30, 40, 50], name: "generation" },
    { from: -12, to: 0, ticks: [-10, -5, 0], name: "reward per step of the evolved C",
      show: (v) => String(v).replace("-", "−") }, colours);
  if (!rows.length) drawWaiting(g, box, "a point for each generation", colours);
  const ends = [];
  for (const kind of /** @type {("real" | "dream")[]} */ (["real", "dream"])) {
    const line = rows.map((row) => [at.x(row.generation), at.y(Math.max(row[kind], -12))]);
    g.strokeStyle = colours[kind];
    g.lineWidth = 2;
    strokePath(g, line);
    if (line.length) {
      const [x, y] = line[line.length - 1];
      drawDot(g, x, y, 3.5, { fill: colours[kind] });
      ends.push({ kind, x, y: y + 4 });
    }
  }
  ends.sort((a, b) => a.y - b.y);
  if (ends.length === 2) ends[1].y = Math.max(ends[1].y, ends[0].y + 15);
  for (const { kind, x, y } of ends) {
    drawDot(g, x + 13, y - 4, 3.5, { fill: colours[kind] });
    drawText(g, kind === "real" ? "game" : "dream", x + 21, y, colours, { colour: colours.ink });
  }
}
