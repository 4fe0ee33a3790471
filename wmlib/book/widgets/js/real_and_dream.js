// Real and dream: the real game, what V keeps of it, and what M dreams from the same actions.
import { whenNear } from "./agent.js";
import { makeClock, wantsStillness } from "./clock.js";
import { make, makeButton, makeChoice, makeSlider } from "./controls.js";
import { makeDrift } from "./drift.js";
import { loadDriver } from "./driver.js";
import { makePedals } from "./gauges.js";
import { makeHands } from "./hands.js";
import { makePair } from "./pair.js";
import { showGame } from "./real_stage.js";
import { makeSeenGame } from "./seen_game.js";
import { makeStage, stillOf } from "./stage.js";

const RATE = 50; // steps a second, the game's own
const PAUSE_AT_END = 2 * RATE; // steps that a finished drive stands still
const KERNEL_EVERY = 25; // steps between two messages to a Python kernel
/** @type {[string, string][]} */
const WAKINGS = [["25", "every 25 steps"], ["50", "every 50 steps"], ["100", "every 100 steps"],
  ["200", "every 200 steps"], ["0", "only when told (key W)"]];
const LABEL = "The real game. The arrow keys steer, accelerate and brake; W wakes M; let go and C drives again.";
const HINT = "Click the left picture, then the arrow keys are yours; or press on it: left and right steer, "
  + "above is gas, below is brake. Let go, and C drives again. W wakes M: its dream then goes on from here.";

/** The three stages in a row, with their names above. */
function makeStages(/** @type {string} */ still) {
  const names = { real: "Real", kept: "What V keeps of it", dreamed: "What M dreams" };
  const stages = {
    real: makeStage({ label: LABEL, still, focus: true }),
    kept: makeStage({ label: "What V keeps of the real picture", still: "", focus: false }),
    dreamed: makeStage({ label: "What M dreams from the same actions", still: "", focus: false }),
  };
  const row = make("div", { class: "wm-three" });
  for (const [key, stage] of Object.entries(stages)) {
    if (key !== "dreamed") stage.el.classList.add("wm-stage-real");
    const title = make("div", { class: "wm-title" }, names[/** @type {keyof names} */ (key)]);
    row.append(make("div", { class: `wm-third wm-third-${key}` }, title, stage.el));
  }
  return { ...stages, row };
}

/**
 * Everything below the stages.
 * @param {any} model
 * @param {Record<string, any>} on what the controls do, by trait or name
 */
function makeControls(model, on) {
  const tau = makeSlider({ label: "τ", min: 0.1, max: 3, step: 0.05, value: model.get("tau"),
    show: (value) => value.toFixed(2), onInput: on.tau, hint: "temperature of the dream" });
  const waking = makeChoice({ label: "Wake M", options: WAKINGS, value: String(model.get("wake_every")),
    onChange: (value) => on.wake_every(Number(value)) });
  const seed = make("input", { type: "number", min: 0, max: 2 ** 31 - 1, step: 1, value: model.get("seed"),
    onchange: () => seed.checkValidity() && seed.value && on.seed(Number(seed.value)) });
  const road = make("label", { class: "wm-choice" }, make("span", {}, "Road (seed)"), seed);
  const pause = makeButton("Pause", on.pause);
  const look = makeButton("As V sees it", on.look), choices = make("span");
  const buttons = make("div", { class: "wm-row" }, pause, makeButton("Another road", on.next),
    makeButton("Wake M now", on.wake), look);
  const el = make("div", {}, buttons,
    make("div", { class: "wm-row" }, choices, waking.el, road), make("div", { class: "wm-row" }, tau.el));
  const offer = (/** @type {[string, string][]} */ names) => choices.replaceChildren(
    makeChoice({ label: "C", options: names, value: model.get("controller"), onChange: on.controller }).el);
  return { el, tau, seed, pause, look, offer, waking };
}

/** What the numbers under the pictures say. */
function tellNumbers(/** @type {import("./car_game.js").CarGame} */ game, /** @type {import("./pair.js").Pair} */ pair) {
  const { steps, score, tiles } = game.telemetry();
  const dreaming = pair.parted === null
    ? `M has dreamed for ${(pair.awakeFor / RATE).toFixed(1)} s and is still close`
    : `The two parted ${(pair.parted / RATE).toFixed(1)} s after M was woken`;
  return [`step ${steps} · return ${score.toFixed(0)} · ${Math.round(100 * tiles)} % of the tiles`
    .replace("-", "−"), dreaming];
}

