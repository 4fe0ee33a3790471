// The dream player: C acts in M's dream, V's decoder paints it, and the reader may take over.
import { attempt, loadAgent } from "./agent.js";
import { makeClock, wantsStillness } from "./clock.js";
import { make, makeButton, makeChoice, makeSlider } from "./controls.js";
import { makePedals, makeRisk } from "./gauges.js";
import { makeHands } from "./hands.js";
import { makeStage, stillOf } from "./stage.js";
import { listen, tell } from "./traits.js";

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
 */
function makePanel(model, car) {
  const words = WORDS[car ? "car_racing" : "doom_take_cover"];
  const tau = makeSlider({ label: "τ", min: 0.1, max: 3, step: 0.05, value: model.get("tau"),
    show: (value) => value.toFixed(2), onInput: (value) => tell(model, { tau: value }),
    hint: "temperature of the dream" });
  const numbers = make("p", { class: "wm-numbers wm-count" }, "…");
  const pause = makeButton("Pause", () => tell(model, { playing: !model.get("playing") }));
  const again = makeButton(words.again, () => tell(model, { seed: model.get("seed") + 1 }));
  const choices = make("div", { class: "wm-row" });
  const risk = car ? null : makeRisk(), gauge = risk ?? makePedals();
  /** @type {ReturnType<typeof makeChoice> | undefined} */
  let choice;
  const el = make("div", { class: "wm-panel" }, numbers, gauge.el,
    make("div", { class: "wm-row" }, tau.el), choices,
    make("div", { class: "wm-row" }, pause, again));
  const offerControllers = (/** @type {[string, string][]} */ names) => {
    if (names.length < 2) return;
    choice = makeChoice({ label: "C", options: names, value: model.get("controller"),
      onChange: (name) => tell(model, { controller: name }) });
    choices.replaceChildren(choice.el);
  };
  const choose = () => choice?.set(model.get("controller"));
  return { el, tau, numbers, pause, gauge, endsAt: risk?.endsAt, offerControllers, choose };
}

/**
 * One dream after the other; C acts, or the reader's hands. What happens is told to the traits.
 * @param {any} model
 * @param {import("./agent.js").BrowserAgent} agent
 * @param {import("./hands.js").Hands} hands
 * @param {import("./gauges.js").Gauge} gauge
 */
function makePlay(model, agent, hands, gauge) {
  const dream = agent.newDream(), fps = agent.facts.fps;
  let known = model.get("controller"), act = agent.controller(known), rest = 0;
  const play = {
    agent, dream, fps, best: 0,
    choose() {
      const name = model.get("controller");
      if (!agent.names.some(([one]) => one === name)) return tell(model, { controller: known }); // that one still acts
      act = agent.controller(known = name);
    },
    restart() {
      dream.reset(model.get("seed"));
      gauge.clear();
    },
    step() {
      if (dream.ended) {
        if (--rest <= 0) tell(model, { seed: model.get("seed") + 1 }); // its listener restarts
        return;
      }
      const human = hands.acting(), action = human ? hands.action() : act(dream.features());
      dream.act(action, model.get("tau"));
      // When M learned, an end counted so many times: the odds of its head are so many times too high.
      const logit = dream.endLogit === null ? null : dream.endLogit - Math.log(agent.facts.end_weight);
      gauge.add(action, logit);
      play.best = Math.max(play.best, dream.step);
      if (dream.ended) rest = REST * fps;
      const risk = logit === null ? 0 : 1 / (1 + Math.exp(-logit));
      const state = { step: dream.step, action, risk, human };
      Object.entries(state).forEach(([name, value]) => model.set(name, value));
      if (dream.step % TELL_EVERY === 0 || dream.ended) model.save_changes();
    },
  };
  play.restart();
  return play;
}

/** @param {{model: any, el: HTMLElement}} view */
function renderDreamPlayer({ model, el }) {
  const car = model.get("task") === "car_racing", words = WORDS[car ? "car_racing" : "doom_take_cover"];
  const stage = makeStage({ label: words.label, still: stillOf(model, el), focus: true,
    id: model.isStatic ? `play-${model.get("task")}` : undefined });
  const hands = makeHands(stage.el, car), panel = makePanel(model, car);
  /** @type {ReturnType<typeof makePlay> | undefined} */
  let play;
  const draw = () => {
    if (!play) return;
    const { agent, dream, best } = play, you = hands.acting();
    stage.show(agent.decode(dream.z));
    stage.actor(you ? words.you : words.c, you);
    stage.say(dream.ended ? words.over(dream.step, agent.facts.max_steps) : "");
    panel.numbers.textContent = `${words.unit} ${dream.step}` + (car ? "" : ` · best ${best}`);
    panel.gauge.redraw();
  };
  const clock = makeClock({ el: stage.el, rate: () => play?.fps ?? 30, step: () => play?.step(), draw, playing: false });
  const obey = () => {
    panel.pause.textContent = model.get("playing") ? "Pause" : "Play";
    if (play && model.get("playing")) return clock.play();
    clock.pause();
    hands.clear(); // nobody drives what stands still
    if (play) stage.actor(words.c, false);
  };
  const stopListening = listen(model, { playing: obey,
    controller: () => { panel.choose(); play?.choose(); },
    tau: () => panel.tau.set(model.get("tau")), seed: () => { play?.restart(); draw(); } });
  let stopped = false;
  const start = async () => {
    const agent = await attempt(stage.say, () => loadAgent(model, stage.say));
    if (!agent) return false;
    if (stopped) return true;
    play = await attempt(stage.say, async () => makePlay(model, agent, hands, panel.gauge));
    if (!play) return false;
    panel.endsAt?.(-Math.log(agent.facts.end_weight)); // where the head itself says one half
    panel.offerControllers(agent.names);
    if (wantsStillness()) model.set("playing", false);
    draw();
    obey();
    return true;
  };
  el.append(make("div", { class: "wm-live wm-player" }, stage.el, panel.el, make("p", { class: "wm-note" }, words.hint)));
  obey();
  const callOff = stage.begin("Play", start);
  return () => {
    stopped = true;
    [clock.stop, hands.stop, callOff, panel.gauge.stop, stopListening].forEach((end) => end());
  };
}

const dreamPlayer = { render: renderDreamPlayer };
export default dreamPlayer;
