// The book's static pages have no kernel: this finds the widgets of a page and starts them.
// A place is <div class="wm-place" data-widget="NAME">still picture<script type="application/json">
// traits</script></div>.

/**
 * What a widget knows of its traits: the part of anywidget's model that needs no kernel.
 * @param {Object<string, any>} state
 */
export function makeModel(state) {
  /** @type {Map<string, Set<Function>>} */
  const listeners = new Map();
  return {
    isStatic: true,
    get: (/** @type {string} */ name) => state[name],
    set(/** @type {string} */ name, /** @type {any} */ value) {
      if (Object.is(state[name], value)) return;
      state[name] = value;
      listeners.get(`change:${name}`)?.forEach((listener) => listener());
    },
    on(/** @type {string} */ event, /** @type {Function} */ listener) {
      if (!listeners.has(event)) listeners.set(event, new Set());
      listeners.get(event).add(listener);
    },
    off(/** @type {string} */ event, /** @type {Function} */ listener) {
      listeners.get(event)?.delete(listener);
    },
    save_changes() {}, // nobody else is listening
    send() {},
  };
}

/**
 * Start one widget in its place, once.
 * @param {HTMLElement} place
 * @param {Object<string, {render: Function}>} widgets by name
 */
export function startWidget(place, widgets) {
  const state = JSON.parse(place.querySelector("script").textContent);
  const el = document.createElement("div");
  place.prepend(el);
  place.classList.add("wm-started"); // the still picture stays for print
  widgets[place.dataset.widget].render({ model: makeModel(state), el });
}

/**
 * Start each widget of the page when the reader comes near it.
 * @param {Object<string, {render: Function}>} widgets by name
 */
export function startWidgets(widgets) {
  const watcher = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      watcher.unobserve(target);
      startWidget(/** @type {HTMLElement} */ (target), widgets);
    }
  }, { rootMargin: "600px" });
  const begin = () => document.querySelectorAll(".wm-place").forEach((place) => watcher.observe(place));
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin);
  else begin();
}
