// Network files: where they come from, and what lies in them (written by weights.py).
import { makeKernels, RESERVED } from "./kernels.js";

/**
 * A file in memory: what is known about the network, and its arrays.
 * @typedef {{facts: any, arrays: Object<string, {values: Float32Array, shape: number[]}>}} NetworkFile
 */

/**
 * float16 as a number: sign, 5 bits of exponent, 10 of fraction.
 * @param {number} bits
 */
export function fromHalf(bits) {
  const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** @type {Float32Array | undefined} */
let everyHalf; // each float16 as a number, by its bits

const AT_ONCE = 1 << 18; // numbers that are read in one go: a millisecond or two

/**
 * Read a file, piece by piece, so that the page can answer in between.
 * @param {Uint8Array} bytes
 * @returns {Promise<NetworkFile>}
 */
export async function readNetwork(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const first = 4 + view.getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, first)));
  const halves = new Uint16Array(bytes.slice(first).buffer);
  const every = (everyHalf ??= Float32Array.from({ length: 65536 }, (_, bits) => fromHalf(bits)));
  /** @type {NetworkFile["arrays"]} */
  const arrays = {};
  for (const [name, { shape, at }] of Object.entries(header.arrays)) {
    const count = shape.reduce((/** @type {number} */ a, /** @type {number} */ b) => a * b, 1);
    const values = new Float32Array(count), from = at / 2;
    for (let begin = 0; begin < count; begin += AT_ONCE) {
      const end = Math.min(begin + AT_ONCE, count);
      for (let i = begin; i < end; i++) values[i] = every[halves[from + i]];
      if (end < count) await breathe();
    }
    arrays[name] = { values, shape };
  }
  return { facts: header.facts, arrays };
}

/**
 * The kernels with a memory that holds all layers of a file, and `extra` floats.
 * @param {NetworkFile} file
 * @param {number} extra
 * @param {(size: number) => any} [make] the plain kernels, for those who want to compare
 * @returns {Promise<import("./kernels.js").Kernels>}
 */
export async function kernelsFor(file, extra, make = makeKernels) {
  const arrays = Object.values(file.arrays);
  const weights = arrays.reduce((sum, { values }) => sum + values.length + 4, 0);
  return make(RESERVED + 4 * (weights + extra));
}

/**
 * A layer in the kernels' memory.
 * @param {NetworkFile} file
 * @param {string} name
 * @param {import("./kernels.js").Kernels} kernels
 * @returns {import("./kernels.js").Layer}
 */
export function placeLayer({ arrays }, name, kernels) {
  const place = (/** @type {string} */ part) => {
    const { values } = arrays[`${name}.${part}`], memory = kernels.floats(values.length);
    memory.set(values);
    return memory;
  };
  return { w: place("weight"), bias: place("bias") };
}

const PIECE = 1 << 18; // letters of base64 that are decoded in one go: a millisecond or two

/**
 * Bytes out of base64, piece by piece, so that the page can answer in between.
 * @param {string} text
 * @returns {Promise<Uint8Array>}
 */
export async function fromBase64(text) {
  const bytes = new Uint8Array((text.length / 4) * 3);
  let end = 0;
  for (let from = 0; from < text.length; from += PIECE) {
    const piece = atob(text.slice(from, from + PIECE));
    for (let i = 0; i < piece.length; i++) bytes[end + i] = piece.charCodeAt(i);
    end += piece.length;
    await breathe();
  }
  return bytes.subarray(0, end);
}

/** Let the page answer the reader before the next piece of work. */
export function breathe() {
  return new Promise((resolve) => setTimeout(resolve));
}

/**
 * The bytes of a trait: a DataView in Jupyter, {base64} on a page.
 * @param {any} value
 * @returns {Promise<Uint8Array>}
 */
export async function bytesOf(value) {
  if (value.base64 !== undefined) return fromBase64(value.base64);
  return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
}

/**
 * The network `name` of a widget. A page loads it by a script, which also works from file:// and
 * which all widgets of the page share; in Jupyter the kernel sends it.
 * @param {any} model
 * @param {string} name such as "doom_take_cover.memory"
 * @param {(text: string) => void} say
 * @returns {Promise<NetworkFile>}
 */
export async function loadNetwork(model, name, say) {
  const bytes = model.isStatic ? await fromPage(name) : await fromKernel(model, name, say);
  return readNetwork(bytes);
}

const SILENCE = 5000; // milliseconds after which the reader is told what is being waited for

/**
 * @param {any} model
 * @param {string} name
 * @param {(text: string) => void} say
 * @returns {Promise<Uint8Array>}
 */
function fromKernel(model, name, say) {
  return new Promise((resolve, reject) => {
    const silent = setTimeout(() => say("waiting for Python, which is busy or has ended: then run the cell again"), SILENCE);
    const listen = (/** @type {any} */ message, /** @type {DataView[]} */ buffers) => {
      if (message.network !== name) return;
      clearTimeout(silent);
      model.off("msg:custom", listen);
      if (message.error) return reject(new Error(message.error));
      const { buffer, byteOffset, byteLength } = buffers[0];
      resolve(new Uint8Array(buffer.slice(byteOffset, byteOffset + byteLength)));
    };
    model.on("msg:custom", listen);
    model.send({ need: name });
  });
}

/**
 * The script _static/wm/NAME.js calls wmNetwork(NAME, base64).
 * @param {string} name
 * @returns {Promise<Uint8Array>}
 */
function fromPage(name) {
  const shared = /** @type {any} */ (window);
  shared.wmNetworks ??= {};
  shared.wmNetworks[name] ??= new Promise((resolve, reject) => {
    const root = document.documentElement.dataset.content_root ?? "./";
    const script = document.createElement("script");
    shared.wmNetwork = (/** @type {string} */ key, /** @type {string} */ text) => {
      shared.wmNetworks[`${key}:text`] = text;
    };
    script.src = `${root}_static/wm/${name}.js`;
    script.onload = () => {
      resolve(fromBase64(shared.wmNetworks[`${name}:text`]));
      delete shared.wmNetworks[`${name}:text`];
      script.remove();
    };
    script.onerror = () => {
      delete shared.wmNetworks[name]; // to be tried again
      script.remove();
      reject(new Error(`the weights ${name} cannot be loaded`));
    };
    document.head.append(script);
  });
  return shared.wmNetworks[name];
}
