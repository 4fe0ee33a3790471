// Chapter 5: one step of x, z, a and h, one arrow at a time, in the game and in the dream.
import { make, makeButton, makeTick } from "./controls.js";

/**
 * One part of the drawing. `from` is the stage at which it appears; before, it is only hinted at.
 * @typedef {{kind: "node" | "arrow" | "box" | "word", from: number, at: number[], name?: string,
 *   time?: string, role?: string, dashed?: boolean}} Part
 */

const GAME_STORY = [
  "Time t. The picture x is new. M's memory h is older: it has not seen this picture.",
  "V turns the picture x into the code z.",
  "C chooses the action a from z and h, both of time t.",
  "Then M reads z, a and h of time t, and makes h of time t + 1.",
  "Meanwhile the game acts on a, and shows the next picture.",
  "V turns it into the next code: the news. h, made before it, is the expectation.",
  "C gets news and expectation side by side. Everything repeats, one step later.",
];

const DREAM_STORY = [
  "Time t. There is no picture. The code z comes from the step before, as h does.",
  "C chooses the action a from z and h, both of time t, as it would in the game.",
  "M reads z, a and h of time t, and makes h of time t + 1.",
  "From this h M predicts a distribution, and the next z is drawn from it.",
  "C acts on it as if it had been seen. Everything repeats, one step later.",
];

/** The two ends of an arrow from one circle to another, given by their centres. */
function between(/** @type {number} */ x0, /** @type {number} */ y0, /** @type {number} */ x, /** @type {number} */ y) {
  const length = Math.hypot(x - x0, y - y0), u = (x - x0) / length, v = (y - y0) / length;
  return [x0 + 23 * u, y0 + 23 * v, x - 24 * u, y - 24 * v];
}

/** @returns {Part[]} what is drawn in the game or in the dream, with the stage of each part */
function partsOf(/** @type {boolean} */ dream) {
  const [act, remember, next, repeat] = dream ? [1, 2, 3, 4] : [2, 3, 5, 6];
  const [z, a, top] = dream ? [54, 152, 100] : [130, 191, 164]; // a dream has no pictures above its codes
  const word = a - (dream ? 60 : 41); // beside the arrow
  /** @type {Part[]} */
  const shared = [
    { kind: "arrow", from: act, at: between(46, z, 120, a) },
    { kind: "arrow", from: act, at: between(46, 250, 120, a) },
    { kind: "word", from: act, at: [dream ? 96 : 90, word], name: "C" },
    { kind: "arrow", from: remember, at: [69, z, 180, z, 180, top - 2] },
    { kind: "arrow", from: remember, at: [143, a, 158, a] },
    { kind: "arrow", from: remember, at: [69, 250, 158, 250] },
    { kind: "box", from: remember, at: [160, top, 50, 270 - top], name: "M" },
    { kind: "arrow", from: remember, at: [210, 250, 234, 250] },
    { kind: "arrow", from: repeat, at: between(260, z, 334, a) },
    { kind: "arrow", from: repeat, at: between(260, 250, 334, a) },
    { kind: "word", from: repeat, at: [dream ? 310 : 304, word], name: "C" },
    { kind: "node", from: dream ? 0 : 1, at: [46, z], name: "z", time: "t", role: dream ? "dream" : "ink" },
    { kind: "node", from: 0, at: [46, 250], name: "h", time: "t" },
    { kind: "node", from: act, at: [120, a], name: "a", time: "t" },
    { kind: "node", from: next, at: [260, z], name: "z", time: "t+1", role: dream ? "dream" : "ink" },
    { kind: "node", from: remember, at: [260, 250], name: "h", time: "t+1" },
    { kind: "node", from: repeat, at: [334, a], name: "a", time: "t+1" },
  ];
  if (dream) return [...shared,
    { kind: "arrow", from: next, at: [195, top - 1, 195, z, 234, z], role: "dream", dashed: true }];
  return [...shared,
    { kind: "node", from: 0, at: [46, 46], name: "x", time: "t", role: "real" },
    { kind: "arrow", from: 1, at: [46, 70, 46, 106], role: "real" },
    { kind: "word", from: 1, at: [62, 93], name: "V" },
    { kind: "arrow", from: 4, at: [120, 167, 120, 46, 234, 46], role: "real" },
    { kind: "word", from: 4, at: [178, 36], name: "Game", role: "real" },
    { kind: "node", from: 4, at: [260, 46], name: "x", time: "t+1", role: "real" },
    { kind: "arrow", from: 5, at: [260, 70, 260, 106], role: "real" },
    { kind: "word", from: 5, at: [276, 93], name: "V" },
  ];
}

