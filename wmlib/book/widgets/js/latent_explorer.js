// The latent explorer: a real frame, what V keeps of it, and what a turned code draws.
import { whenNear } from "./agent.js";
import { make, makeButton, makeSlider } from "./controls.js";
import { loadNetwork } from "./networks.js";
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
 * A picture with its title; a frame of blue for what is real, of orange for what V draws.
 * @param {string} title
 * @param {string} kind "real", "dream" or "plain"
 */
function makePanelPicture(title, kind) {
  const canvas = make("canvas", { class: `wm-pixels wm-frame-${kind}`, width: SIDE, height: SIDE,
    role: "img", "aria-label": title });
  return { canvas, el: make("div", {}, make("p", {}, title), canvas) };
}

/** @param {{model: any, el: HTMLElement}} view */
function renderLatentExplorer({ model, el }) {
  /** @type {number[]} */
  const dimensions = model.get("dimensions");
  const real = makePanelPicture("a real frame", "real"), kept = makePanelPicture("what V keeps of it", "dream");
  const turned = makePanelPicture("the turned code", "dream"), changed = makePanelPicture("what changed", "plain");
  const line = make("p", { class: "wm-note", role: "status" }, NOTE_LATENT);
  /** @type {((z: ArrayLike<number>) => Float32Array) | undefined} */
  let decode;
  /** @type {Float32Array} what V keeps of the frame, decoded */
  let original = new Float32Array(SIDE * SIDE * 3);
  let waiting = 0;

  const code = () => model.get("codes")[model.get("index")];
  const draw = () => {
    waiting = 0;
    if (!decode) return;
    const picture = decode(model.get("z"));
    paint(turned.canvas, picture);
    paint(changed.canvas, differenceOf(picture, original));
  };
  const show = () => {
    const z = model.get("z");
    dimensions.forEach((dimension, i) => sliders[i].set(z[dimension]));
    waiting ||= requestAnimationFrame(draw); // a slider may move more often than a frame is drawn
  };
  const turn = (/** @type {number[]} */ z) => { model.set("z", z); model.save_changes(); };
  const sliders = dimensions.map((dimension) => makeSlider({
    label: `z${subscript(dimension + 1)}`, min: -LIMIT, max: LIMIT, step: 0.05, value: 0,
    show: (value) => value.toFixed(1).replace("-", "−"),
    onInput: (value) => turn(Object.assign([...model.get("z")], { [dimension]: value })),
  }));
  const reset = () => turn([...code()]);
  const open = () => {
    const image = new Image();
    image.onload = () => real.canvas.getContext("2d").drawImage(image, 0, 0);
    image.src = model.get("frames")[model.get("index")];
    if (decode) {
      original = decode(code()).slice();
      paint(kept.canvas, original);
    }
    reset();
  };
  const next = () => {
    model.set("index", (model.get("index") + 1) % model.get("frames").length);
    model.save_changes();
  };
  const randomise = () => {
    const z = [...code()];
    for (const dimension of dimensions) z[dimension] = gaussian();
    turn(z);
  };
  const buttons = make("div", { class: "wm-row" }, makeButton("Next frame", next),
    makeButton("Randomise", randomise), makeButton("Back to V's code", reset));
  model.on("change:z", show);
  model.on("change:index", open);

  let stopped = false;
  const start = async () => {
    line.textContent = "loading V's decoder …";
    try {
      const loaded = await makeDecoder(await loadNetwork(model, model.get("networks").decoder));
      if (stopped) return;
      decode = loaded;
      line.textContent = NOTE_LATENT;
    } catch (error) {
      line.textContent = String(error instanceof Error ? error.message : error);
      return;
    }
    open();
    // To begin with, the most telling number is turned already: else there is nothing to compare.
    const [first] = dimensions, value = code()[first];
    turn(Object.assign([...code()], { [first]: value > 0 ? value - 1.5 : value + 1.5 }));
  };
  el.append(make("div", { class: "wm-live wm-latent" },
    make("div", { class: "wm-four" }, real.el, kept.el, turned.el, changed.el),
    make("div", { class: "wm-dials" }, ...sliders.map((slider) => slider.el)),
    make("div", {}, buttons, line)));
  open();
  const callOff = whenNear(el, start);
  return () => {
    stopped = true;
    callOff();
    cancelAnimationFrame(waiting);
    model.off("change:z", show);
    model.off("change:index", open);
  };
}

const NOTE_LATENT = "Turn the numbers: each slider is one dimension of z, the most telling first. "
  + "In the last picture grey means unchanged; what became brighter or darker is shown four times as strong.";

/** @param {number} number in small digits below the line */
function subscript(number) {
  return [...String(number)].map((digit) => "₀₁₂₃₄₅₆₇₈₉"[Number(digit)]).join("");
}

/** A standard normal within the sliders' limits: what V's code looks like before it has seen anything. */
function gaussian() {
  const value = Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
  return Math.max(-LIMIT, Math.min(LIMIT, value));
}

const latentExplorer = { render: renderLatentExplorer };
export default latentExplorer;
