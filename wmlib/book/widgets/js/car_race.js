// The race: the reader's lap against the published agent's, on the same road, in the real game.
import { attempt } from "./agent.js";
import { makeSurface } from "./canvas.js";
import { drawRoad } from "./car_picture.js";
import { makeClock } from "./clock.js";
import { make, makeButton, makeSeed, shown } from "./controls.js";
import { loadDriver } from "./driver.js";
import { makePedals } from "./gauges.js";
import { drawGhost, drawMap } from "./ghost.js";
import { makeHands } from "./hands.js";
import { makeSeenGame } from "./seen_game.js";
import { makeStage, stillOf } from "./stage.js";
import { listen, tell } from "./traits.js";

const RACE_RATE = 50; // steps a second, the game's own
const HURRY = 10; // steps of the agent in one of the clock's, once the reader's lap is over
const SHAPE = 10 / 7; // of the game's own window
const NEAR = 49; // steps: the game's view comes down from high above in its first second
const RACE_LABEL = "The race, in the real game. The arrow keys steer, accelerate and brake.";
const RACE_HINT = "A press on the picture starts; then the arrow keys drive, or the finger: left and right steer, "
  + "above is gas, below is brake. Each new tile of the road is worth 1,000 divided by their number, each step costs 0.1; "
  + "leaving the field ends the race. The white car is the agent's.";

/** A table of both drivers; `show` fills it. */
function makeBoard() {
  const columns = ["", "return", "tiles", "time"], rows = ["You", "The agent"];
  const cells = rows.map(() => columns.slice(1).map(() => make("td", { class: "wm-numbers" }, "–")));
  const head = make("tr", {}, ...columns.map((text) => make("th", { scope: "col" }, text)));
  const body = rows.map((name, i) => make("tr", {}, make("th", { scope: "row" }, name), ...cells[i]));
  const show = (/** @type {import("./car_game.js").CarGame[]} */ games) => games.forEach((game, i) => {
    const { score, tiles, steps } = game.telemetry();
    const texts = [shown(score, 0), `${Math.round(100 * tiles)} %`, `${(steps / RACE_RATE).toFixed(1)} s`];
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

/**
 * Both cars of a race. It begins when the reader does.
 * @param {any} model
 * @param {import("./driver.js").Driver} driver
 * @param {import("./driver.js").Mind} mind
 * @param {import("./hands.js").Hands} hands
 * @param {import("./gauges.js").Gauge} pedals
 */
function makeRace(model, driver, mind, hands, pedals) {
  const mine = driver.makeGame(), its = makeSeenGame(driver.makeGame(), driver.encode, mind.memory);
  const race = {
    mine,
    its: its.game,
    running: false,
    restart() {
      mine.reset(model.get("seed"));
      its.reset(model.get("seed"));
      hands.clear();
      pedals.clear();
      race.running = false;
    },
    step() {
      race.running ||= hands.acting() && !mine.end;
      if (!race.running) return;
      const [steer, gas, brake] = hands.action();
      if (!mine.end) mine.step(steer, gas, brake);
      pedals.add([steer, gas, brake], null);
      for (let i = 0; i < (mine.end ? HURRY : 1) && !its.game.end; i++) its.act(mind.act(its.features()));
      if (!mine.end || !its.game.end) return;
      race.running = false;
      tell(model, { your_return: mine.score, agent_return: its.game.score });
    },
    words(/** @type {boolean} */ focused) {
      if (race.running) return mine.end ? "The agent drives its lap to the end …" : "";
      if (mine.end) return verdict(mine, its.game);
      return focused ? "An arrow key or a finger starts the race" : "A press on the picture starts the race";
    },
  };
  race.restart();
  return race;
}

/**
 * Draw the reader's view, `width` pixels wide: from near at once, for nobody drives from above.
 * @param {HTMLCanvasElement} canvas
 * @param {ReturnType<typeof makeRace>} race
 * @param {number} width
 */
function drawRace(canvas, { mine, its }, width) {
  const height = Math.round(width / SHAPE);
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const g = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const { steps } = mine.memory, now = steps[0];
  steps[0] = Math.max(now, NEAR);
  drawRoad(mine, g, width, height);
  drawGhost(its, mine, g, width, height);
  steps[0] = now;
}

/** @param {{model: any, el: HTMLElement}} view */
function renderCarRace({ model, el }) {
  const stage = makeStage({ label: RACE_LABEL, still: stillOf(model, el), focus: true });
  const canvas = /** @type {HTMLCanvasElement} */ (stage.el.querySelector("canvas"));
  stage.el.classList.add("wm-stage-real");
  canvas.classList.add("wm-wide");
  const hands = makeHands(stage.el, true), board = makeBoard(), pedals = makePedals();
  let stopped = false, drawn = ""; // what is seen now
  /** @type {ReturnType<typeof makeRace> | undefined} */
  let race;
  const map = makeSurface({ label: "The road from above with both cars", ratio: 1.3,
    draw: (g, width, height, colours) => race && drawMap(race.mine, race.its, g, width, height, colours) });
  const draw = () => {
    const width = Math.round(canvas.clientWidth * (window.devicePixelRatio || 1));
    const words = race?.words(document.activeElement === stage.el);
    if (!race || (!race.running && drawn === `${width} ${words}`)) return; // nothing has moved
    drawn = `${width} ${words}`;
    drawRace(canvas, race, width);
    stage.say(words ?? "");
    const driving = race.running && !race.mine.end;
    stage.actor(driving ? "You drive" : "", driving);
    board.show([race.mine, race.its]);
    pedals.redraw();
    map.redraw();
  };
  const clock = makeClock({ el: stage.el, rate: () => RACE_RATE, step: () => race?.step(), draw, playing: false });
  const restart = () => {
    seed.show();
    race?.restart();
    drawn = "";
    draw();
  };
  const seed = makeSeed(model);
  const ready = () => stage.el.focus({ preventScroll: true }); // the arrow keys are the reader's again
  const buttons = make("div", { class: "wm-row" }, makeButton("Again", () => { restart(); ready(); }),
    makeButton("Another road", () => { tell(model, { seed: model.get("seed") + 1 }); ready(); }),
    seed.el);
  const stopListening = listen(model, { seed: restart });
  const start = async () => {
    const driver = await attempt(stage.say, () => loadDriver(model, stage.say));
    if (!driver) return false;
    if (stopped) return true;
    race = makeRace(model, driver, await driver.mind("published"), hands, pedals);
    draw();
    clock.play(); // nothing moves before the reader does
    return true;
  };
  el.append(make("div", { class: "wm-live wm-race" }, make("div", {}, stage.el, buttons),
    make("div", { class: "wm-panel" }, board.el, map.el, pedals.el), make("p", { class: "wm-note" }, RACE_HINT)));
  const callOff = stage.begin("Load the race", start);
  return () => {
    stopped = true;
    [clock.stop, hands.stop, callOff, map.stop, stopListening].forEach((end) => end());
  };
}

const carRace = { render: renderCarRace };
export default carRace;
