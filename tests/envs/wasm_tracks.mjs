// Prints what each seed makes of random numbers and a track: node wasm_tracks.mjs MODULES SEED...
import { createHash } from "node:crypto";

const [modules, ...seeds] = process.argv.slice(2);
const { CAR_RACING } = await import(`${modules}/car_racing_wasm.js`);
const { compileCarGame } = await import(`${modules}/car_game.js`);
const { uniformNumbers } = await import(`${modules}/numpy_random.js`);
const game = (await compileCarGame(CAR_RACING))();
const digest = (array) => createHash("sha256").update(Buffer.from(array.buffer)).digest("hex");

const tracks = seeds.map(Number).map((seed) => {
  const next = uniformNumbers(seed);
  const { memory } = game;
  game.reset(seed);
  const n = memory.n_tiles[0];
  const road = digest(memory.tile_poly.slice(0, 8 * n)), kerbs = digest(memory.kerb_on.slice(0, n));
  return { uniforms: [next(), next(), next()], n, road, kerbs };
});
console.log(JSON.stringify(tracks));
