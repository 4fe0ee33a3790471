// The picture of a dream with its frame: who acts, what is being loaded, a button to begin.
import { whenWanted } from "./agent.js";
import { make } from "./controls.js";
import { paint, SIDE } from "./vision.js";

/**
 * @typedef {{el: HTMLElement, show: (picture: Float32Array) => void, actor: (text: string,
 *   you: boolean) => void, say: (text: string) => void, begin: (text: string, start: () => Promise<boolean>) => () => void}} Stage
 */

/**
 * A stage; `label` describes it to those who do not see it. With `focus` it takes keys and touch;
 * a link to its `id` gives it the focus.
 * @param {{label: string, still: string, focus: boolean, id?: string}} options `still` is shown at first
 * @returns {Stage}
 */
export function makeStage({ label, still, focus, id }) {
  const canvas = make("canvas", { class: "wm-pixels", width: SIDE, height: SIDE });
  const badge = make("span", { class: "wm-actor" }), line = make("span", { class: "wm-line", role: "status" });
  const cover = make("div", { class: "wm-cover" });
  const el = make("div", { class: "wm-stage", role: focus ? "application" : "img",
    "aria-label": label, tabindex: focus ? 0 : null, id: id ?? null }, canvas, badge, line, cover);
  if (focus) el.addEventListener("pointerdown", () => el.focus({ preventScroll: true }));
  if (still) {
    const image = new Image();
    image.onload = () => canvas.getContext("2d").drawImage(image, 0, 0, SIDE, SIDE);
    image.src = still;
  }
  return {
    el,
    show: (picture) => paint(canvas, picture),
    actor(text, you) {
      if (badge.textContent !== text) badge.textContent = text;
      el.classList.toggle("wm-you", you);
    },
    say: (text) => { if (line.textContent !== text) line.textContent = text; },
    begin: (text, start) => whenWanted(el, cover, text, start),
  };
}

/**
 * The address of a widget's still picture: its first <img>, on the page or in its trait.
 * @param {any} model
 * @param {HTMLElement} el
 * @returns {string}
 */
export function stillOf(model, el) {
  const onPage = el.closest(".wm-place")?.querySelector("img");
  if (onPage) return onPage.src;
  const text = model.get("still") ?? "";
  return new DOMParser().parseFromString(text, "text/html").querySelector("img")?.src ?? "";
}
