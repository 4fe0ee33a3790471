// Chapters 10 and 11: a real pendulum beside M's dream of it, and a C evolved in that dream.
import { make, makeButton, makeChoice } from "./controls.js";
import { makeSurface } from "./canvas.js";
import { makeClock, wantsStillness } from "./clock.js";
import { Chance } from "./chance.js";
import { DreamEvolution, GENERATIONS } from "./dream_evolution.js";
import { drawHeights, drawPendulum, drawReturns } from "./pendulum_views.js";
import { codeOf, controllerTorque, hanging, MAX_TORQUE, PENDULUM_FPS, pendulumStep } from "./pendulum.js";
import { PendulumDream } from "./pendulum_dream.js";
import { unpackedRound } from "./pendulum_round.js";

const EPISODE = 200;
const TOLD_EVERY = 10; // steps between two messages to a notebook

/** Both worlds, stepped together. */
class TwoPendulums {
  /** @param {ReturnType<typeof unpackedRound>} round */
  constructor(round, /** @type {number} */ tau) {
    this.chance = new Chance(7);
    this.round = round;
    this.dream = new PendulumDream(round.memory, this.chance, tau);
    this.hang();
  }

  /** Both hang down again, at the same place. */
  hang() {
    this.state = hanging(this.chance);
    this.dream.begin(codeOf(this.state), this.round.memory.w.startLogVariance);
    this.steps = 0;
    this.torques = { real: 0, dream: 0 };
    this.total = { real: 0, dream: 0 };
    /** @type {{real: number[], dream: number[]}} */
    this.heights = { real: [], dream: [] };
  }

  /** @param {(z: ArrayLike<number>) => number} act what pushes each of them */
  step(act) {
    this.torques = { real: act(codeOf(this.state)), dream: act(this.dream.z) };
    const next = pendulumStep(this.state, this.torques.real);
    this.state = next.state;
    this.total.real += next.reward;
    this.total.dream += this.dream.step(this.torques.dream);
    this.heights.real.push(Math.cos(this.state.angle));
    this.heights.dream.push(this.dream.z[0]);
    this.steps += 1;
  }
}

/**
 * Traits: `rounds` (packed weights), `round` (which is chosen), `who` ("you", "round" or
 * "evolved"), `tau`, `push` (−1, 0, 1), and what is told: `step`, `real_height`, `dream_height`,
 * `evolved` (C's parameters), `dream_reward`, `real_reward` (per step, of the evolved C).
 * @param {{model: any, el: HTMLElement}} view
 */
function renderPendulumLab({ model, el }) {
  const rounds = model.get("rounds").map(unpackedRound);
  let worlds = new TwoPendulums(rounds[model.get("round")], model.get("tau"));
  /** @type {DreamEvolution | null} */ let evolution = null;
  const tell = (/** @type {Object<string, any>} */ news) => {
    for (const [name, value] of Object.entries(news)) model.set(name, value);
    model.save_changes();
  };
  const act = (/** @type {ArrayLike<number>} */ z) => {
    const who = model.get("who");
    if (who === "round") return controllerTorque(worlds.round.controller, z);
    if (who === "evolved" && evolution) return controllerTorque(evolution.controller, z);
    return MAX_TORQUE * model.get("push");
  };
  const step = () => {
    if (worlds.steps >= EPISODE && model.get("who") !== "you") worlds.hang();
    worlds.step(act);
    if (worlds.steps % TOLD_EVERY === 0) tell({ step: worlds.steps,
      real_height: worlds.heights.real[worlds.steps - 1], dream_height: worlds.heights.dream[worlds.steps - 1] });
  };
  const narrow = matchMedia("(max-width: 600px)").matches;
  const view = (/** @type {"real" | "dream"} */ kind, /** @type {string} */ label) => makeSurface({ ratio: 1, label,
    draw: (g, w, h, colours) => drawPendulum(g, w, colours, kind, kind === "real" ? codeOf(worlds.state) : worlds.dream.z,
      worlds.torques[kind], worlds.steps ? worlds.total[kind] / worlds.steps : null) });
  const surfaces = [view("real", "The real pendulum"), view("dream", "M's dream of the pendulum"),
    makeSurface({ ratio: narrow ? 2.6 : 5, label: "Height of both pendulums over the last ten seconds",
      draw: (g, w, h, colours) => drawHeights(g, w, h, colours, worlds.heights) }),
    makeSurface({ ratio: narrow ? 1.9 : 3.6, label: "Reward per step of the evolved C, in the dream and in the game",
      draw: (g, w, h, colours) => drawReturns(g, w, h, colours, evolution ? evolution.rows : [], GENERATIONS) })];
  const redraw = () => surfaces.forEach((surface) => surface.redraw());
  const clock = makeClock({ el, rate: () => PENDULUM_FPS, step, playing: false,
    draw: () => surfaces.slice(0, 3).forEach((surface) => surface.redraw()) });
  // Evolving shares the frames with the pendulums: some milliseconds of each.
  const worker = makeClock({ el, rate: () => 60, step: () => {}, playing: false, draw: () => {
    const before = evolution.rows.length;
    evolution.goOn(12);
    if (evolution.rows.length === before && !evolution.finished) return;
    surfaces[3].redraw();
    report();
  } });
  const evolving = makeButton("Evolve a C in this dream", () => {
    if (worker.playing()) worker.pause();
    else {
      if (!evolution || evolution.finished) evolution = new DreamEvolution(worlds.round.memory, 1 + Math.floor(1e6 * Math.random()), model.get("tau"));
      tell({ who: "evolved" });
      worker.play();
      play(true);
    }
    report();
  }, "CMA-ES, 32 candidates, 4 dreams each, 50 generations: about half a minute");
  const note = make("p", { class: "wm-note wm-numbers wm-report", role: "status" });
  const report = () => {
    const done = evolution !== null && evolution.finished;
    if (done) worker.pause();
    evolving.textContent = worker.playing() ? "Pause evolving" : evolution && !done ? "Go on evolving" : "Evolve a C in this dream";
    note.textContent = evolutionTold(evolution);
    const last = evolution && (evolution.result ?? evolution.rows[evolution.rows.length - 1]);
    if (last) tell({ dream_reward: last.dream, real_reward: last.real, ...(done ? { evolved: Array.from(evolution.controller) } : {}) });
  };
  const play = (/** @type {boolean} */ on) => {
    if (on) clock.play();
    else clock.pause();
    player.textContent = on ? "Pause" : "Play";
  };
  const player = makeButton("Play", () => play(!clock.playing()));
  const again = makeButton("Hang again", () => { worlds.hang(); redraw(); });
  const push = (/** @type {number} */ way) => {
    tell(way ? { push: way, who: "you" } : { push: 0 });
    if (way) play(true);
  };
  const which = makeChoice({ label: "M of", value: String(model.get("round")), onChange: (v) => tell({ round: Number(v) }),
    options: model.get("rounds").map((/** @type {{name: string}} */ round, /** @type {number} */ i) => [String(i), round.name]) });
  const who = makeChoice({ label: "who pushes", value: model.get("who"), onChange: (v) => tell({ who: v }),
    options: [["round", "C of this round"], ["you", "you (← →)"], ["evolved", "C evolved here"]] });
  const changeRound = () => {
    worker.pause();
    evolution = null;
    worlds = new TwoPendulums(rounds[model.get("round")], model.get("tau"));
    if (model.get("who") === "evolved") tell({ who: "round" });
    which.set(String(model.get("round")));
    report();
    redraw();
  };
  const changeWho = () => { who.set(model.get("who")); worlds.hang(); redraw(); };
  const root = make("div", { class: "wm-live", ...pushKeys(push) },
    make("div", { class: "wm-row" }, which.el, who.el),
    make("div", { class: "wm-two", tabindex: 0, role: "group", "aria-label": "Two pendulums; the arrow keys push them" },
      surfaces[0].el, surfaces[1].el),
    make("div", { class: "wm-row" }, holdButton("← push", () => push(-1), () => push(0)),
      holdButton("push →", () => push(1), () => push(0)), player, again),
    surfaces[2].el, make("div", { class: "wm-row" }, evolving), surfaces[3].el, note);
  model.on("change:round", changeRound);
  model.on("change:tau", changeRound);
  model.on("change:who", changeWho);
  el.append(root);
  report();
  play(!wantsStillness());
  return () => {
    model.off("change:round", changeRound);
    model.off("change:tau", changeRound);
    model.off("change:who", changeWho);
    for (const part of [clock, worker, ...surfaces]) part.stop();
  };
}

