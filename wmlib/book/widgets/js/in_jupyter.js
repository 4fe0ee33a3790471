// JupyterLab takes the arrow keys for its cells, also those pressed on a widget, unless it is told not to.

/**
 * The widget with its keys left to it.
 * @param {{render: Function}} widget
 */
export function keepKeys(widget) {
  const render = (/** @type {{el: HTMLElement}} */ view) => {
    view.el.setAttribute("data-lm-suppress-shortcuts", "true");
    return widget.render(view);
  };
  return { render };
}
