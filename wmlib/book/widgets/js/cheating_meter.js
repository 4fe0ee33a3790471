// The cheating meter: dreams at several temperatures side by side, each with the C that learned at
// its own. A probe counts the fireballs in every dreamed z; M's end head decides who lives.
import { attempt, loadAgent, whenWanted } from "./agent.js";
import { makeClock, wantsStillness } from "./clock.js";
import { make, makeButton, makeChoice } from "./controls.js";
import { loadNetwork } from "./networks.js";
import { makeProbe } from "./probe.js";
import { makeStage } from "./stage.js";
import { listen, tell } from "./traits.js";

const REST_TICS = 30; // how long a finished dream stands still

/**
 * One dream of the four: its picture and its numbers.
 * @param {number} tau
 * @param {[number, number, number]} real mean, standard error and number of this C's real lives
 * @param {string} still
 */
function makeColumn(tau, real, still) {
  const stage = makeStage({ label: `Doom dreamed at temperature ${tau}`, still, focus: false });
  const value = () => make("dd", { class: "wm-numbers" }, "–");
  const now = value(), average = value(), alive = value(), mean = value();
  const stored = make("dd", { class: "wm-numbers wm-real" }, `${Math.round(real[0])} ± ${Math.round(real[1])}`);
  stored.title = `mean ± standard error of ${real[2]} episodes of the real game`;
  const rows = [["fireballs", now], ["on average", average], ["tics alive", alive],
    ["mean life", mean], ["real game", stored]];
  const list = make("dl", {}, ...rows.flatMap(([text, dd]) => [make("dt", {}, text), dd]));
  const el = make("section", {}, make("p", {}, `τ = ${tau}`), stage.el, list);
  return { el, stage, now, average, alive, mean };
}

/**
 * A life after the other in dreams at `tau`; counts what the probe sees.
 * @param {import("./agent.js").BrowserAgent} agent
 * @param {(z: Float32Array) => number} probe
 * @param {string} controller
 * @param {number} tau
 * @param {number} firstSeed
 */
export function makeLives(agent, probe, controller, tau, firstSeed) {
  const dream = agent.newDream(), act = agent.controller(controller);
  /** @type {number[]} */
  const ended = [];
  let seed = firstSeed, seen = 0, tics = 0, rest = 0;
  dream.reset(seed);
  const lives = {
    dream, ended, count: 0, average: 0,
    step() {
      if (dream.ended) {
        if (--rest <= 0) dream.reset(++seed);
        return;
      }
      lives.count = probe(dream.z);
      seen += lives.count;
      lives.average = seen / ++tics;
      dream.act(act(dream.features()), tau);
      if (!dream.ended) return;
      ended.push(dream.step);
      rest = REST_TICS;
    },
    /** Mean length: that of the finished lives, or of the first one so far. */
    mean: () => (ended.length ? ended.reduce((a, b) => a + b) / ended.length : dream.step),
  };
  return lives;
}

/**
 * Show one life in its column.
 * @param {ReturnType<typeof makeColumn>} column
 * @param {ReturnType<typeof makeLives>} life
 * @param {import("./agent.js").BrowserAgent} agent
 */
function showLife({ stage, now, average, alive, mean }, life, agent) {
  const { dream, ended } = life;
  stage.show(agent.decode(dream.z));
  stage.say(!dream.ended ? "" : dream.step < agent.facts.max_steps ? "dead" : "alive");
  now.textContent = life.count === 3 ? "3 +" : String(life.count);
  average.textContent = life.average.toFixed(2);
  alive.textContent = String(dream.step);
  mean.textContent = ended.length ? `${Math.round(life.mean())} (${ended.length})` : "–";
}

/** @param {{model: any, el: HTMLElement}} view */
function renderCheatingMeter({ model, el }) {
  const taus = /** @type {number[]} */ (model.get("taus"));
  const columns = taus.map((tau, i) => makeColumn(tau, model.get("real")[i], model.get("pictures")[i]));
  const line = make("p", { class: "wm-note", role: "status" }, NOTE);
  /** @type {{agent: import("./agent.js").BrowserAgent, probe: (z: Float32Array) => number} | undefined} */
  let ready;
  /** @type {ReturnType<typeof makeLives>[]} */
  let lives = [];
  let speed = 1, stopped = false, steps = 0;

  const draw = () => lives.forEach((life, i) => { if (ready) showLife(columns[i], life, ready.agent); });
  const begin = () => {
    if (!ready) return;
    const { agent, probe } = ready, names = model.get("controllers");
    lives = taus.map((tau, i) => makeLives(agent, probe, names[i], tau, model.get("seed")));
    draw();
  };
  const step = () => {
    lives.forEach((life) => life.step());
    if (++steps % 35 === 0) tell(model, { fireballs: lives.map((life) => life.average),
      lives: lives.map((life) => [...life.ended]) });
  };
  const clock = makeClock({ el, rate: () => speed * (ready?.agent.facts.fps ?? 35), step, draw, playing: false });
  const pause = makeButton("Pause", () => tell(model, { playing: !model.get("playing") }));
  const obey = () => {
    pause.textContent = model.get("playing") ? "Pause" : "Play";
    if (ready && model.get("playing")) clock.play();
    else clock.pause();
  };
  const again = makeButton("Begin again", () => tell(model, { seed: model.get("seed") + 1000 }));
  const pace = makeChoice({ label: "speed", value: "1", onChange: (value) => { speed = Number(value); },
    options: [["1", "as in the game"], ["4", "four times"]] });
  const stopListening = listen(model, { playing: obey, seed: begin });

  const say = (/** @type {string} */ text) => { line.textContent = text || NOTE; };
  const start = async () => {
    const loaded = await attempt(say, async () => ({ agent: await loadAgent(model, say),
      probe: makeProbe(await loadNetwork(model, model.get("networks").probe, say)) }));
    if (!loaded) return false;
    if (stopped) return true;
    ready = loaded;
    if (wantsStillness()) model.set("playing", false);
    begin();
    obey();
    return true;
  };
  const callOff = whenWanted(el, line, "Load the four dreams", start);
  el.append(make("div", { class: "wm-live wm-meter" }, make("div", { class: "wm-columns" },
    ...columns.map((column) => column.el)), make("div", { class: "wm-row" }, pause, again, pace.el), line));
  obey();
  return () => {
    stopped = true;
    [clock.stop, callOff, stopListening].forEach((end) => end());
  };
}

const NOTE = "Orange frames are dreams: in each, C learned in dreams of that temperature. Fireballs are "
  + "counted by the book's probe. Blue: tics that this C survived in the real game (mean ± standard error).";

const cheatingMeter = { render: renderCheatingMeter };
export default cheatingMeter;