/** What can be said of the search so far, in a sentence. */
function evolutionTold(/** @type {DreamEvolution | null} */ evolution) {
  if (!evolution) return "Nothing evolved yet. Hanging still costs 9.87 a step; upright is 0.";
  const last = evolution.rows[evolution.rows.length - 1];
  if (!last) return "The first generation dreams.";
  const number = (/** @type {number} */ x) => x.toFixed(1).replace("-", "−");
  const gets = (/** @type {{dream: number, real: number}} */ row) => `gets ${number(row.dream)} a step in its dream, ${number(row.real)} in the game.`;
  const { result } = evolution;
  if (!result) return `Generation ${last.generation} of ${GENERATIONS}: the cloud's mean ${gets(last)}`;
  const end = `The C of generation ${result.generation}, which did best in its dreams, ${gets(result)}`;
  if (result.dream - result.real > 1) return `${end} The dream promises more than the game pays: M is wrong where this C goes.`;
  return result.dream < -7 ? `${end} In this dream nothing better was found.` : `${end} The dream told the truth.`;
}

/** Listeners that push while an arrow key is held, except where the key moves something else. */
function pushKeys(/** @type {(way: number) => void} */ push) {
  const way = (/** @type {KeyboardEvent} */ event) =>
    (/** @type {HTMLElement} */ (event.target).matches("select, input") ? 0 : { ArrowLeft: -1, ArrowRight: 1 }[event.key] ?? 0);
  return {
    onkeydown: (/** @type {KeyboardEvent} */ event) => {
      if (!way(event)) return;
      event.preventDefault();
      if (!event.repeat) push(way(event));
    },
    onkeyup: (/** @type {KeyboardEvent} */ event) => { if (way(event)) push(0); },
    onfocusout: () => push(0),
  };
}

/** A button that acts as long as it is held, by finger, mouse, or the space and enter keys. */
function holdButton(/** @type {string} */ text, /** @type {() => void} */ down, /** @type {() => void} */ up) {
  const isKey = (/** @type {KeyboardEvent} */ event) => event.key === " " || event.key === "Enter";
  return make("button", { type: "button", class: "wm-button wm-hold",
    onpointerdown: (/** @type {PointerEvent} */ event) => {
      /** @type {HTMLElement} */ (event.currentTarget).setPointerCapture(event.pointerId);
      down();
    },
    onpointerup: up, onpointercancel: up, oncontextmenu: (/** @type {Event} */ event) => event.preventDefault(),
    onkeydown: (/** @type {KeyboardEvent} */ event) => { if (isKey(event) && !event.repeat) down(); },
    onkeyup: (/** @type {KeyboardEvent} */ event) => { if (isKey(event)) up(); } }, text);
}

const pendulum_lab = { render: renderPendulumLab };
export default pendulum_lab;
