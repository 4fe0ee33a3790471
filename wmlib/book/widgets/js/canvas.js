// Canvases that are sharp on every screen and follow the page's light or dark colours.
import { make } from "./controls.js";

/**
 * A drawing surface. `draw(context, width, height, colours)` is called in CSS pixels whenever the
 * size or the theme changes, and on `redraw()`.
 * @param {{label: string, ratio: number, draw: (g: CanvasRenderingContext2D, w: number, h: number,
 *   colours: Colours) => void}} options `ratio` is width / height; `label` is read aloud
 * @returns {{el: HTMLCanvasElement, redraw: () => void, stop: () => void}}
 */
export function makeSurface({ label, ratio, draw }) {
  const el = make("canvas", { role: "img", "aria-label": label, class: "wm-surface" });
  el.style.aspectRatio = String(ratio);
  let drawnAt = "";
  const redraw = () => {
    const width = el.clientWidth, height = width / ratio, scale = window.devicePixelRatio || 1;
    if (!width) return;
    if (drawnAt !== `${width} ${scale}`) {
      el.width = Math.round(width * scale);
      el.height = Math.round(height * scale);
      drawnAt = `${width} ${scale}`;
    }
    const g = el.getContext("2d");
    g.setTransform(scale, 0, 0, scale, 0, 0);
    g.clearRect(0, 0, width, height);
    draw(g, width, height, coloursOf(el));
  };
  const size = new ResizeObserver(redraw);
  size.observe(el);
  const unwatch = onTheme(redraw);
  return { el, redraw, stop: () => { size.disconnect(); unwatch(); } };
}

/**
 * @typedef {{ink: string, paper: string, card: string, line: string, muted: string, real: string,
 *   dream: string, font: string}} Colours
 */

/**
 * The page's colours as they are now: blue is real, orange is dreamed, nothing else has a colour.
 * @param {Element} element any element inside a widget
 * @returns {Colours}
 */
export function coloursOf(element) {
  const style = getComputedStyle(element);
  const pick = (/** @type {string} */ name) => style.getPropertyValue(`--live-${name}`).trim();
  return { ink: pick("ink"), paper: pick("paper"), card: pick("card"), line: pick("line"),
    muted: pick("muted"), real: pick("real"), dream: pick("dream"), font: style.fontFamily };
}

/**
 * Call `listener` when the page turns light or dark; returns what stops it.
 * @param {() => void} listener
 * @returns {() => void}
 */
export function onTheme(listener) {
  const watcher = new MutationObserver(listener);
  for (const element of [document.documentElement, document.body])
    watcher.observe(element, { attributes: true,
      attributeFilter: ["data-theme", "data-jp-theme-light", "theme", "class"] });
  return () => watcher.disconnect();
}
