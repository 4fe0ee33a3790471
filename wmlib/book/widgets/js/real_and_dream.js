// Real and dream: the real game, what V keeps of it, and what M dreams from the same actions.
import { attempt } from "./agent.js";
import { makeClock, wantsStillness } from "./clock.js";
import { make, makeButton, makeChoice, makeSeed, makeSlider, shown } from "./controls.js";
import { makeDrift } from "./drift.js";
import { loadDriver } from "./driver.js";
import { makePedals } from "./gauges.js";
import { makeHands } from "./hands.js";
import { makePair } from "./pair.js";
import { showGame } from "./real_stage.js";
import { makeSeenGame } from "./seen_game.js";
import { makeStage, stillOf } from "./stage.js";
import { listen, tell } from "./traits.js";

const RATE = 50; // steps a second, the game's own
const WATCHES = 10; // first steps of a road, through which M watches: until then it knows no speed
const PAUSE_AT_END = 2 * RATE; // steps that a finished drive stands still
const KERNEL_EVERY = 25; // steps between two messages to a Python kernel
/** @type {[string, string][]} */
const WAKINGS = [["25", "every 25 steps"], ["50", "every 50 steps"], ["100", "every 100 steps"],
  ["200", "every 200 steps"], ["0", "only when told (key W)"]];
const LABEL = "The real game. The arrow keys steer, accelerate and brake; W wakes M; let go and C drives again.";
const HINT = "Click the real picture, then the arrow keys are yours; or press on it: left and right steer, "
  + "above is gas, below is brake. Let go, and C drives again. W wakes M: its dream then goes on from here. "
  + "Curve: mean difference of the last two pictures; of unrelated ones, three pairs in four lie above the grey line.";

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
 * @param {{wake: () => void, look: () => void}} on
 */
function makeControls(model, on) {
  const tau = makeSlider({ label: "τ", min: 0.1, max: 3, step: 0.05, value: model.get("tau"),
    show: (value) => value.toFixed(2), onInput: (value) => tell(model, { tau: value }), hint: "temperature of the dream" });
  const waking = makeChoice({ label: "Wake M", options: WAKINGS, value: String(model.get("wake_every")),
    onChange: (value) => tell(model, { wake_every: Number(value) }) });
  const seed = makeSeed(model);
  const pause = makeButton("Pause", () => tell(model, { playing: !model.get("playing") }));
  const next = makeButton("Another road", () => tell(model, { seed: model.get("seed") + 1 }));
  const look = makeButton("As V sees it", on.look), choices = make("span");
  const el = make("div", {},
    make("div", { class: "wm-row" }, pause, next, makeButton("Wake M now", on.wake), look),
    make("div", { class: "wm-row" }, choices, waking.el, seed.el),
    make("div", { class: "wm-row" }, tau.el));
  /** @type {{el: HTMLElement, set: (value: string) => void} | undefined} */
  let driver;
  const offer = (/** @type {[string, string][]} */ names) => {
    driver = makeChoice({ label: "C", options: names, value: model.get("controller"),
      onChange: (name) => tell(model, { controller: name }) });
    choices.replaceChildren(driver.el);
  };
  return { el, tau, seed, pause, look, offer, waking, choose: (/** @type {string} */ name) => driver?.set(name) };
}

/**
 * One drive after the other; C acts, or the reader's hands. What happens is told to the traits.
 * @param {any} model
 * @param {import("./driver.js").Driver} driver
 * @param {import("./driver.js").Mind} mind
 * @param {import("./car_game.js").CarGame} game
 * @param {import("./hands.js").Hands} hands
 * @param {import("./gauges.js").Gauge} pedals
 */
function makeDrive(model, driver, mind, game, hands, pedals) {
  const seen = makeSeenGame(game, driver.encode, mind.memory);
  const pair = makePair(seen, mind.newDream(), driver.decode, model.get("unrelated"));
  let rest = 0;
  const drive = {
    game, seen, pair,
    woken: true, // since it was drawn last
    restart() {
      pair.reset(model.get("seed"));
      pedals.clear();
      drive.woken = true;
    },
    wake() {
      pair.wake();
      drive.woken = true;
    },
    step() {
      if (game.end) {
        if (--rest <= 0) tell(model, { seed: model.get("seed") + 1 }); // its listener restarts
        return;
      }
      const every = model.get("wake_every");
      if (seen.step === WATCHES || (every && pair.awakeFor >= every)) drive.wake();
      else if (seen.step < WATCHES) pair.wake();
      const human = hands.acting(), action = human ? hands.action() : mind.act(seen.features());
      pair.act(action, model.get("tau"));
      pedals.add(action, null);
      if (game.end) rest = PAUSE_AT_END;
      Object.entries({ step: seen.step, action, human }).forEach(([name, value]) => model.set(name, value));
      if (seen.step % KERNEL_EVERY === 0 || game.end) model.save_changes();
    },
  };
  drive.restart();
  return drive;
}

