// Chapters 10 and 11: a real pendulum beside M's dream of it, and a C evolved in that dream.
import { make, makeButton, makeChoice, shown } from "./controls.js";
import { makeSurface } from "./canvas.js";
import { makeClock, wantsStillness } from "./clock.js";
import { DreamEvolution, GENERATIONS } from "./dream_evolution.js";
import { drawHeights, drawPendulum, drawReturns } from "./pendulum_views.js";
import { controllerTorque, MAX_TORQUE, PENDULUM_FPS } from "./pendulum.js";
import { unpackedRound } from "./pendulum_round.js";
import { holdButton, makePush, pushKeys } from "./pushing.js";
import { tell } from "./traits.js";
import { TwoPendulums } from "./two_pendulums.js";

const EPISODE_STEPS = 200;
const TOLD_EVERY = 10; // steps between two messages to a notebook
const EVOLVING_MS = 12; // of each frame, so that the page stays quick
const PUSHERS = [["round", "C of this round"], ["you", "you (← →)"], ["evolved", "C evolved here"]];

/** The widget: two worlds, who pushes them, and a search in one of them. */
class PendulumLabView {
  /** @param {any} model */
  constructor(model) {
    this.model = model;
    this.rounds = model.get("rounds").map(unpackedRound);
    this.worlds = this.newWorlds();
    /** @type {DreamEvolution | null} */
    this.evolution = null;
    this.held = makePush((way) => this.push(way));
    this.makePictures();
    this.makeControls();
    this.root = make("div", { class: "wm-live", ...pushKeys(this.held),
      "data-lm-suppress-shortcuts": "true" }, // in JupyterLab the arrow keys would choose another cell
      make("div", { class: "wm-row" }, this.which.el, this.who.el),
      make("div", { class: "wm-two", tabindex: 0, role: "group",
        "aria-label": "Two pendulums; the arrow keys push them" }, this.real.el, this.dream.el),
      make("div", { class: "wm-row" }, ...this.pushers, this.player, this.again),
      this.heights.el, make("div", { class: "wm-row" }, this.evolving), this.returns.el, this.note);
    // The moving parts wait while they are off-screen, so they watch the root.
    this.clock = makeClock({ el: this.root, rate: () => PENDULUM_FPS, playing: false,
      step: () => this.step(), draw: () => this.redraw() });
    this.worker = makeClock({ el: this.root, rate: () => 60, playing: false,
      step: () => {}, draw: () => this.evolveOn() });
    this.listeners = { "change:round": () => this.changeRound(), "change:tau": () => this.changeRound(),
      "change:who": () => this.changeWho() };
    for (const [event, listener] of Object.entries(this.listeners)) model.on(event, listener);
    this.report();
  }

  newWorlds() {
    return new TwoPendulums(this.rounds[this.model.get("round")], this.model.get("tau"));
  }

  makePictures() {
    const narrow = matchMedia("(max-width: 600px)").matches;
    const pendulum = (/** @type {"real" | "dream"} */ world, /** @type {string} */ label) => makeSurface({
      ratio: 1, label, draw: (g, w, h, colours) => drawPendulum(g, w, colours, world,
        this.worlds.code(world), this.worlds.torques[world], this.worlds.reward(world)) });
    this.real = pendulum("real", "The real pendulum");
    this.dream = pendulum("dream", "M's dream of the pendulum");
    this.heights = makeSurface({ ratio: narrow ? 2.6 : 5, label: "Height of both pendulums over the last ten seconds",
      draw: (g, w, h, colours) => drawHeights(g, w, h, colours, this.worlds.heights, this.worlds.steps) });
    this.returns = makeSurface({ ratio: narrow ? 1.9 : 3.6,
      label: "Reward per step of the evolved C, in the dream and in the game",
      draw: (g, w, h, colours) => drawReturns(g, w, h, colours, this.evolution?.rows ?? [], GENERATIONS) });
  }

  makeControls() {
    const { model } = this, rounds = /** @type {{name: string}[]} */ (model.get("rounds"));
    this.which = makeChoice({ label: "M of", value: String(model.get("round")),
      options: rounds.map(({ name }, i) => [String(i), name]), onChange: (v) => tell(this.model, { round: Number(v) }) });
    this.who = makeChoice({ label: "who pushes", value: model.get("who"),
      options: /** @type {[string, string][]} */ (PUSHERS), onChange: (v) => tell(this.model, { who: v }) });
    this.pushers = [["← push", -1], ["push →", 1]].map(([text, way]) => holdButton(/** @type {string} */ (text),
      () => this.held.hold(String(text), Number(way)), () => this.held.letGo(String(text))));
    this.player = makeButton("Play", () => this.play(!this.clock.playing()));
    this.again = makeButton("Hang again", () => { this.worlds.hang(); this.redraw(); });
    this.evolving = makeButton("", () => this.toggleEvolving(),
      "CMA-ES, 32 candidates, 4 dreams each, 50 generations: about half a minute");
    this.note = make("p", { class: "wm-note wm-numbers wm-report", role: "status" });
  }

