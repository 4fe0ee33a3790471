// Two cars on one road: the other car in this one's picture, and both on a map.
// The numbers are those of wmlib/envs/batched_car_racing/geometry.py and scene.py.

const CAR_SIZE = 0.02; // world units of the car's own unit
const SECONDS_A_STEP = 0.02;
const VIEW = { width: 1000, height: 700, carX: 500, carY: 600, full: 16.2, first: 0.6 };
/** The hull's outline and the wheels, roughly, in the car's own units, forwards is up. */
const CAR_PARTS = [
  [[-60, 130], [60, 130], [60, 110], [20, 110], [20, 20], [50, -10], [50, -40], [20, -90], [50, -90],
    [50, -120], [-50, -120], [-50, -90], [-20, -90], [-50, -40], [-50, -10], [-20, 20], [-20, 110], [-60, 110]],
  ...[[-55, 80], [55, 80], [-55, -82], [55, -82]].map(([x, y]) =>
    [[x - 14, y - 27], [x + 14, y - 27], [x + 14, y + 27], [x - 14, y + 27]]),
];

/**
 * Draw the car of `other` into the picture of `game` (see `drawRoad`), translucent.
 * @param {import("./car_game.js").CarGame} other
 * @param {import("./car_game.js").CarGame} game
 * @param {CanvasRenderingContext2D} g
 * @param {number} width
 * @param {number} height
 */
export function drawGhost(other, game, g, width, height) {
  const { hull_pos: eye, hull_angle: turn, steps } = game.memory;
  const { hull_pos: place, hull_angle: heading } = other.memory;
  const t = SECONDS_A_STEP * (steps[0] + 1);
  const zoom = VIEW.first * Math.max(1 - t, 0) + VIEW.full * Math.min(t, 1);
  g.save();
  g.scale(width / VIEW.width, height / VIEW.height);
  g.translate(VIEW.carX, VIEW.carY);
  g.scale(zoom, -zoom); // the world's y points up
  g.rotate(-turn[0]);
  g.translate(place[0] - eye[0], place[1] - eye[1]);
  g.rotate(heading[0]);
  g.scale(CAR_SIZE, CAR_SIZE);
  Object.assign(g, { globalAlpha: 0.6, fillStyle: "white", strokeStyle: "black", lineWidth: 5 });
  g.beginPath();
  for (const part of CAR_PARTS) {
    part.forEach(([x, y], i) => (i ? g.lineTo(x, y) : g.moveTo(x, y)));
    g.closePath();
  }
  g.fill();
  g.stroke();
  g.restore();
}

/**
 * The whole road with both cars: a disc for `game`'s, a ring for `other`'s. Who has left the map stands at its edge.
 * @param {import("./car_game.js").CarGame} game
 * @param {import("./car_game.js").CarGame} other
 * @param {CanvasRenderingContext2D} g
 * @param {number} width
 * @param {number} height
 * @param {import("./canvas.js").Colours} colours
 */
export function drawMap(game, other, g, width, height, colours) {
  const { tile_circle: tiles, n_tiles } = game.memory;
  const points = Array.from({ length: n_tiles[0] }, (_, i) => [tiles[3 * i], tiles[3 * i + 1]]);
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
  const [left, right, low, high] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const scale = Math.min((width - 24) / (right - left), (height - 24) / (high - low));
  const toMap = (/** @type {number} */ x, /** @type {number} */ y) => [
    width / 2 + (x - (left + right) / 2) * scale, height / 2 - (y - (low + high) / 2) * scale];
  g.beginPath();
  for (const [x, y] of points) {
    const [a, b] = toMap(x, y);
    g.lineTo(a, b);
  }
  g.closePath();
  Object.assign(g, { strokeStyle: colours.muted, lineWidth: 5, lineJoin: "round", globalAlpha: 0.5 });
  g.stroke();
  g.globalAlpha = 1;
  for (const [car, filled] of /** @type {[any, boolean][]} */ ([[other, false], [game, true]])) {
    const [a, b] = toMap(car.memory.hull_pos[0], car.memory.hull_pos[1]);
    const x = Math.min(Math.max(a, 8), width - 8), y = Math.min(Math.max(b, 8), height - 8);
    g.beginPath();
    g.arc(x, y, 6, 0, 2 * Math.PI);
    Object.assign(g, { fillStyle: filled ? colours.real : colours.card, strokeStyle: colours.real, lineWidth: 2.5 });
    g.fill();
    g.stroke();
  }
}
