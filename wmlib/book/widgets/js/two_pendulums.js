// A real pendulum and M's dream of it, stepped together.
import { Chance } from "./chance.js";
import { codeOf, hanging, pendulumStep } from "./pendulum.js";
import { PendulumDream } from "./pendulum_dream.js";

export const LAST_STEPS = 200; // of which the heights are kept: ten seconds
const LOOKED_ON = 5; // steps: M that has seen nothing yet guesses widely, and would begin with a jump

/** @typedef {"real" | "dream"} World */

export class TwoPendulums {
  /**
   * @param {{memory: import("./pendulum_dream.js").PendulumMemory, controller: Float32Array}} round
   * @param {number} tau
   */
  constructor(round, tau) {
    this.chance = new Chance(7);
    this.round = round;
    this.dream = new PendulumDream(round.memory, this.chance, tau);
    this.hang();
  }

  /** The real one hangs again, M watches it for a moment, and the dream begins at the same place. */
  hang() {
    const blur = this.round.memory.w.startLogVariance;
    this.state = hanging(this.chance);
    this.dream.begin(codeOf(this.state), blur);
    for (let t = 0; t < LOOKED_ON; t++) {
      this.state = pendulumStep(this.state, 0).state;
      this.dream.watch(0, codeOf(this.state), blur);
    }
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
    for (const heights of Object.values(this.heights)) if (heights.length > LAST_STEPS) heights.shift();
    this.steps += 1;
  }

  /** cos, sin, half the velocity. */
  code(/** @type {World} */ world) {
    return world === "real" ? codeOf(this.state) : this.dream.z;
  }

  /** Reward per step so far; before the first step there is none. */
  reward(/** @type {World} */ world) {
    return this.steps ? this.total[world] / this.steps : null;
  }
}