  /** The torque of whoever pushes, at z. */
  act(/** @type {ArrayLike<number>} */ z) {
    const who = this.model.get("who");
    if (who === "round") return controllerTorque(this.worlds.round.controller, z);
    if (who === "evolved" && this.evolution) return controllerTorque(this.evolution.controller, z);
    return MAX_TORQUE * this.model.get("push");
  }

  step() {
    const { worlds } = this;
    if (worlds.steps >= EPISODE_STEPS && this.model.get("who") !== "you") worlds.hang();
    worlds.step((z) => this.act(z));
    const { real, dream } = worlds.heights;
    if (worlds.steps % TOLD_EVERY === 0)
      tell(this.model, { step: worlds.steps, real_height: real[real.length - 1], dream_height: dream[dream.length - 1] });
  }

  /** −1 and 1 push and take over; 0 lets go. */
  push(/** @type {number} */ way) {
    tell(this.model, way ? { push: way, who: "you" } : { push: 0 });
    if (way) this.play(true);
  }

  play(/** @type {boolean} */ on) {
    if (on) this.clock.play();
    else this.clock.pause();
    this.player.textContent = on ? "Pause" : "Play";
  }

  redraw() {
    for (const surface of [this.real, this.dream, this.heights]) surface.redraw();
  }

  toggleEvolving() {
    if (this.worker.playing()) this.worker.pause();
    else {
      const seed = 1 + Math.floor(1e6 * Math.random());
      if (!this.evolution || this.evolution.finished)
        this.evolution = new DreamEvolution(this.worlds.round.memory, seed, this.model.get("tau"));
      tell(this.model, { who: "evolved" });
      this.worker.play();
      this.play(true);
    }
    this.report();
  }

  /** Some milliseconds of the search; a generation that ended in them is shown. */
  evolveOn() {
    const before = this.evolution.rows.length;
    this.evolution.goOn(EVOLVING_MS);
    if (this.evolution.rows.length === before && !this.evolution.finished) return;
    this.returns.redraw();
    this.report();
  }

  /** Say how far the search is. */
  report() {
    const { evolution } = this, done = evolution !== null && evolution.finished;
    if (done) this.worker.pause();
    this.note.setAttribute("aria-live", this.worker.playing() ? "off" : "polite"); // not every generation is read aloud
    this.evolving.textContent = this.worker.playing() ? "Pause evolving"
      : evolution && !done ? "Go on evolving" : "Evolve a C in this dream";
    this.note.textContent = evolutionTold(evolution);
    const last = evolution && (evolution.result ?? evolution.rows[evolution.rows.length - 1]);
    if (last) tell(this.model, { dream_reward: last.dream, real_reward: last.real });
    if (done) tell(this.model, { evolved: Array.from(evolution.controller) });
  }

  changeRound() {
    this.worker.pause();
    this.evolution = null;
    this.worlds = this.newWorlds();
    if (this.model.get("who") === "evolved") tell(this.model, { who: "round" });
    this.which.set(String(this.model.get("round")));
    this.report();
    this.redraw();
    this.returns.redraw();
  }

  changeWho() {
    this.who.set(this.model.get("who"));
    this.worlds.hang();
    this.redraw();
  }

  stop() {
    for (const [event, listener] of Object.entries(this.listeners)) this.model.off(event, listener);
    for (const part of [this.clock, this.worker, this.real, this.dream, this.heights, this.returns]) part.stop();
  }
}

/** What can be said of the search so far, in a sentence or two. */
function evolutionTold(/** @type {DreamEvolution | null} */ evolution) {
  if (!evolution) return "Nothing evolved yet. Hanging still costs 9.87 a step; upright is 0.";
  const last = evolution.rows[evolution.rows.length - 1], { result } = evolution;
  if (!last) return "The first generation dreams.";
  const number = (/** @type {number} */ x) => shown(x, 1);
  const gets = (/** @type {{dream: number, real: number}} */ row) =>
    `gets ${number(row.dream)} a step in its dream, ${number(row.real)} in the game.`;
  if (!result) return `Generation ${last.generation} of ${GENERATIONS}: the cloud's mean ${gets(last)}`;
  const end = `The C of generation ${result.generation}, which did best in its dreams, ${gets(result)}`;
  if (result.dream - result.real > 1)
    return `${end} The dream promises more than the game pays: M is wrong where this C goes.`;
  return `${end} ${result.dream < -7 ? "In this dream nothing better was found." : "The dream told the truth."}`;
}

/**
 * Traits: `rounds` (packed weights), `round` (which is chosen), `who` ("you", "round" or
 * "evolved"), `tau`, `push` (−1, 0, 1), and what is told: `step`, `real_height`, `dream_height`,
 * `evolved` (C's parameters), `dream_reward`, `real_reward` (per step, of the evolved C).
 * @param {{model: any, el: HTMLElement}} view
 */
function renderPendulumLab({ model, el }) {
  const lab = new PendulumLabView(model);
  el.append(lab.root);
  lab.play(!wantsStillness());
  return () => lab.stop();
}

const pendulum_lab = { render: renderPendulumLab };
export default pendulum_lab;
