// The real game's picture on its stage: sharp for the reader's eye, or as V gets to see it.
import { drawRoad } from "./car_picture.js";
import { SIDE } from "./vision.js";

/**
 * Show the game as it stands.
 * @param {HTMLCanvasElement} canvas
 * @param {import("./car_game.js").CarGame} game
 * @param {boolean} sharp
 * @param {number} [ratio] width / height; V's picture is square
 */
export function showGame(canvas, game, sharp, ratio = 1) {
  const width = sharp ? Math.round(canvas.clientWidth * (window.devicePixelRatio || 1)) : SIDE;
  const height = Math.round(width / ratio);
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const g = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  if (sharp) {
    drawRoad(game, g, width, height);
    return;
  }
  const image = g.createImageData(SIDE, SIDE);
  for (let from = 0, to = 0; from < game.picture.length; from += 3, to += 4) {
    image.data.set(game.picture.subarray(from, from + 3), to);
    image.data[to + 3] = 255;
  }
  g.putImageData(image, 0, 0);
}
