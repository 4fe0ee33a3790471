// The latent explorer: a real frame, what V keeps of it, and what a turned code draws.
import { attempt, whenWanted } from "./agent.js";
import { make, makeButton, makeSlider, shown, subscript, withSubs } from "./controls.js";
import { loadNetwork } from "./networks.js";
import { listen, tell } from "./traits.js";
import { makeDecoder, paint, SIDE } from "./vision.js";

const LIMIT = 2.5, AMPLIFIED = 4;

/**
 * What became brighter or darker, around grey.
 * @param {Float32Array} now
 * @param {Float32Array} before
 * @returns {Float32Array}
 */
export function differenceOf(now, before) {
  return now.map((_, i) => {
    const at = i - (i % 3), change = (/** @type {number} */ c) => now[at + c] - before[at + c];
    return 0.5 + (AMPLIFIED * (change(0) + change(1) + change(2))) / 3;
  });
}

/**
 * A picture with its title; a frame of blue for what is real, dashed for what V keeps of it, of orange for what is imagined.
 * @param {string} title
 * @param {string} kind "real", "kept", "dream" or "plain"
 */
function makePanelPicture(title, kind) {
  const canvas = make("canvas", { class: `wm-pixels wm-frame-${kind}`, width: SIDE, height: SIDE,
    role: "img", "aria-label": title });
  return { canvas, el: make("div", {}, make("p", {}, title), canvas) };
}

/**
 * The four pictures: the frame, what V keeps of it, what the turned code draws, and the change.
 * @param {any} model
 */
function makePictures(model) {
  const real = makePanelPicture("a real frame", "real"), kept = makePanelPicture("what V keeps of it", "kept");
  const turned = makePanelPicture("the turned code", "dream"), changed = makePanelPicture("what changed", "plain");
  /** @type {((z: ArrayLike<number>) => Float32Array) | undefined} */
  let decode;
  /** @type {Float32Array} what V keeps of the frame, decoded */
  let original = new Float32Array(SIDE * SIDE * 3);
  return {
    els: [real, kept, turned, changed].map((one) => one.el),
    use: (/** @type {(z: ArrayLike<number>) => Float32Array} */ decoder) => { decode = decoder; },
    open(/** @type {number[]} */ code) {
      const image = new Image();
      image.onload = () => real.canvas.getContext("2d").drawImage(image, 0, 0);
      image.src = model.get("frames")[model.get("index")];
      if (!decode) return;
      original = decode(code).slice();
      paint(kept.canvas, original);
    },
    draw() {
      if (!decode) return;
      const picture = decode(model.get("z"));
      paint(turned.canvas, picture);
      paint(changed.canvas, differenceOf(picture, original));
    },
  };
}

/** @param {{model: any, el: HTMLElement}} view */
function renderLatentExplorer({ model, el }) {
  const dimensions = /** @type {number[]} */ (model.get("dimensions"));
  const pictures = makePictures(model), line = make("p", { class: "wm-note", role: "status" }, NOTE_LATENT);
  const code = () => model.get("codes")[model.get("index")];
  const turn = (/** @type {number[]} */ z) => tell(model, { z });
  const turnOne = (/** @type {number[]} */ z, /** @type {number} */ dimension, /** @type {number} */ value) =>
    turn(Object.assign([...z], { [dimension]: value }));
  const sliders = dimensions.map((dimension) => makeSlider({
    label: `z${subscript(dimension + 1)}`, min: -LIMIT, max: LIMIT, step: 0.05, value: 0,
    show: (value) => shown(value, 2),
    onInput: (value) => turnOne(model.get("z"), dimension, value),
  }));
  const reset = () => turn([...code()]);
  const open = () => { pictures.open(code()); reset(); };
  const next = () => tell(model, { index: (model.get("index") + 1) % model.get("frames").length });
  const randomise = () => turn(code().map((/** @type {number} */ value, /** @type {number} */ i) =>
    dimensions.includes(i) ? gaussian() : value));
  let waiting = 0, stopped = false, turned = false;
  const say = (/** @type {string} */ text) => line.replaceChildren(...withSubs(text));
  const show = () => {
    dimensions.forEach((dimension, i) => sliders[i].set(model.get("z")[dimension]));
    waiting ||= requestAnimationFrame(() => { waiting = 0; pictures.draw(); }); // once a frame at most
    if (turned) say(NOTE_LATENT);
    turned = false;
  };
  const stopListening = listen(model, { z: show, index: open });

  const start = async () => {
    say("loading V's decoder …");
    const decode = await attempt(say, async () => makeDecoder(await loadNetwork(model, model.get("networks").decoder, say)));
    if (!decode) return false;
    if (stopped) return true;
    pictures.use(decode);
    open();
    // To begin with, the most telling number is turned already: else there is nothing to compare.
    const [first] = dimensions, value = code()[first];
    turnOne(code(), first, value > 0 ? value - 1.5 : value + 1.5);
    say(`z${subscript(first + 1)} is turned already. ${NOTE_LATENT}`);
    turned = true; // until a hand turns one, or all go back
    return true;
  };
  const buttons = make("div", { class: "wm-row" }, makeButton("Next frame", next),
    makeButton("Randomise", randomise), makeButton("Back to V's code", reset));
  el.append(make("div", { class: "wm-live wm-latent" }, make("div", { class: "wm-four" }, ...pictures.els),
    make("div", { class: "wm-dials" }, ...sliders.map((slider) => slider.el)), make("div", {}, buttons, line)));
  open();
  const callOff = whenWanted(el, line, "Load V's decoder", start);
  return () => {
    stopped = true;
    cancelAnimationFrame(waiting);
    [callOff, stopListening].forEach((end) => end());
  };
}

const NOTE_LATENT = "Turn the numbers: each slider is one dimension of z, the most telling first. "
  + "In the last picture grey means unchanged; what became brighter or darker is shown four times as strong.";

/** A standard normal within the sliders' limits: what V's code looks like before it has seen anything. */
function gaussian() {
  const value = Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
  return Math.max(-LIMIT, Math.min(LIMIT, value));
}

const latentExplorer = { render: renderLatentExplorer };
export default latentExplorer;
