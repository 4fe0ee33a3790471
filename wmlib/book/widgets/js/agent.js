// An agent in the browser: V's decoder, M and the controllers, loaded one after the other.
import { makeController } from "./controller.js";
import { makeButton } from "./controls.js";
import { makeDream } from "./dream.js";
import { makeMemory } from "./memory.js";
import { breathe, loadNetwork } from "./networks.js";
import { makeDecoder } from "./vision.js";

/**
 * @typedef {(features: Float32Array) => number[]} Act
 * @typedef {{facts: any, memory: import("./memory.js").Memory,
 *   decode: (z: ArrayLike<number>) => Float32Array,
 *   newDream: () => import("./dream.js").Dream, names: [string, string][],
 *   controller: (name: string) => Act}} BrowserAgent
 */

/**
 * Load what a dream needs, telling `progress` what it is waiting for.
 * @param {any} model its trait `networks` names the files: {memory, decoder, controllers}
 * @param {(text: string) => void} progress
 * @returns {Promise<BrowserAgent>}
 */
export async function loadAgent(model, progress) {
  const names = model.get("networks");
  progress("loading C …");
  const controllers = await loadNetwork(model, names.controllers, progress);
  progress("loading M …");
  const file = await loadNetwork(model, names.memory, progress);
  const memory = await makeMemory(file);
  await breathe();
  progress("loading V's decoder …");
  const decode = await makeDecoder(await loadNetwork(model, names.decoder, progress));
  await breathe();
  progress("");
  /** @type {[string, string, string][]} */
  const known = controllers.facts.controllers;
  return {
    facts: memory.facts,
    memory,
    decode,
    newDream: () => makeDream(memory, file),
    names: known.map(([name, label]) => [name, label]),
    controller(name) {
      const found = known.find((entry) => entry[0] === name);
      if (!found) throw new Error(`no C '${name}': there are ${known.map((entry) => entry[0]).join(", ")}`);
      const [key, , kind] = found;
      return makeController(memory.facts, kind, controllers.arrays[key].values);
    },
  };
}

/**
 * Run `start` when the element comes near the screen, or, where the reader saves data, when a button asks. If it
 * fails (false), a button offers to try again.
 * @param {Element} el
 * @param {Element} place where the button then stands, instead of all that is there
 * @param {string} text the button's
 * @param {() => Promise<boolean>} begin
 * @returns {() => void} what calls it off
 */
export function whenWanted(el, place, text, begin) {
  const clear = () => place.replaceChildren();
  const button = (/** @type {string} */ words) => makeButton(words, () => { clear(); start(); });
  const start = async () => { if (!(await begin())) place.append(" ", button("Try again")); }; // after what was said
  if (/** @type {any} */ (navigator).connection?.saveData) {
    place.replaceChildren(button(text));
    return clear;
  }
  const watcher = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    watcher.disconnect();
    start();
  }, { rootMargin: "400px" });
  watcher.observe(el);
  return () => watcher.disconnect();
}

/**
 * The result of `work`; if it fails, the reader is told why, and there is none.
 * @template T
 * @param {(text: string) => void} say
 * @param {() => Promise<T>} work
 * @returns {Promise<T | undefined>}
 */
export async function attempt(say, work) {
  try {
    return await work();
  } catch (error) {
    say(String(error instanceof Error ? error.message : error));
    return undefined;
  }
}
