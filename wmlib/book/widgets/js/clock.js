// The clock of everything that moves by itself.

/** Whether the reader asked the system for little motion: then nothing plays by itself. */
export function wantsStillness() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}

const MOST_STEPS = 6; // made up for in one frame; beyond it the clock of a slow machine goes slower

/**
 * Call `step` at `rate()` times a second and `draw` once a frame, while `el` is on the screen and
 * the tab is seen. A slow machine draws less often and makes the same steps.
 * @param {{el: Element, rate: () => number, step: () => void, draw: () => void,
 *   playing: boolean}} options
 * @returns {{play: () => void, pause: () => void, playing: () => boolean, stop: () => void}}
 */
export function makeClock({ el, rate, step, draw, playing }) {
  let seen = false, frame = 0, before = 0, owed = 0;
  const tick = (/** @type {number} */ now) => {
    frame = requestAnimationFrame(tick);
    owed = Math.min(owed + ((now - before) * rate()) / 1000, MOST_STEPS);
    before = now;
    if (owed < 1) return;
    for (; owed >= 1 && playing; owed--) step();
    draw();
  };
  const update = () => {
    cancelAnimationFrame(frame);
    frame = 0;
    if (!playing || !seen || document.hidden) return;
    before = performance.now();
    owed = 1;
    frame = requestAnimationFrame(tick);
  };
  const watcher = new IntersectionObserver((entries) => {
    seen = entries[entries.length - 1].isIntersecting;
    update();
  });
  watcher.observe(el);
  document.addEventListener("visibilitychange", update);
  const turn = (/** @type {boolean} */ on) => { playing = on; update(); };
  const stop = () => {
    turn(false);
    watcher.disconnect();
    document.removeEventListener("visibilitychange", update);
  };
  return { play: () => turn(true), pause: () => turn(false), playing: () => playing, stop };
}