/** @param {{model: any, el: HTMLElement}} view */
function renderRealAndDream({ model, el }) {
  const stages = makeStages(stillOf(model, el)), hands = makeHands(stages.real.el, true);
  const drift = makeDrift(model.get("unrelated")), pedals = makePedals();
  const numbers = make("p", { class: "wm-numbers wm-count" }, "…"), story = make("p", { class: "wm-numbers wm-told" }, "");
  const canvas = /** @type {HTMLCanvasElement} */ (stages.real.el.querySelector("canvas"));
  let rest = 0, stopped = false, woken = true, sharp = true;
  /** @type {import("./driver.js").Driver | undefined} */
  let driver;
  /** @type {import("./car_game.js").CarGame | undefined} */
  let game;
  /** @type {{mind: import("./driver.js").Mind, seen: import("./seen_game.js").SeenGame, pair: import("./pair.js").Pair} | undefined} */
  let drive;

  const tell = () => { if (drive) model.save_changes(); };
  const set = (/** @type {string} */ name) => (/** @type {any} */ value) => { model.set(name, value); tell(); };
  const restart = () => {
    if (!drive) return;
    drive.pair.reset(model.get("seed"));
    [rest, woken] = [0, true];
    drift.clear();
    pedals.clear();
    stages.real.say("");
    draw();
  };
  const wake = () => {
    if (!drive) return;
    drive.pair.wake();
    woken = true;
  };
  const next = () => set("seed")(model.get("seed") + 1); // its listener restarts
  const controls = makeControls(model, {
    tau: set("tau"), wake_every: set("wake_every"), seed: set("seed"), controller: set("controller"), next, wake,
    pause: () => set("playing")(!model.get("playing")),
    look: () => {
      sharp = !sharp;
      controls.look.textContent = sharp ? "As V sees it" : "Sharp";
      draw();
    },
  });

  const step = () => {
    if (!drive || !game) return;
    const { mind, seen, pair } = drive;
    if (game.end) {
      if (--rest <= 0) next();
      return;
    }
    const every = model.get("wake_every");
    if (every && pair.awakeFor >= every) wake();
    const human = hands.acting(), action = human ? hands.action() : mind.act(seen.features());
    pedals.add(action, null);
    const { end } = pair.act(action, model.get("tau"));
    if (end) {
      rest = PAUSE_AT_END;
      stages.real.say(`${end === "lap" ? "the lap is done" : end}: ${game.score.toFixed(0)} points`);
    }
    Object.entries({ step: seen.step, action, human }).forEach(([name, value]) => model.set(name, value));
    if (seen.step % KERNEL_EVERY === 0 || end) tell();
  };
  const draw = () => {
    if (!drive || !game) return;
    const { seen, pair } = drive, before = pair.parted;
    pair.look();
    if (!game.end) drift.add({ step: seen.step, apart: pair.apart, woken, parted: before === null && pair.parted !== null });
    woken = false;
    model.set("apart", pair.apart);
    showGame(canvas, game, sharp);
    stages.kept.show(pair.kept);
    stages.dreamed.show(pair.dreamed);
    const human = hands.acting();
    stages.real.actor(human ? "You drive" : "C drives", human);
    [numbers.textContent, story.textContent] = tellNumbers(game, pair);
    pedals.redraw();
    drift.redraw();
  };
  const clock = makeClock({ el: stages.row, rate: () => RATE, step, draw, playing: false });

  const obey = () => {
    const playing = model.get("playing");
    controls.pause.textContent = playing ? "Pause" : "Play";
    if (drive && playing) clock.play();
    else clock.pause();
  };
  const choose = async () => {
    if (!driver || !game) return;
    const name = model.get("controller"), chosen = await driver.mind(name);
    if (stopped || name !== model.get("controller")) return; // chosen anew meanwhile
    const seen = makeSeenGame(game, driver.encode, chosen.memory);
    drive = { mind: chosen, seen, pair: makePair(seen, chosen.newDream(), driver.decode, model.get("unrelated")) };
    restart();
    obey();
  };
  const reseed = () => {
    controls.seed.value = String(model.get("seed"));
    restart();
  };
  const heat = () => controls.tau.set(model.get("tau"));
  const rhythm = () => controls.waking.set(String(model.get("wake_every")));
  const key = (/** @type {KeyboardEvent} */ event) => {
    if (event.key.toLowerCase() === "w" && !event.ctrlKey && !event.metaKey && !event.altKey) wake();
  };
  stages.real.el.addEventListener("keydown", key);
  /** @type {[string, () => void][]} */
  const listeners = [["playing", obey], ["controller", choose], ["tau", heat], ["seed", reseed], ["wake_every", rhythm]];
  listeners.forEach(([name, listener]) => model.on(`change:${name}`, listener));

  const start = async () => {
    try {
      driver = await loadDriver(model, stages.real.say);
    } catch (error) {
      stages.real.say(String(error instanceof Error ? error.message : error));
      return;
    }
    if (stopped) return;
    game = driver.makeGame();
    controls.offer(driver.names);
    if (wantsStillness()) model.set("playing", false);
    await choose();
  };
  const saves = /** @type {any} */ (navigator).connection?.saveData;
  let callOff = () => {};
  if (saves) stages.real.offer("Play", start);
  else callOff = whenNear(el, start);

  el.append(make("div", { class: "wm-live wm-trio" }, stages.row,
    make("div", { class: "wm-beside" }, make("div", {}, numbers, story), pedals.el), drift.el, controls.el,
    make("p", { class: "wm-note" }, HINT)));
  obey();
  return () => {
    stopped = true;
    [clock.stop, hands.stop, callOff, drift.stop].forEach((end) => end());
    listeners.forEach(([name, listener]) => model.off(`change:${name}`, listener));
  };
}

const realAndDream = { render: renderRealAndDream };
export default realAndDream;
