// The real game seen through V and M: after each step V looks at the picture and M remembers. What
// C gets to see is [z, h], exactly as in a dream, so that it cannot tell the two apart.
import { normals, STREAMS } from "./noise.js";

/**
 * `z` is drawn from what V sees (`mu`, its spread), with noise that depends on (seed, step) alone:
 * the same as in Python.
 * @typedef {{game: import("./car_game.js").CarGame, mu: Float32Array, z: Float32Array,
 *   state: import("./memory.js").LSTMState, step: number, reset: (seed: number) => void,
 *   act: (action: number[]) => import("./car_game.js").Step, features: () => Float32Array}} SeenGame
 */

/**
 * @param {import("./car_game.js").CarGame} game
 * @param {(picture: Float32Array) => {mu: Float32Array, logvar: Float32Array}} encode
 * @param {import("./memory.js").Memory} memory
 * @returns {SeenGame}
 */
export function makeSeenGame(game, encode, memory) {
  let seed = 0;
  const light = new Float32Array(game.picture.length);

  const look = () => {
    const picture = game.draw();
    for (let i = 0; i < light.length; i++) light[i] = picture[i] / 255;
    const { mu, logvar } = encode(light);
    const eps = normals(seed, seen.step, mu.length, STREAMS.z);
    seen.mu = mu;
    seen.z = mu.map((value, i) => value + Math.exp(0.5 * logvar[i]) * eps[i]);
  };
  /** @type {SeenGame} */
  const seen = {
    game,
    mu: new Float32Array(memory.facts.n_z),
    z: new Float32Array(memory.facts.n_z),
    state: memory.initialState(),
    step: 0,

    reset(newSeed) {
      seed = newSeed;
      game.reset(seed);
      Object.assign(seen, { state: memory.initialState(), step: 0 });
      look();
    },

    act(action) {
      seen.state = memory.advance(seen.z, action, seen.step === 0 ? 1 : 0, seen.state);
      const [steer, gas, brake] = action, done = game.step(steer, gas, brake);
      seen.step++;
      look();
      return done;
    },

    features() {
      const all = new Float32Array(seen.z.length + seen.state.h.length);
      all.set(seen.z);
      all.set(seen.state.h, seen.z.length);
      return all;
    },
  };
  return seen;
}
