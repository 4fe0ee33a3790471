// Axes, lines and labels of small charts on a canvas.
import { indexed } from "./controls.js";

/** @typedef {import("./canvas.js").Colours} Colours */
/** @typedef {{from: number, to: number, log?: boolean, ticks: number[], name: string,
 *   show?: (value: number) => string}} Axis */

/**
 * A chart's frame: draws both axes and returns where a point lies.
 * @param {CanvasRenderingContext2D} g
 * @param {{x: number, y: number, w: number, h: number}} box the inside of the axes, in CSS pixels
 * @param {Axis} across
 * @param {Axis} up
 * @param {Colours} colours
 * @returns {{x: (value: number) => number, y: (value: number) => number}}
 */
export function drawAxes(g, box, across, up, colours) {
  const place = (/** @type {Axis} */ axis, /** @type {number} */ v) => axis.log
    ? Math.log(v / axis.from) / Math.log(axis.to / axis.from)
    : (v - axis.from) / (axis.to - axis.from);
  const x = (/** @type {number} */ v) => box.x + box.w * place(across, v);
  const y = (/** @type {number} */ v) => box.y + box.h * (1 - place(up, v));
  g.strokeStyle = colours.line;
  g.lineWidth = 1;
  for (const v of up.ticks) strokePath(g, [[box.x, y(v)], [box.x + box.w, y(v)]]);
  g.strokeStyle = colours.muted;
  strokePath(g, [[box.x, box.y], [box.x, box.y + box.h], [box.x + box.w, box.y + box.h]]);
  for (const v of across.ticks)
    drawText(g, (across.show ?? String)(v), x(v), box.y + box.h + 15, colours, { align: "center" });
  for (const v of up.ticks)
    drawText(g, (up.show ?? String)(v), box.x - 6, y(v) + 4, colours, { align: "right" });
  drawText(g, across.name, box.x + box.w, box.y + box.h + 32, colours, { align: "right" });
  drawText(g, up.name, box.x, box.y - 9, colours, {});
  return { x, y };
}

/**
 * @param {CanvasRenderingContext2D} g
 * @param {number[][]} points pairs of x and y
 */
export function strokePath(g, points) {
  g.beginPath();
  points.forEach(([x, y], i) => (i ? g.lineTo(x, y) : g.moveTo(x, y)));
  g.stroke();
}

/**
 * @param {CanvasRenderingContext2D} g
 * @param {string} text
 * @param {number} x
 * @param {number} y of the base line
 * @param {Colours} colours
 * @param {{align?: CanvasTextAlign, colour?: string, size?: number, bold?: boolean, halo?: string}} style `halo`
 *   is the colour of the ground, where the text lies over lines
 */
export function drawText(g, text, x, y, colours, { align = "left", colour = colours.muted, size = 13, bold = false, halo = "" }) {
  g.font = `${bold ? 600 : 400} ${size}px ${colours.font}`;
  g.fillStyle = colour;
  const pieces = indexed(text);
  if (pieces.length === 1) {
    g.textAlign = align;
    if (halo) {
      Object.assign(g, { strokeStyle: halo, lineWidth: 4, lineJoin: "round" });
      g.strokeText(text, x, y);
    }
    return g.fillText(text, x, y);
  }
  const fonts = [g.font, g.font.replace(`${size}px`, `${Math.round(0.8 * size)}px`)];
  const widths = pieces.map((piece, i) => { g.font = fonts[i % 2]; return g.measureText(piece).width; });
  const whole = widths.reduce((sum, width) => sum + width, 0);
  let at = x - whole * (align === "right" ? 1 : align === "center" ? 0.5 : 0);
  g.textAlign = "left";
  pieces.forEach((piece, i) => {
    g.font = fonts[i % 2];
    g.fillText(piece, at, y + (i % 2) * 0.25 * size);
    at += widths[i];
  });
}

/**
 * What a chart with no curve yet waits for.
 * @param {CanvasRenderingContext2D} g
 * @param {{x: number, y: number, w: number, h: number}} box as in drawAxes
 * @param {string} text
 * @param {Colours} colours
 */
export function drawWaiting(g, box, text, colours) {
  drawText(g, text, box.x + box.w / 2, box.y + box.h / 2 + 5, colours, { align: "center" });
}

/**
 * @param {CanvasRenderingContext2D} g
 * @param {number} x
 * @param {number} y
 * @param {number} radius
 * @param {{fill?: string, stroke?: string}} paint
 */
export function drawDot(g, x, y, radius, { fill, stroke }) {
  g.beginPath();
  g.arc(x, y, radius, 0, 2 * Math.PI);
  if (fill) { g.fillStyle = fill; g.fill(); }
  if (stroke) { g.strokeStyle = stroke; g.stroke(); }
}

/** Numbers as one reads them: 12,400 and 3.1 and 0.042 and 1.7·10⁻¹³. */
export function readable(/** @type {number} */ value) {
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString("en-US");
  const [digits, power = ""] = Number(value.toPrecision(2)).toString().split("e");
  const raised = [...power].map((c) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(c)] ?? "").join("");
  return digits.replace("-", "−") + (power && `·10${raised}`);
}
