// The race: the reader's lap against the published agent's, on the same road, in the real game.
import { whenNear } from "./agent.js";
import { makeSurface } from "./canvas.js";
import { drawRoad } from "./car_picture.js";
import { makeClock } from "./clock.js";
import { make, makeButton } from "./controls.js";
import { loadDriver } from "./driver.js";
import { makePedals } from "./gauges.js";
import { drawGhost, drawMap } from "./ghost.js";
import { makeHands } from "./hands.js";
import { makeSeenGame } from "./seen_game.js";
import { makeStage, stillOf } from "./stage.js";

const RACE_RATE = 50; // steps a second, the game's own
const HURRY = 10; // steps of the agent in one of the clock's, once the reader's lap is over
const SHAPE = 10 / 7; // of the game's own window
const RACE_LABEL = "The race, in the real game. The arrow keys steer, accelerate and brake.";
const RACE_HINT = "An arrow key starts, or a finger on the picture: left and right steer, above is gas, below is "
  + "brake. Each new tile of the road is worth 1,000 divided by their number, each step costs 0.1; "
  + "leaving the field ends the race. The white car is the agent's.";

/** A table of both drivers; `show` fills it. */
function makeBoard() {
  const columns = ["", "return", "tiles", "time"], rows = ["You", "The agent"];
  const cells = rows.map(() => columns.slice(1).map(() => make("td", { class: "wm-numbers" }, "–")));
  const head = make("tr", {}, ...columns.map((text) => make("th", { scope: "col" }, text)));
  const body = rows.map((name, i) => make("tr", {}, make("th", { scope: "row" }, name), ...cells[i]));
  const show = (/** @type {import("./car_game.js").CarGame[]} */ games) => games.forEach((game, i) => {
    const { score, tiles, steps } = game.telemetry();
    const texts = [score.toFixed(0).replace("-", "−"), `${Math.round(100 * tiles)} %`, `${(steps / RACE_RATE).toFixed(1)} s`];
    texts.forEach((text, k) => { cells[i][k].textContent = text; });
  });
  return { el: make("table", { class: "wm-board" }, make("thead", {}, head), make("tbody", {}, ...body)), show };
}

/** Who has won, in words. */
function verdict(/** @type {import("./car_game.js").CarGame} */ mine, /** @type {import("./car_game.js").CarGame} */ its) {
  const cause = { lap: "Your lap is done", "off the field": "You left the field", time: "Twenty seconds are over" };
  const won = mine.score > its.score ? "you win." : "the agent wins.";
  return `${cause[/** @type {keyof cause} */ (mine.end)]}: ${won}`;
}

/** @param {{model: any, el: HTMLElement}} view */
function renderCarRace({ model, el }) {
  const stage = makeStage({ label: RACE_LABEL, still: stillOf(model, el), focus: true });
  stage.el.classList.add("wm-stage-real");
  const canvas = /** @type {HTMLCanvasElement} */ (stage.el.querySelector("canvas"));
  canvas.classList.add("wm-wide");
  const hands = makeHands(stage.el, true), board = makeBoard(), pedals = makePedals();
  let running = false, stopped = false, drawnWidth = 0; // 0: what is seen is old
  /** @type {{mine: import("./car_game.js").CarGame, its: import("./seen_game.js").SeenGame, act: import("./agent.js").Act} | undefined} */
  let cars;

  const map = makeSurface({
    label: "The road from above with both cars",
    ratio: 1.3,
    draw: (g, width, height, colours) => cars && drawMap(cars.mine, cars.its.game, g, width, height, colours),
  });
  const tell = () => { if (cars) model.save_changes(); };
  const setSeed = (/** @type {number} */ value) => { model.set("seed", value); tell(); };
  const restart = () => {
    if (!cars) return;
    const seed = model.get("seed");
    number.value = String(seed);
    pedals.clear();
    cars.mine.reset(seed);
    cars.its.reset(seed);
    [running, drawnWidth] = [false, 0];
    stage.say("An arrow key or a finger starts the race");
    draw();
  };
  const step = () => {
    running ||= hands.acting();
    if (!cars || !running) return;
    const { mine, its, act } = cars, [steer, gas, brake] = hands.action();
    if (!mine.end) mine.step(steer, gas, brake);
    pedals.add([steer, gas, brake], null);
    for (let i = 0; i < (mine.end ? HURRY : 1) && !its.game.end; i++) its.act(act(its.features()));
    if (!mine.end || !its.game.end) return;
    [running, drawnWidth] = [false, 0];
    stage.say(verdict(mine, its.game));
    Object.entries({ your_return: mine.score, agent_return: its.game.score }).forEach(([name, value]) => model.set(name, value));
    tell();
  };
  const draw = () => {
    if (!cars) return;
    const { mine, its } = cars;
    if (running) stage.say(mine.end ? "The agent drives its lap to the end …" : "");
    const width = Math.round(canvas.clientWidth * (window.devicePixelRatio || 1)), height = Math.round(width / SHAPE);
    if (!running && width === drawnWidth) return; // nothing has moved
    drawnWidth = width;
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const g = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    drawRoad(mine, g, width, height);
    drawGhost(its.game, mine, g, width, height);
    stage.actor(running && !mine.end ? "You drive" : "", true);
    board.show([mine, its.game]);
    pedals.redraw();
    map.redraw();
  };
  const clock = makeClock({ el: stage.el, rate: () => RACE_RATE, step, draw, playing: false });
  const number = make("input", { type: "number", min: 0, max: 2 ** 31 - 1, step: 1, value: model.get("seed"),
    onchange: () => number.checkValidity() && number.value && setSeed(Number(number.value)) });
  const buttons = make("div", { class: "wm-row" }, makeButton("Again", restart),
    makeButton("Another road", () => setSeed(model.get("seed") + 1)),
    make("label", { class: "wm-choice" }, make("span", {}, "Road (seed)"), number));

  const start = async () => {
    try {
      const driver = await loadDriver(model, stage.say);
      if (stopped) return;
      const mind = await driver.mind("published");
      const its = makeSeenGame(driver.makeGame(), driver.encode, mind.memory);
      cars = { mine: driver.makeGame(), its, act: mind.act };
    } catch (error) {
      stage.say(String(error instanceof Error ? error.message : error));
      return;
    }
    restart();
    clock.play(); // nothing moves before the reader does
  };
  model.on("change:seed", restart);
  const saves = /** @type {any} */ (navigator).connection?.saveData;
  let callOff = () => {};
  if (saves) stage.offer("Load the race", start);
  else callOff = whenNear(el, start);

  el.append(make("div", { class: "wm-live wm-race" }, stage.el,
    make("div", { class: "wm-panel" }, board.el, map.el, pedals.el), buttons, make("p", { class: "wm-note" }, RACE_HINT)));
  return () => {
    stopped = true;
    [clock.stop, hands.stop, callOff, map.stop].forEach((end) => end());
    model.off("change:seed", restart);
  };
}

const carRace = { render: renderCarRace };
export default carRace;
