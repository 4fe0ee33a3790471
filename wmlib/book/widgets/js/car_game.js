// CarRacing in the page: Python's own simulator, compiled (`make wasm`), behind three functions.
//
// The compiled code sees one flat memory in which every array has a fixed place. JavaScript looks
// at the same memory through typed arrays: it writes the action there, calls `step`, and reads the
// reward, the car's pose and the picture.

import { uniformNumbers } from "./numpy_random.js";

/** How an episode ended: the numbers that `step` returns, as words. */
export const ENDS = ["", "lap", "off the field", "time"];
export const MAX_STEPS = 1000;
const OUT_OF_TIME = 3;
const FAST_TOLERANCE = 1e-5; // impulses; 0 repeats all of Box2D's solver work
const ARRAYS = {
  float32: Float32Array,
  float64: Float64Array,
  int32: Int32Array,
  uint8: Uint8Array,
  uint32: Uint32Array,
  uint64: BigUint64Array,
};

/**
 * What the generated file car_racing.wasm.js holds: the code in base64, the digest of its source,
 * and each array's type, address in bytes and shape.
 * @typedef {{source: string, wasm: string, layout: Object<string, any[]>}} CompiledGame
 *
 * What one step gave. `end` is one of ENDS, empty while the episode goes on.
 * @typedef {{reward: number, end: string}} Step
 *
 * @typedef {{tiles: number, score: number, steps: number}} Telemetry
 */

/** Functions that compiled code asks for. Only these are ever called: the others report errors. */
function imports(/** @type {WebAssembly.Module} */ module) {
  /** @type {Record<string, Function>} */
  const known = { sin: Math.sin, cos: Math.cos, atan2: Math.atan2, ceilf: Math.ceil };
  /** @type {Record<string, Function>} */
  const env = {};
  for (const { name } of WebAssembly.Module.imports(module))
    env[name] = known[name] ?? (() => { throw new Error(`the simulator called ${name}`); });
  return { env };
}

/** One car on one track. */
export class CarGame {
  /**
   * @param {CompiledGame} compiled
   * @param {WebAssembly.Instance} instance
   * @param {number} tolerance
   */
  constructor(compiled, instance, tolerance) {
    /** @type {any} */
    this.code = instance.exports;
    this.tolerance = tolerance;
    /** Every array of the simulator by its name in Python. @type {Record<string, any>} */
    this.memory = {};
    for (const [name, [type, address, shape]] of Object.entries(compiled.layout)) {
      const length = shape.reduce((/** @type {number} */ a, /** @type {number} */ b) => a * b, 1);
      const Kind = ARRAYS[/** @type {keyof ARRAYS} */ (type)];
      this.memory[name] = new Kind(this.code.memory.buffer, address, length);
    }
    /** What V sees: RGB bytes of 64 rows of 64 pixels. */
    this.picture = new Uint8Array(this.code.memory.buffer, this.memory.picture.byteOffset, 12288);
    this.score = 0;
    this.end = "";
  }

  /**
   * A new episode on the track of `seed`, the one that Python makes of it.
   * @param {number} seed
   */
  reset(seed) {
    if (!Number.isSafeInteger(seed) || seed < 0)
      throw new Error(`a seed is a whole number from 0 on, got ${seed}`);
    const next = uniformNumbers(seed);
    const { uniforms } = this.memory;
    do for (let i = 0; i < uniforms.length; i++) uniforms[i] = next();
    while (!this.code.reset()); // one track in fourteen does not close: then the next numbers
    this.score = 0;
    this.end = "";
  }

  /**
   * Play one fiftieth of a second. A finished episode stands still, with reward 0.
   * @param {number} steer -1 (left) to 1
   * @param {number} gas 0 to 1
   * @param {number} brake 0 to 1
   * @returns {Step}
   */
  step(steer, gas, brake) {
    if (this.end) return { reward: 0, end: this.end };
    this.memory.actions.set([steer, gas, brake]);
    const end = this.code.step(this.tolerance);
    const reward = this.memory.reward[0];
    this.score += reward;
    this.end = ENDS[end || (this.memory.steps[0] >= MAX_STEPS ? OUT_OF_TIME : 0)];
    return { reward, end: this.end };
  }

  /** Bring `picture` up to date. Separate from `step`, since not everybody looks at each one. */
  draw() {
    this.code.draw();
    return this.picture;
  }

  /** @returns {Telemetry} the share of the track visited, the return */
  telemetry() {
    const { visited_count, n_tiles, steps } = this.memory;
    return {
      tiles: visited_count[0] / n_tiles[0],
      score: this.score,
      steps: steps[0],
    };
  }
}

/**
 * A function that makes games; the code is compiled once.
 * @param {CompiledGame} compiled
 * @returns {Promise<(options?: {exact?: boolean}) => CarGame>}
 */
export async function compileCarGame(compiled) {
  if (typeof WebAssembly === "undefined")
    throw new Error("The real game needs WebAssembly, which is turned off in this browser.");
  const bytes = Uint8Array.from(atob(compiled.wasm), (letter) => letter.charCodeAt(0));
  const module = await WebAssembly.compile(bytes);
  return ({ exact = false } = {}) =>
    new CarGame(compiled, new WebAssembly.Instance(module, imports(module)), exact ? 0 : FAST_TOLERANCE);
}
