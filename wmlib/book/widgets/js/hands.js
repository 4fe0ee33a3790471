// The reader's hands on a dream: arrow keys, mouse or touch, while the picture has the focus.

const ARROWS = { ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down" };
const PATIENCE = 1500; // milliseconds without a key or a touch, after which C acts again

/**
 * @typedef {{acting: () => boolean, action: () => number[], stop: () => void}} Hands
 */

/**
 * What the reader does on `stage`, as actions of the game. `car` reads all four arrows and the
 * pointer's place; Doom reads left and right.
 * @param {HTMLElement} stage an element that can have the focus
 * @param {boolean} car
 * @returns {Hands}
 */
export function makeHands(stage, car) {
  const down = new Set();
  let last = -Infinity;
  /** @type {{x: number, y: number} | null} pointer's place on the stage, -1 to 1 */
  let pointer = null;
  let steer = 0, gas = 0, brake = 0;
  const touchNow = () => (last = performance.now());

  const press = (/** @type {KeyboardEvent} */ event) => {
    const way = ARROWS[/** @type {keyof ARROWS} */ (event.key)];
    if (!way || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault(); // the page does not scroll while the player has the focus
    down.add(way);
    touchNow();
  };
  const release = (/** @type {KeyboardEvent} */ event) => {
    if (down.delete(ARROWS[/** @type {keyof ARROWS} */ (event.key)])) touchNow();
  };
  const point = (/** @type {PointerEvent} */ event) => {
    // A button on the stage keeps its click: a captured pointer would take it away.
    if (/** @type {Element} */ (event.target).closest("button")) return;
    if (event.type === "pointermove" && !pointer) return;
    const box = stage.getBoundingClientRect();
    pointer = { x: (2 * (event.clientX - box.left)) / box.width - 1,
      y: (2 * (event.clientY - box.top)) / box.height - 1 };
    if (event.type === "pointerdown") stage.setPointerCapture(event.pointerId);
    touchNow();
  };
  const lift = () => {
    if (pointer) touchNow();
    pointer = null;
  };
  const leave = () => down.clear();
  /** @type {[string, any][]} */
  const listeners = [["keydown", press], ["keyup", release], ["blur", leave], ["pointerdown", point],
    ["pointermove", point], ["pointerup", lift], ["pointercancel", lift]];
  listeners.forEach(([name, listener]) => stage.addEventListener(name, listener));

  const held = (/** @type {string} */ way) => (down.has(way) ? 1 : 0);
  const side = () => (pointer ? pointer.x : held("right") - held("left"));
  // Keys are on or off; wheel and pedals turn towards them by a tenth a step, and back.
  const towards = (/** @type {number} */ now, /** @type {number} */ wanted) =>
    wanted === 0 ? now * 0.9 : now + Math.max(-0.1, Math.min(0.1, wanted - now));
  return {
    acting: () => down.size > 0 || pointer !== null || performance.now() - last < PATIENCE,
    action() {
      if (!car) return [Math.abs(side()) < 0.05 ? 0 : Math.sign(side())];
      const fast = pointer ? Math.max(0, 0.4 - pointer.y) : held("up");
      steer = towards(steer, side());
      gas = towards(gas, Math.min(1, fast));
      brake = towards(brake, pointer ? Math.max(0, pointer.y - 0.4) : 0.8 * held("down"));
      return [steer, gas, brake];
    },
    stop: () => listeners.forEach(([name, listener]) => stage.removeEventListener(name, listener)),
  };
}
