// The reader's hands on a dream: arrow keys, mouse or touch, while the picture has the focus.

const ARROWS = { ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down" };
const PATIENCE = 1500; // milliseconds without a key or a touch, after which C acts again
const HOLD = 150; // milliseconds until a finger drives: by then a finger that scrolls has been called off

/**
 * `clear` lets go of everything.
 * @typedef {{acting: () => boolean, action: () => number[], clear: () => void, stop: () => void}} Hands
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
  /** @type {{id: number, since: number, x: number, y: number} | null} place on the stage, -1 to 1 */
  let pointer = null;
  let steer = 0, gas = 0, brake = 0;
  const touchNow = () => (last = performance.now());
  const clear = () => {
    down.clear();
    pointer = null;
    last = -Infinity;
    steer = gas = brake = 0;
  };

  const press = (/** @type {KeyboardEvent} */ event) => {
    const way = ARROWS[/** @type {keyof ARROWS} */ (event.key)];
    if (!way || event.ctrlKey || event.metaKey || event.altKey) return;
    if (!car && (way === "up" || way === "down")) return; // they scroll
    event.preventDefault(); // the page does not scroll while the player has the focus
    down.add(way);
    touchNow();
  };
  const release = (/** @type {KeyboardEvent} */ event) => {
    if (down.delete(ARROWS[/** @type {keyof ARROWS} */ (event.key)])) touchNow();
  };
  const follow = (/** @type {PointerEvent} */ event) => {
    if (pointer?.id !== event.pointerId) return;
    const box = stage.getBoundingClientRect();
    const place = (/** @type {number} */ from, /** @type {number} */ length) =>
      Math.max(-1, Math.min(1, (2 * from) / length - 1)); // a pointer that left the stage is at its edge
    pointer.x = place(event.clientX - box.left, box.width);
    pointer.y = place(event.clientY - box.top, box.height);
  };
  const point = (/** @type {PointerEvent} */ event) => {
    // One pointer drives, and a button on the stage keeps its click: capture would take it away.
    if (pointer || event.button !== 0 || /** @type {Element} */ (event.target).closest("button")) return;
    const wait = event.pointerType === "touch" ? HOLD : 0;
    pointer = { id: event.pointerId, since: performance.now() + wait, x: 0, y: 0 };
    follow(event);
    stage.setPointerCapture(event.pointerId);
  };
  const lift = (/** @type {PointerEvent} */ event) => {
    if (pointer?.id !== event.pointerId) return;
    pointer = null;
    touchNow();
  };
  // The browser has taken the finger away, to scroll the page: nobody drove.
  const callOff = (/** @type {PointerEvent} */ event) => { if (pointer?.id === event.pointerId) clear(); };
  const leave = () => down.clear();
  // A finger that drives does not scroll the page; one that has just come down may still do so.
  const still = (/** @type {TouchEvent} */ event) => { if (pressed() && event.cancelable) event.preventDefault(); };
  /** @type {[string, any][]} */
  const listeners = [["keydown", press], ["keyup", release], ["blur", leave], ["pointerdown", point],
    ["pointermove", follow], ["pointerup", lift], ["pointercancel", callOff], ["lostpointercapture", callOff],
    ["touchmove", still]];
  listeners.forEach(([name, listener]) => stage.addEventListener(name, listener, { passive: false }));

  const held = (/** @type {string} */ way) => (down.has(way) ? 1 : 0);
  const pressed = () => pointer !== null && performance.now() >= pointer.since;
  const side = () => (pointer ? pointer.x : held("right") - held("left"));
  // Keys are on or off; wheel and pedals turn towards them by a tenth a step, and back.
  const towards = (/** @type {number} */ now, /** @type {number} */ wanted) =>
    wanted === 0 ? now * 0.9 : now + Math.max(-0.1, Math.min(0.1, wanted - now));
  return {
    acting: () => down.size > 0 || pressed() || performance.now() - last < PATIENCE,
    action() {
      if (!car) return [Math.abs(side()) < 0.05 ? 0 : Math.sign(side())];
      const fast = pointer ? Math.max(0, 0.4 - pointer.y) : held("up");
      steer = towards(steer, side());
      gas = towards(gas, Math.min(1, fast));
      brake = towards(brake, pointer ? Math.max(0, pointer.y - 0.4) : 0.8 * held("down"));
      return [steer, gas, brake];
    },
    clear,
    stop: () => listeners.forEach(([name, listener]) => stage.removeEventListener(name, listener)),
  };
}
