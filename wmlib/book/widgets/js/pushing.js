// To push something for as long as a key or a button is held.
import { make } from "./controls.js";

/**
 * Listeners that push while an arrow key is held, except where the key moves something else.
 * @param {(way: number) => void} push called with −1, 1, and 0 when it is let go
 */
export function pushKeys(push) {
  const way = (/** @type {KeyboardEvent} */ event) => {
    const taken = event.altKey || event.ctrlKey || event.metaKey; // Alt and ← is the browser's "back"
    if (taken || /** @type {HTMLElement} */ (event.target).matches("select, input")) return 0;
    return { ArrowLeft: -1, ArrowRight: 1 }[event.key] ?? 0;
  };
  return {
    onkeydown: (/** @type {KeyboardEvent} */ event) => {
      if (!way(event)) return;
      event.preventDefault();
      if (!event.repeat) push(way(event));
    },
    onkeyup: (/** @type {KeyboardEvent} */ event) => { if (way(event)) push(0); },
    onfocusout: () => push(0),
  };
}

/**
 * A button that acts as long as it is held, by finger, mouse, or the space and enter keys.
 * @param {string} text
 * @param {() => void} down
 * @param {() => void} up
 * @returns {HTMLButtonElement}
 */
export function holdButton(text, down, up) {
  const isKey = (/** @type {KeyboardEvent} */ event) => event.key === " " || event.key === "Enter";
  return make("button", {
    type: "button",
    class: "wm-button wm-hold",
    onpointerdown: (/** @type {PointerEvent} */ event) => {
      /** @type {HTMLElement} */ (event.currentTarget).setPointerCapture(event.pointerId);
      down();
    },
    onpointerup: up,
    onpointercancel: up,
    oncontextmenu: (/** @type {Event} */ event) => event.preventDefault(),
    onkeydown: (/** @type {KeyboardEvent} */ event) => { if (isKey(event) && !event.repeat) down(); },
    onkeyup: (/** @type {KeyboardEvent} */ event) => { if (isKey(event)) up(); },
  }, text);
}
