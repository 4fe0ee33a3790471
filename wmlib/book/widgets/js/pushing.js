// To push something for as long as a key or a button is held.
import { make } from "./controls.js";

/**
 * What is held, keys and buttons, as one push: to the right less to the left.
 * @param {(way: number) => void} push called with −1, 0 or 1 whenever something is pressed or let go
 * @returns {{hold: (name: string, way: number) => void, letGo: (name: string) => void, clear: () => void}}
 */
export function makePush(push) {
  /** @type {Map<string, number>} */
  const held = new Map();
  const tell = () => push(Math.sign([...held.values()].reduce((sum, way) => sum + way, 0)));
  return {
    hold(name, way) { held.set(name, way); tell(); },
    letGo(name) { if (held.delete(name)) tell(); },
    clear() { if (held.size) { held.clear(); tell(); } },
  };
}

/**
 * Listeners that push while an arrow key is held, except where the key moves something else.
 * @param {ReturnType<typeof makePush>} push
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
      if (!event.repeat) push.hold(event.key, way(event));
    },
    onkeyup: (/** @type {KeyboardEvent} */ event) => push.letGo(event.key),
    onfocusout(/** @type {FocusEvent} */ event) {
      const root = /** @type {HTMLElement} */ (event.currentTarget);
      if (!root.contains(/** @type {Node | null} */ (event.relatedTarget))) push.clear();
    },
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
    onblur: up, // with a key down the focus may go on
    oncontextmenu: (/** @type {Event} */ event) => event.preventDefault(),
    onkeydown: (/** @type {KeyboardEvent} */ event) => { if (isKey(event) && !event.repeat) down(); },
    onkeyup: (/** @type {KeyboardEvent} */ event) => { if (isKey(event)) up(); },
  }, text);
}
