// Plays recorded actions in the page's own simulator: node wasm_car.mjs MODULES EPISODES RESULT
// MODULES holds car_game.js and its neighbours; a picture of each step goes into RESULT.pictures.
import { readFileSync, writeFileSync } from "node:fs";

const [modules, episodes, result] = process.argv.slice(2);
const { CAR_RACING } = await import(`${modules}/car_racing_wasm.js`);
const { compileCarGame } = await import(`${modules}/car_game.js`);
const makeGame = await compileCarGame(CAR_RACING);

/** The numbers of benchmarks/side_by_side.py's `states`, in its order. */
function pose(memory) {
  const numbers = [...memory.hull_pos, memory.hull_angle[0], ...memory.hull_vel, memory.hull_spin[0]];
  for (let k = 0; k < 4; k++) {
    numbers.push(memory.wheel_pos[2 * k], memory.wheel_pos[2 * k + 1], memory.wheel_angle[k]);
    numbers.push(memory.wheel_omega[k], memory.wheel_phase[k], memory.on_road[k]);
  }
  return [...numbers, memory.reward_sum[0], memory.visited_count[0]];
}

const pictures = [];
const played = JSON.parse(readFileSync(episodes, "utf8")).map(({ seed, exact, actions }) => {
  const game = makeGame({ exact });
  game.reset(seed);
  const states = [pose(game.memory)], rewards = [];
  pictures.push(game.draw().slice());
  for (const [steer, gas, brake] of actions) {
    rewards.push(game.step(steer, gas, brake).reward);
    states.push(pose(game.memory));
    pictures.push(game.draw().slice());
  }
  return { states, rewards, end: game.end, telemetry: game.telemetry() };
});
writeFileSync(result, JSON.stringify(played));
writeFileSync(`${result}.pictures`, Buffer.concat(pictures));
