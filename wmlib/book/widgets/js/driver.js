// An agent that drives the real game in the page: V's encoder and the game beside decoder, M and C.
import { loadAgent } from "./agent.js";
import { compileCarGame } from "./car_game.js";
import { CAR_RACING } from "./car_racing_wasm.js";
import { makeController } from "./controller.js";
import { makeDream } from "./dream.js";
import { makeMemory } from "./memory.js";
import { breathe, loadNetwork } from "./networks.js";
import { makeEncoder } from "./vision.js";

/** The controller that was evolved behind an M which has learned nothing, and needs that M. */
export const UNTRAINED = "untrained";

/**
 * A C with the M that it knows.
 * @typedef {{memory: import("./memory.js").Memory, newDream: () => import("./dream.js").Dream,
 *   act: import("./agent.js").Act}} Mind
 * @typedef {{decode: (z: ArrayLike<number>) => Float32Array,
 *   encode: (picture: Float32Array) => {mu: Float32Array, logvar: Float32Array},
 *   makeGame: (options?: {exact?: boolean}) => import("./car_game.js").CarGame,
 *   names: [string, string][], mind: (name: string) => Promise<Mind>}} Driver
 */

/**
 * Load everything, telling `progress` what it is waiting for.
 * @param {any} model its trait `networks` names the files: those of an agent, `encoder`, `untrained`
 * @param {(text: string) => void} progress
 * @returns {Promise<Driver>}
 */
export async function loadDriver(model, progress) {
  const files = model.get("networks");
  const agent = await loadAgent(model, progress);
  progress("loading V's encoder …");
  const encode = await makeEncoder(await loadNetwork(model, files.encoder, progress));
  await breathe();
  const makeGame = await compileCarGame(CAR_RACING);
  progress("");
  /** @type {[string, string][]} */
  const more = files.untrained ? [[UNTRAINED, "behind an untrained M"]] : [];
  /** @type {Promise<Mind> | undefined} */
  let untrained;
  return {
    decode: agent.decode,
    encode,
    makeGame,
    names: [...agent.names, ...more],
    async mind(name) {
      if (name === UNTRAINED && files.untrained)
        return (untrained ??= loadUntrained(model, files.untrained, progress).catch((error) => {
          untrained = undefined; // to be tried again
          throw error;
        }));
      return { memory: agent.memory, newDream: agent.newDream, act: agent.controller(name) };
    },
  };
}

/**
 * An untrained M, whose file also holds the C that was evolved behind it.
 * @param {any} model
 * @param {string} name
 * @param {(text: string) => void} progress
 * @returns {Promise<Mind>}
 */
async function loadUntrained(model, name, progress) {
  progress("loading the untrained M …");
  const file = await loadNetwork(model, name, progress), memory = await makeMemory(file);
  const act = makeController(memory.facts, "linear", file.arrays.controller.values);
  return { memory, newDream: () => makeDream(memory, file), act };
}
