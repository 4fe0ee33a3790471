/** Landscapes over two parameters for the evolution explorer; each is lowest, 0, at `best`. */

/**
 * @typedef {object} Landscape
 * @property {string} name
 * @property {string} tells what it is hard at
 * @property {(x: number, y: number) => number} height
 * @property {[number, number]} best
 * @property {[number, number]} start
 */

/** @type {Record<string, Landscape>} */
export const LANDSCAPES = {
  valley: {
    name: "bent valley",
    tells: "Rosenbrock's banana: the good direction turns as one walks along it.",
    height: (x, y) => (1 - x) ** 2 + 20 * (y - x * x) ** 2,
    best: [1, 1],
    start: [-1.2, 1.5],
  },
  bowl: {
    name: "round bowl",
    tells: "The sphere: every direction is alike, and only the step size has to be found.",
    height: (x, y) => (x - 0.8) ** 2 + (y - 0.4) ** 2,
    best: [0.8, 0.4],
    start: [-1.4, 2.2],
  },
  gorge: {
    name: "long gorge",
    tells: "An ellipsoid, 30 times longer than wide and aslant to both axes.",
    height: (x, y) => {
      const along = (x - 0.8 + (y - 0.4)) / Math.SQRT2, across = (x - 0.8 - (y - 0.4)) / Math.SQRT2;
      return 0.3 * along ** 2 + 270 * across ** 2;
    },
    best: [0.8, 0.4],
    start: [-1.4, 2.2],
  },
  pits: {
    name: "many pits",
    tells: "Rastrigin's egg box: a narrow cloud falls into the next pit, a wide one sees past it.",
    height: (x, y) => {
      const pit = (/** @type {number} */ d) => d * d + 0.6 * (1 - Math.cos(2 * Math.PI * d * 1.25));
      return pit(x - 0.8) + pit(y - 0.4);
    },
    best: [0.8, 0.4],
    start: [-1.4, 2.2],
  },
};
