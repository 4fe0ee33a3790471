// A widget's traits: what Python and JavaScript both know of it.

/**
 * Set traits and let a Python kernel know.
 * @param {any} model
 * @param {Object<string, any>} values
 */
export function tell(model, values) {
  Object.entries(values).forEach(([name, value]) => model.set(name, value));
  model.save_changes();
}

/**
 * Call a listener whenever its trait changes, whoever changed it; returns what stops that.
 * @param {any} model
 * @param {Object<string, () => void>} listeners
 * @returns {() => void}
 */
export function listen(model, listeners) {
  const all = Object.entries(listeners);
  all.forEach(([name, listener]) => model.on(`change:${name}`, listener));
  return () => all.forEach(([name, listener]) => model.off(`change:${name}`, listener));
}
