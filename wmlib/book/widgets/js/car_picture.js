// The real game for the reader's eye: the simulator's outlines drawn at any size. V does not see
// this; it sees `CarGame.draw()`, the same view in 64 x 64 pixels.

const SCREEN_SIDE = 96; // the outlines' own pixels; the lowest 12 rows are Gymnasium's dashboard
const SCREEN_ROWS = 84;
const OVERLAP = 0.35; // of such a pixel: neighbouring outlines end just short of each other

/** A colour of the simulator, red + 256 green + 65536 blue, in CSS. */
function cssColour(/** @type {number} */ packed) {
  return `rgb(${packed & 255} ${(packed >> 8) & 255} ${(packed >> 16) & 255})`;
}

/**
 * Draw what the car's driver sees, `width` x `height`, from the canvas's upper left corner.
 * @param {import("./car_game.js").CarGame} game
 * @param {CanvasRenderingContext2D} g
 * @param {number} width
 * @param {number} height
 */
export function drawRoad(game, g, width, height) {
  const { corners, shapes, background } = game.memory;
  const count = game.code.outline(); // front to back
  const scaleX = width / SCREEN_SIDE, scaleY = height / SCREEN_ROWS;
  const mostCorners = corners.length / 2 / (shapes.length / 6);
  g.save();
  g.beginPath();
  g.rect(0, 0, width, height);
  g.clip();
  g.fillStyle = cssColour(background[0]);
  g.fillRect(0, 0, width, height);
  g.lineJoin = "round";
  g.lineWidth = OVERLAP * scaleX;
  for (let i = count - 1; i >= 0; i--) {
    g.beginPath();
    for (let k = 0; k < shapes[6 * i]; k++) {
      const at = 2 * (mostCorners * i + k);
      g.lineTo(corners[at] * scaleX, corners[at + 1] * scaleY);
    }
    g.closePath();
    g.fillStyle = g.strokeStyle = cssColour(shapes[6 * i + 1]);
    g.fill();
    g.stroke();
  }
  g.restore();
}