/** An SVG element. */
function svgElement(/** @type {string} */ tag, /** @type {Object<string, any>} */ attributes, text = "") {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.textContent = text;
  return element;
}

/** A part as an SVG group; its class says whether it is there already, and whether it is new. */
function drawPart(/** @type {Part} */ part, /** @type {number} */ stage) {
  const { kind, at, name = "", time = "", role = "ink", dashed = false } = part;
  const when = part.from > stage ? "later" : part.from === stage && stage > 0 ? "now" : "there";
  const group = svgElement("g", { class: `wm-part wm-${when}`, style: `color: var(--live-${role})` });
  const [x, y] = at;
  if (kind === "node") {
    group.append(svgElement("circle", { cx: x, cy: y, r: 23 }), letter(x, y + 6, name, time));
  } else if (kind === "box") {
    group.append(svgElement("rect", { x, y, width: at[2], height: at[3], rx: 10 }),
      letter(x + at[2] / 2, y + at[3] / 2 + 8, name, "", 25));
  } else if (kind === "word") {
    group.append(letter(x, y, name, "", 16));
  } else {
    const points = [];
    for (let i = 0; i < at.length; i += 2) points.push(`${at[i]} ${at[i + 1]}`);
    const line = { d: `M${points.join("L")}`, "stroke-dasharray": dashed ? "6 4" : "none" };
    group.append(svgElement("path", line), arrowHead(at));
  }
  return group;
}

/** A letter with its time as an index. */
function letter(/** @type {number} */ x, /** @type {number} */ y, /** @type {string} */ name, time = "", size = 19) {
  const text = svgElement("text", { x, y, "text-anchor": "middle", "font-size": size }, name);
  if (time) text.append(svgElement("tspan", { dy: 5, "font-size": "70%" }, time));
  return text;
}

/** The tip of an arrow, in the direction of its last piece. */
function arrowHead(/** @type {number[]} */ at) {
  const [x0, y0, x, y] = at.slice(-4), length = Math.hypot(x - x0, y - y0);
  const u = (x - x0) / length, v = (y - y0) / length;
  const corner = (/** @type {number} */ side) => `${x - 10 * u - side * 5 * v},${y - 10 * v + side * 5 * u}`;
  return svgElement("polygon", { points: `${x},${y} ${corner(1)} ${corner(-1)}` });
}

/**
 * Traits: `dream` (M in V's place) and `stage`, counted from 0.
 * @param {{model: any, el: HTMLElement}} view
 */
function renderTimeLine({ model, el }) {
  const art = svgElement("svg", { viewBox: "0 0 380 290", class: "wm-time-line", role: "img" });
  const story = make("p", { class: "wm-story", role: "status" });
  const lines = () => (model.get("dream") ? DREAM_STORY : GAME_STORY);
  const show = () => {
    const stage = Math.min(model.get("stage"), lines().length - 1);
    art.replaceChildren(...partsOf(model.get("dream")).map((part) => drawPart(part, stage)));
    art.setAttribute("aria-label", `Time line, ${model.get("dream") ? "dream" : "game"}: ${lines()[stage]}`);
    story.textContent = `${stage + 1} of ${lines().length}. ${lines()[stage]}`;
    back.setAttribute("aria-disabled", String(stage === 0)); // not `disabled`, which would lose the focus
    next.textContent = stage === lines().length - 1 ? "From the start" : "Next ›";
    tick.set(model.get("dream"));
  };
  const move = (/** @type {number} */ by) => {
    const stage = Math.min(model.get("stage"), lines().length - 1) + by;
    model.set("stage", Math.max(stage % lines().length, 0)); // after the last comes the first
    model.save_changes();
  };
  const back = makeButton("‹ Back", () => move(-1)), next = makeButton("Next ›", () => move(1));
  const tick = makeTick({ label: "in a dream", value: model.get("dream"), onChange: (on) => {
    model.set("stage", 0);
    model.set("dream", on);
    model.save_changes();
  } });
  for (const event of ["change:dream", "change:stage"]) model.on(event, show);
  const keys = (/** @type {KeyboardEvent} */ event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by || event.altKey || event.ctrlKey || event.metaKey) return; // Alt and ← is the browser's "back"
    event.preventDefault();
    move(by);
  };
  el.append(make("div", { class: "wm-live", tabindex: 0, role: "group", onkeydown: keys,
    "data-lm-suppress-shortcuts": "true", // in JupyterLab the arrow keys would choose another cell
    "aria-label": "Time line; the arrow keys go forwards and back" },
    art, story, make("div", { class: "wm-row" }, back, next, tick.el)));
  show();
  return () => { for (const event of ["change:dream", "change:stage"]) model.off(event, show); };
}

const time_line = { render: renderTimeLine };
export default time_line;
