// C is evolved inside M, here and now: CMA-ES asks, dreams answer. The settings are chapter 10's.
import { Chance } from "./chance.js";
import { CmaEs } from "./cma.js";
import { C_PARAMETERS, codeOf, controllerTorque, hanging, pendulumStep } from "./pendulum.js";
import { PendulumDream } from "./pendulum_dream.js";

export const GENERATIONS = 50;
const CANDIDATES = 32, EPISODES = 4, DREAM_STEPS = 150, REAL_STEPS = 200;
const CHOSEN_AMONG_EVERY = 10, CHOSEN_BY = 8, LAST_WORD = 16; // generations; dreams; episodes

/** @typedef {import("./pendulum_dream.js").PendulumMemory} PendulumMemory */
/** @typedef {{generation: number, dream: number, real: number}} GenerationRow rewards per step of the cloud's mean */

export class DreamEvolution {
  /**
   * @param {PendulumMemory} memory
   * @param {number} seed
   * @param {number} tau
   */
  constructor(memory, seed, tau) {
    this.memory = memory;
    this.seed = seed;
    this.tau = tau;
    this.search = new CmaEs(new Float64Array(C_PARAMETERS), 1, CANDIDATES, new Chance(seed));
    /** @type {GenerationRow[]} */
    this.rows = [];
    /** The mean that did best in its dreams, as the package chooses it; at the end it is C. */
    this.best = { params: new Float64Array(C_PARAMETERS), generation: 0, dream: -Infinity };
    /** @type {GenerationRow | null} what the chosen C gets, once all is done */
    this.result = null;
    this.work = this.generations();
  }

  get finished() {
    return this.result !== null;
  }

  /** C as it is now: the cloud's mean, at the end the chosen one. */
  get controller() {
    return this.finished ? this.best.params : this.search.mean;
  }

  /**
   * Go on for about so many milliseconds.
   * @param {number} milliseconds
   */
  goOn(milliseconds) {
    const until = performance.now() + milliseconds;
    while (!this.finished && performance.now() < until) this.work.next();
  }

  /**
   * All generations, with a breath after each dream, so that the page stays quick.
   * @returns {Generator<void, void>}
   */
  *generations() {
    for (let generation = 1; generation <= GENERATIONS; generation++) {
      const costs = [];
      for (const candidate of this.search.ask()) {
        let total = 0;
        for (let k = 0; k < EPISODES; k++) {
          // All candidates of a generation dream with the same chance, so they are compared fairly.
          total += this.dreamed(candidate, 1000 * this.seed + EPISODES * generation + k);
          yield;
        }
        costs.push(-total / EPISODES);
      }
      this.search.tell(costs);
      const mean = this.search.mean, candidate = generation % CHOSEN_AMONG_EVERY === 0;
      const row = { generation, ...this.score(mean, candidate ? CHOSEN_BY : EPISODES, generation) };
      this.rows.push(row);
      if (candidate && row.dream > this.best.dream) this.best = { params: mean.slice(), generation, dream: row.dream };
      yield;
    }
    this.result = { generation: this.best.generation, ...this.score(this.best.params, LAST_WORD, GENERATIONS + 1) };
  }

  /**
   * A C in its dream and in the real game: rewards per step.
   * @param {ArrayLike<number>} params
   * @param {number} episodes of each
   * @param {number} generation
   */
  score(params, episodes, generation) {
    let dream = 0, real = 0;
    for (let k = 0; k < episodes; k++) {
      const seed = 500 + 1000 * this.seed + LAST_WORD * generation + k;
      dream += this.dreamed(params, seed) / (episodes * DREAM_STEPS);
      real += realReturn(params, seed) / (episodes * REAL_STEPS);
    }
    return { dream, real };
  }

  /** The return that M promises this C in one dream. */
  dreamed(/** @type {ArrayLike<number>} */ params, /** @type {number} */ seed) {
    const dream = new PendulumDream(this.memory, new Chance(seed), this.tau);
    let total = 0;
    for (let t = 0; t < DREAM_STEPS; t++) total += dream.step(controllerTorque(params, dream.z));
    return total;
  }
}

/** What this C gets in one episode of the real game. */
export function realReturn(/** @type {ArrayLike<number>} */ params, /** @type {number} */ seed) {
  let state = hanging(new Chance(seed)), total = 0;
  for (let t = 0; t < REAL_STEPS; t++) {
    const next = pendulumStep(state, controllerTorque(params, codeOf(state)));
    state = next.state;
    total += next.reward;
  }
  return total;
}
