// V: the decoder paints what a code z stands for, the encoder turns a picture into a code.
import { kernelsFor, placeLayer } from "./networks.js";

/** Side of every picture. */
export const SIDE = 64;

/**
 * V's decoder from its file: z -> picture, (64, 64, 3) floats in [0, 1].
 * @param {import("./networks.js").NetworkFile} file
 * @param {any} [make] other kernels
 * @returns {Promise<(z: ArrayLike<number>) => Float32Array>}
 */
export async function makeDecoder(file, make) {
  const kernels = await kernelsFor(file, 64 + 3200 + 10816 + 28800 + 12288 + 64, make);
  const first = placeLayer(file, "first", kernels);
  const [two, three, four] = ["deconv2", "deconv3", "deconv4"].map(
    (name) => placeLayer(file, name, kernels));
  const code = kernels.floats(file.facts.n_z);
  const at5 = kernels.floats(5 * 5 * 128), at13 = kernels.floats(13 * 13 * 64);
  const at30 = kernels.floats(30 * 30 * 32), picture = kernels.floats(SIDE * SIDE * 3);
  return (z) => {
    code.set(z);
    kernels.linear(code, first, at5);
    for (let i = 0; i < at5.length; i++) if (at5[i] < 0) at5[i] = 0;
    kernels.deconv(at5, 5, two, 5, at13, true);
    kernels.deconv(at13, 13, three, 6, at30, true);
    kernels.deconv(at30, 30, four, 6, picture, false);
    for (let i = 0; i < picture.length; i++) picture[i] = 1 / (1 + Math.exp(-picture[i]));
    return picture; // the same memory each time: read it before the next call
  };
}

/**
 * V's encoder from its file: picture (64, 64, 3) in [0, 1] -> {mu, logvar}.
 * @param {import("./networks.js").NetworkFile} file
 * @param {any} [make] other kernels
 * @returns {Promise<(picture: ArrayLike<number>) => {mu: Float32Array, logvar: Float32Array}>}
 */
export async function makeEncoder(file, make) {
  const sizes = [64, 31, 14, 6, 2], widths = [3, 32, 64, 128, 256];
  const counts = sizes.map((side, i) => side * side * widths[i]);
  const total = counts.reduce((a, b) => a + b, 0);
  const kernels = await kernelsFor(file, total + 2 * 64 + 64, make);
  const layers = [1, 2, 3, 4].map((i) => placeLayer(file, `conv${i}`, kernels));
  const toMu = placeLayer(file, "to_mu", kernels), toLogvar = placeLayer(file, "to_logvar", kernels);
  const stages = counts.map((count) => kernels.floats(count));
  const mu = kernels.floats(file.facts.n_z), logvar = kernels.floats(file.facts.n_z);
  return (picture) => {
    stages[0].set(picture);
    layers.forEach((layer, i) => kernels.conv(stages[i], sizes[i], layer, 4, stages[i + 1]));
    kernels.linear(stages[4], toMu, mu);
    kernels.linear(stages[4], toLogvar, logvar);
    return { mu: mu.slice(), logvar: logvar.slice() };
  };
}

/**
 * Paint a picture of floats in [0, 1] on a canvas of 64 x 64.
 * @param {HTMLCanvasElement} canvas
 * @param {Float32Array} picture
 */
export function paint(canvas, picture) {
  const g = canvas.getContext("2d"), image = g.createImageData(SIDE, SIDE);
  for (let from = 0, to = 0; from < picture.length; from += 3, to += 4) {
    for (let c = 0; c < 3; c++) image.data[to + c] = 255 * picture[from + c]; // rounds and clamps
    image.data[to + 3] = 255;
  }
  g.putImageData(image, 0, 0);
}