/** What the numbers under the pictures say. */
function tellNumbers(/** @type {import("./car_game.js").CarGame} */ game, /** @type {import("./pair.js").Pair} */ pair) {
  const { steps, score, tiles } = game.telemetry();
  const dreaming = steps <= WATCHES ? "M watches the game, and begins to dream" : pair.parted === null
    ? `M has dreamed for ${(pair.awakeFor / RATE).toFixed(1)} s, not yet parted`
    : `The two parted ${(pair.parted / RATE).toFixed(1)} s after M was woken`;
  return [`step ${steps} · return ${shown(score, 0)} · ${Math.round(100 * tiles)} % of the tiles`, dreaming];
}

/** What the last picture of a drive says. */
function lastWords(/** @type {import("./car_game.js").CarGame} */ game) {
  return game.end && `${game.end === "lap" ? "the lap is done" : game.end}: ${shown(game.score, 0)} points`;
}

/**
 * The widget's parts, and `show`, which brings all of them up to date with a drive.
 * @param {any} model
 * @param {HTMLElement} el
 * @param {{wake: () => void, look: () => void}} on
 */
function makeParts(model, el, on) {
  const stages = makeStages(stillOf(model, el)), hands = makeHands(stages.real.el, true);
  const drift = makeDrift(model.get("unrelated")), pedals = makePedals(), controls = makeControls(model, on);
  const numbers = make("p", { class: "wm-numbers wm-count" }, "…"), story = make("p", { class: "wm-numbers wm-told" }, "");
  const canvas = /** @type {HTMLCanvasElement} */ (stages.real.el.querySelector("canvas"));
  const show = (/** @type {ReturnType<typeof makeDrive>} */ drive, /** @type {boolean} */ sharp) => {
    const { game, seen, pair } = drive, before = pair.parted, human = hands.acting();
    pair.look();
    if (seen.step === 0) drift.clear();
    if (!game.end && seen.step > WATCHES)
      drift.add({ step: seen.step, apart: pair.apart, woken: drive.woken, parted: before === null && pair.parted !== null });
    drive.woken = false;
    model.set("apart", pair.apart);
    showGame(canvas, game, sharp);
    stages.kept.show(pair.kept);
    stages.dreamed.show(pair.dreamed);
    stages.real.actor(human ? "You drive" : "C drives", human);
    stages.real.say(lastWords(game));
    [numbers.textContent, story.textContent] = tellNumbers(game, pair);
    pedals.redraw();
    drift.redraw();
  };
  el.append(make("div", { class: "wm-live wm-trio" }, stages.row,
    make("div", { class: "wm-beside" }, make("div", {}, numbers, story), pedals.el), drift.el, controls.el,
    make("p", { class: "wm-note" }, HINT)));
  return { stages, hands, drift, pedals, controls, show };
}

/** @param {{model: any, el: HTMLElement}} view */
function renderRealAndDream({ model, el }) {
  let sharp = true, stopped = false;
  /** @type {ReturnType<typeof makeDrive> | undefined} */
  let drive;
  /** @type {import("./driver.js").Driver | undefined} */
  let driver;
  const wake = () => { drive?.wake(); draw(); };
  const draw = () => drive && parts.show(drive, sharp);
  const look = () => {
    sharp = !sharp;
    parts.controls.look.textContent = sharp ? "As V sees it" : "Sharp";
    draw();
  };
  const parts = makeParts(model, el, { wake, look }), { stages, hands, controls } = parts;
  const clock = makeClock({ el: stages.row, rate: () => RATE, step: () => drive?.step(), draw, playing: false });
  const obey = () => {
    controls.pause.textContent = model.get("playing") ? "Pause" : "Play";
    if (drive && model.get("playing")) return clock.play();
    clock.pause();
    hands.clear(); // nobody drives what stands still
    if (drive) stages.real.actor("C drives", false);
  };
  let known = ""; // the C that drives
  const choose = async () => {
    const name = model.get("controller");
    controls.choose(name);
    if (!driver) return;
    if (name === known) return obey(); // back to it while another was loading
    clock.pause(); // what is said of the loading stays to be read
    const mind = await attempt(stages.real.say, () => /** @type {import("./driver.js").Driver} */ (driver).mind(name));
    if (stopped || name !== model.get("controller")) return; // chosen anew meanwhile
    if (!mind) return tell(model, { playing: false, controller: known || name }); // that one still drives
    known = name;
    drive = makeDrive(model, driver, mind, drive?.game ?? driver.makeGame(), hands, parts.pedals);
    draw();
    obey();
  };
  const reseed = () => {
    controls.seed.show();
    drive?.restart();
    draw();
  };
  const stopListening = listen(model, { playing: obey, controller: choose, seed: reseed,
    tau: () => controls.tau.set(model.get("tau")), wake_every: () => controls.waking.set(String(model.get("wake_every"))) });
  stages.real.el.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() === "w" && !event.ctrlKey && !event.metaKey && !event.altKey) wake();
  });
  const start = async () => {
    driver = await attempt(stages.real.say, () => loadDriver(model, stages.real.say));
    if (!driver) return false;
    if (stopped) return true;
    controls.offer(driver.names);
    if (wantsStillness()) model.set("playing", false);
    await choose();
    return known !== "";
  };
  obey();
  const callOff = stages.real.begin("Play", start);
  return () => {
    stopped = true;
    [clock.stop, hands.stop, callOff, parts.drift.stop, stopListening].forEach((end) => end());
  };
}

const realAndDream = { render: renderRealAndDream };
export default realAndDream;
