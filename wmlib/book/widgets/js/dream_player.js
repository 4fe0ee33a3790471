// The dream player: C acts in M's dream, V's decoder paints it, and the reader may take over.
import { loadAgent, whenNear } from "./agent.js";
import { makeClock, wantsStillness } from "./clock.js";
import { make, makeButton, makeChoice, makeSlider } from "./controls.js";
import { makePedals, makeRisk } from "./gauges.js";
import { makeHands } from "./hands.js";
import { makeStage, stillOf } from "./stage.js";

const REST = 1.2; // seconds that the last picture of a dream stands still
const TELL_EVERY = 10; // steps between two messages to a Python kernel

const WORDS = {
  doom_take_cover: {
    unit: "tic", again: "Restart", you: "You dodge", c: "C dodges",
    label: "Doom as M dreams it. Arrow keys left and right move you; let go and C dodges again.",
    hint: "Click the picture, then ← and → are yours; or touch its left or right half. Let go, and C dodges again.",
    over: (/** @type {number} */ step, /** @type {number} */ cap) =>
      step < cap ? `M ends the dream: dead at tic ${step}` : `alive after ${step} tics`,
  },
  car_racing: {
    unit: "step", again: "Another road", you: "You drive", c: "C drives",
    label: "The car as M dreams it. The arrow keys steer, accelerate and brake; let go and C drives again.",
    hint: "Click the picture, then the arrow keys are yours; or press on it: left and right steer, "
      + "above is gas, below is brake. Let go, and C drives again.",
    over: (/** @type {number} */ step) => `${step} steps, the end of an episode`,
  },
};

/**
 * The text, gauges and controls beside the stage.
 * @param {any} model
 * @param {boolean} car
 * @param {any} on what the controls do: {tau, again, pause, controller}
 */
function makePanel(model, car, on) {
  const words = WORDS[car ? "car_racing" : "doom_take_cover"];
  const tau = makeSlider({ label: "τ", min: 0.1, max: 3, step: 0.05, value: model.get("tau"),
    show: (value) => value.toFixed(2), onInput: on.tau, hint: "temperature of the dream" });
  const numbers = make("p", { class: "wm-numbers wm-count" }, "…");
  const pause = makeButton("Pause", on.pause), again = makeButton(words.again, on.again);
  const choices = make("div", { class: "wm-row" });
  const gauge = car ? makePedals() : makeRisk();
  const el = make("div", { class: "wm-panel" }, numbers, gauge.el,
    make("div", { class: "wm-row" }, tau.el), choices,
    make("div", { class: "wm-row" }, pause, again));
  const offerControllers = (/** @type {[string, string][]} */ names) => {
    if (names.length < 2) return;
    choices.replaceChildren(makeChoice({ label: "C", options: names, value: model.get("controller"),
      onChange: on.controller }).el);
  };
  return { el, tau, numbers, pause, gauge, offerControllers };
}

/** @param {{model: any, el: HTMLElement}} view */
function renderDreamPlayer({ model, el }) {
  const car = model.get("task") === "car_racing", words = WORDS[car ? "car_racing" : "doom_take_cover"];
  const stage = makeStage({ label: words.label, still: stillOf(model, el), focus: true });
  const hands = makeHands(stage.el, car);
  let best = 0, rest = 0, stopped = false;
  /** @type {import("./agent.js").BrowserAgent | undefined} */
  let agent;
  /** @type {import("./dream.js").Dream | undefined} */
  let dream;
  /** @type {import("./agent.js").Act} */
  let act = () => [];

  const tell = () => { if (agent) model.save_changes(); };
  const restart = () => {
    if (!dream) return;
    dream.reset(model.get("seed"));
    rest = 0;
    panel.gauge.clear();
    stage.say("");
    draw();
  };
  const next = () => { model.set("seed", model.get("seed") + 1); tell(); }; // its listener restarts
  const panel = makePanel(model, car, {
    tau: (/** @type {number} */ value) => { model.set("tau", value); tell(); },
    again: next,
    pause: () => { model.set("playing", !model.get("playing")); tell(); },
    controller: (/** @type {string} */ name) => { model.set("controller", name); tell(); },
  });

  const step = () => {
    if (!dream || !agent) return;
    if (dream.ended) {
      if (--rest <= 0) next();
      return;
    }
    const you = hands.acting(), action = you ? hands.action() : act(dream.features());
    dream.act(action, model.get("tau"));
    best = Math.max(best, dream.step);
    panel.gauge.add(action, dream.endLogit);
    if (dream.ended) {
      rest = REST * agent.facts.fps;
      stage.say(words.over(dream.step, agent.facts.max_steps));
    }
    const risk = dream.endLogit === null ? 0 : 1 / (1 + Math.exp(-dream.endLogit));
    const state = { step: dream.step, action, risk, human: you };
    Object.entries(state).forEach(([name, value]) => model.set(name, value));
    if (dream.step % TELL_EVERY === 0 || dream.ended) tell();
  };
  const draw = () => {
    if (!dream || !agent) return;
    stage.show(agent.decode(dream.z));
    const you = hands.acting();
    stage.actor(you ? words.you : words.c, you);
    panel.numbers.textContent = `${words.unit} ${dream.step}` + (car ? "" : ` · best ${best}`);
    panel.gauge.redraw();
  };
  const clock = makeClock({ el: stage.el, rate: () => agent?.facts.fps ?? 30, step, draw, playing: false });

  const obey = () => {
    const playing = model.get("playing");
    panel.pause.textContent = playing ? "Pause" : "Play";
    if (agent && playing) clock.play();
    else clock.pause();
  };
  const choose = () => { if (agent) act = agent.controller(model.get("controller")); };
  const heat = () => panel.tau.set(model.get("tau"));
  /** @type {[string, () => void][]} */
  const listeners = [["playing", obey], ["controller", choose], ["tau", heat], ["seed", restart]];
  listeners.forEach(([name, listener]) => model.on(`change:${name}`, listener));

  const start = async () => {
    try {
      agent = await loadAgent(model, stage.say);
    } catch (error) {
      stage.say(String(error instanceof Error ? error.message : error));
      return;
    }
    if (stopped) return;
    dream = agent.newDream();
    panel.offerControllers(agent.names);
    choose();
    restart();
    if (wantsStillness()) model.set("playing", false);
    obey();
  };
  const saves = /** @type {any} */ (navigator).connection?.saveData;
  let callOff = () => {};
  if (saves) stage.offer("Play", start);
  else callOff = whenNear(el, start);

  el.append(make("div", { class: "wm-live wm-player" }, stage.el, panel.el,
    make("p", { class: "wm-note" }, words.hint)));
  obey();
  return () => {
    stopped = true;
    [clock.stop, hands.stop, callOff, panel.gauge.stop].forEach((end) => end());
    listeners.forEach(([name, listener]) => model.off(`change:${name}`, listener));
  };
}

const dreamPlayer = { render: renderDreamPlayer };
export default dreamPlayer;
