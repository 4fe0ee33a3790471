// Where nearly all of the time goes: matrix times vector, convolution, transposed convolution.
// Twice: in plain JavaScript, to be read, and as WebAssembly, several times as fast (kernels.c).
import { KERNELS_WASM } from "./kernels_wasm.js";

/**
 * Weights of one layer: w (rows, columns), a row for each output.
 * @typedef {{w: Float32Array, bias: Float32Array}} Layer
 */
/**
 * The loops, and the memory that their arguments must lie in.
 * @typedef {{
 *   floats: (count: number) => Float32Array,
 *   linear: (x: Float32Array, layer: Layer, y: Float32Array) => void,
 *   deconv: (x: Float32Array, side: number, layer: Layer, k: number, y: Float32Array,
 *     relu: boolean) => void,
 *   conv: (x: Float32Array, side: number, layer: Layer, k: number, y: Float32Array) => void,
 * }} Kernels
 */

/**
 * y[r] = bias[r] + sum over k of w[r][k] x[k]
 * @param {Float32Array} x
 * @param {Layer} layer
 * @param {Float32Array} y
 */
export function linear(x, { w, bias }, y) {
  const columns = x.length;
  for (let r = 0; r < y.length; r++) {
    let total = bias[r];
    for (let k = 0, at = r * columns; k < columns; k++) total += w[at + k] * x[k];
    y[r] = total;
  }
}

/**
 * Transposed convolution of stride 2: x (side, side, n_in) -> y (size, size, n_out) with
 * size = 2 side - 2 + k; w (n_out, k, k, n_in). Every input pixel paints a patch of k x k;
 * here seen from the output, which adds up the patches that reach it.
 * @param {Float32Array} x
 * @param {number} side
 * @param {Layer} layer
 * @param {number} k
 * @param {Float32Array} y
 * @param {boolean} relu
 */
export function deconv(x, side, { w, bias }, k, y, relu) {
  const nIn = x.length / (side * side), nOut = bias.length, size = 2 * side - 2 + k;
  for (let oy = 0; oy < size; oy++)
    for (let ox = 0; ox < size; ox++)
      for (let c = 0; c < nOut; c++) {
        let total = bias[c];
        for (let ky = oy % 2; ky < k && ky <= oy; ky += 2) {
          const iy = (oy - ky) / 2;
          if (iy >= side) continue;
          for (let kx = ox % 2; kx < k && kx <= ox; kx += 2) {
            const ix = (ox - kx) / 2;
            if (ix >= side) continue;
            const from = (iy * side + ix) * nIn, at = ((c * k + ky) * k + kx) * nIn;
            for (let i = 0; i < nIn; i++) total += w[at + i] * x[from + i];
          }
        }
        y[(oy * size + ox) * nOut + c] = relu && total < 0 ? 0 : total;
      }
}

/**
 * Convolution of stride 2 and ReLU: x (side, side, n_in) -> y (size, size, n_out) with
 * size = floor((side - k) / 2) + 1; w (n_out, k, k, n_in).
 * @param {Float32Array} x
 * @param {number} side
 * @param {Layer} layer
 * @param {number} k
 * @param {Float32Array} y
 */
export function conv(x, side, { w, bias }, k, y) {
  const nIn = x.length / (side * side), nOut = bias.length, size = ((side - k) >> 1) + 1;
  for (let oy = 0; oy < size; oy++)
    for (let ox = 0; ox < size; ox++)
      for (let c = 0; c < nOut; c++) {
        let total = bias[c];
        for (let ky = 0; ky < k; ky++) {
          const from = ((2 * oy + ky) * side + 2 * ox) * nIn, at = (c * k + ky) * k * nIn;
          for (let i = 0; i < k * nIn; i++) total += w[at + i] * x[from + i];
        }
        y[(oy * size + ox) * nOut + c] = Math.max(0, total);
      }
}

/** Bytes at the beginning of a memory that belong to the compiled code (its stack). */
export const RESERVED = 4096;

/**
 * Hands out pieces of one buffer, one after the other, each at a multiple of 16 bytes.
 * @param {ArrayBuffer} buffer
 */
function makeArena(buffer) {
  let end = RESERVED;
  return {
    floats(/** @type {number} */ count) {
      const at = end;
      end += Math.ceil(count / 4) * 16;
      return new Float32Array(buffer, at, count);
    },
  };
}

/**
 * The plain loops, in a memory of `size` bytes.
 * @param {number} size
 * @returns {Kernels}
 */
export function makePlainKernels(size) {
  return { ...makeArena(new ArrayBuffer(size)), linear, deconv, conv };
}

/**
 * The compiled loops, in a memory of `size` bytes; the plain ones where a browser lacks SIMD, or WebAssembly is off.
 * @param {number} size
 * @returns {Promise<Kernels>}
 */
export async function makeKernels(size) {
  const code = Uint8Array.from(atob(KERNELS_WASM), (letter) => letter.charCodeAt(0));
  /** @type {any} */
  let run, memory;
  try {
    memory = new WebAssembly.Memory({ initial: Math.ceil(size / 65536) });
    run = (await WebAssembly.instantiate(code, { env: { memory } })).instance.exports;
  } catch {
    return makePlainKernels(size);
  }
  const at = (/** @type {any} */ view) => view.byteOffset;
  return {
    ...makeArena(memory.buffer),
    linear(x, { w, bias }, y) {
      run.linear(at(x), at(w), at(bias), at(y), y.length, x.length);
    },
    deconv(x, side, { w, bias }, k, y, relu) {
      const nIn = x.length / (side * side);
      run.deconv(at(x), side, nIn, at(w), at(bias), k, bias.length, at(y), Number(relu));
    },
    conv(x, side, { w, bias }, k, y) {
      run.conv(at(x), side, x.length / (side * side), at(w), at(bias), k, bias.length, at(y), 1);
    },
  };
}
