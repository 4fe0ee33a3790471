// Small HTML controls with labels, shared by all widgets.
import { tell } from "./traits.js";

/**
 * An element: `make("p", { class: "note" }, "text", child)`. Attributes that start with "on" are
 * listeners; true and false set or leave out an attribute.
 * @param {string} tag
 * @param {Object<string, any>} [attributes]
 * @param {...(Node | string)} children
 * @returns {any}
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, String(value));
  }
  element.append(...children);
  return element;
}

/** @param {number} number in small digits below the line; `withSubs` and `drawText` set them larger */
export function subscript(number) {
  return [...String(number)].map((digit) => "₀₁₂₃₄₅₆₇₈₉"[Number(digit)]).join("");
}

/**
 * A text in pieces, where each second one is an index in ordinary digits: Unicode's own are too small to read.
 * @param {string} text
 */
export function indexed(text) {
  return text.split(/([₀-₉]+)/).map((piece, i) =>
    i % 2 ? [...piece].map((digit) => "₀₁₂₃₄₅₆₇₈₉".indexOf(digit)).join("") : piece);
}

/**
 * A text for the page, its indices as <sub>.
 * @param {string} text
 * @returns {(Node | string)[]}
 */
export function withSubs(text) {
  return indexed(text).map((piece, i) => (i % 2 ? make("sub", {}, piece) : piece));
}

/**
 * A labelled slider; `set` moves it without calling `onInput`.
 * @param {{label: string, min: number, max: number, step: number, value: number,
 *   show?: (value: number) => string, onInput: (value: number) => void, hint?: string}} options
 * @returns {{el: HTMLElement, input: HTMLInputElement, set: (value: number, words?: string) => void}} `words`
 *   stand beside it instead of what its place would say
 */
export function makeSlider({ label, min, max, step, value, show = String, onInput, hint = "" }) {
  const output = make("output");
  const input = make("input", { type: "range", min, max, step, title: hint || null });
  const say = (words = "") => {
    output.textContent = words || show(Number(input.value));
    input.setAttribute("aria-valuetext", output.textContent);
  };
  const set = (/** @type {number} */ number, words = "") => {
    input.value = String(number);
    say(words);
  };
  input.addEventListener("input", () => {
    say();
    onInput(Number(input.value));
  });
  set(value);
  const el = make("label", { class: "wm-slider" }, make("span", {}, ...withSubs(label)), input, output);
  return { el, input, set };
}

/**
 * A number with so many digits behind the point, a real minus, and no minus before a zero.
 * @param {number} value
 * @param {number} digits
 */
export function shown(value, digits) {
  const text = value.toFixed(digits);
  return Number(text) === 0 ? text.replace("-", "") : text.replace("-", "−");
}

/**
 * A field for the seed of a road; what is no seed is said, and the one in use stands there again.
 * @param {any} model its trait `seed`
 * @returns {{el: HTMLElement, show: () => void}}
 */
export function makeSeed(model) {
  const input = make("input", { type: "number", min: 0, max: 2 ** 31 - 1, step: 1, onchange: () => {
    if (input.value && input.reportValidity()) tell(model, { seed: Number(input.value) });
    else show();
  } });
  const show = () => { input.value = String(model.get("seed")); };
  show();
  return { el: make("label", { class: "wm-choice" }, make("span", {}, "Road (seed)"), input), show };
}

/**
 * The place in a rising list that is nearest to a value, by its ratio.
 * @param {number[]} list
 * @param {number} value
 */
export function nearest(list, value) {
  const off = list.map((v) => Math.abs(Math.log((v + 1) / (value + 1))));
  return off.indexOf(Math.min(...off));
}

/**
 * A button.
 * @param {string} text
 * @param {() => void} onClick
 * @param {string} [hint]
 * @returns {HTMLButtonElement}
 */
export function makeButton(text, onClick, hint = "") {
  return make("button", { type: "button", class: "wm-button", onclick: onClick, title: hint || null }, text);
}

/**
 * A labelled choice among named values.
 * @param {{label: string, options: [string, string][], value: string,
 *   onChange: (value: string) => void}} options pairs of (value, what the reader sees)
 * @returns {{el: HTMLElement, set: (value: string) => void}}
 */
export function makeChoice({ label, options, value, onChange }) {
  const items = options.map(([key, text]) => make("option", { value: key }, text));
  const select = make("select", { onchange: () => onChange(select.value) }, ...items);
  select.value = value;
  const set = (/** @type {string} */ key) => (select.value = key);
  return { el: make("label", { class: "wm-choice" }, make("span", {}, label), select), set };
}

/**
 * A labelled tick box.
 * @param {{label: string, value: boolean, onChange: (value: boolean) => void}} options
 * @returns {{el: HTMLElement, set: (value: boolean) => void}}
 */
export function makeTick({ label, value, onChange }) {
  const input = make("input", { type: "checkbox", onchange: () => onChange(input.checked) });
  input.checked = value;
  const set = (/** @type {boolean} */ on) => (input.checked = on);
  return { el: make("label", { class: "wm-tick" }, input, make("span", {}, label)), set };
}
