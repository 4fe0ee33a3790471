// Steps per CPU second of the page's simulator: node car_in_the_page.mjs MODULES STEPS SEED
const [modules, steps, seed] = process.argv.slice(2);
const { CAR_RACING } = await import(`${modules}/car_racing_wasm.js`);
const { compileCarGame } = await import(`${modules}/car_game.js`);
const { uniformNumbers } = await import(`${modules}/numpy_random.js`);
const makeGame = await compileCarGame(CAR_RACING);
const WARM_UP = 60; // steps: the first 50 show the whole map, which takes longer to draw

/** Play uniform actions and return steps per CPU second. */
function rate(count, drawn) {
  const game = makeGame(), next = uniformNumbers(Number(seed));
  game.reset(Number(seed));
  const play = () => {
    game.step(2 * next() - 1, next(), next());
    if (drawn) game.draw();
    if (game.end) game.reset(Number(seed));
  };
  for (let i = 0; i < WARM_UP; i++) play();
  const start = process.cpuUsage();
  for (let i = 0; i < count; i++) play();
  const { user, system } = process.cpuUsage(start);
  return (count * 1e6) / (user + system);
}

rate(1000, true); // until the engine has compiled everything well
const picture = rate(Number(steps), true), physics = rate(Number(steps), false);
const bytes = atob(CAR_RACING.wasm).length;
console.log(JSON.stringify({ picture, physics, bytes, engine: process.versions.v8 }));
