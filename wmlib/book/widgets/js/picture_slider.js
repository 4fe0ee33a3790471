// A slider, or two, that chooses among pictures that were made beforehand.
import { make, makeSlider } from "./controls.js";

/**
 * Traits: `labels` and `options` (one list for each slider), `index` (which option is chosen),
 * `pictures` (HTML, those of the first slider's first option first).
 * @param {{model: any, el: HTMLElement}} view
 */
function renderPictureSlider({ model, el }) {
  const options = /** @type {string[][]} */ (model.get("options"));
  const labels = /** @type {string[]} */ (model.get("labels"));
  // All pictures lie on one another, so the place is as high as the highest and nothing is
  // loaded again when the slider moves.
  const pictures = /** @type {string[]} */ (model.get("pictures")).map((html) => {
    const picture = make("div", { class: "wm-choosable" });
    picture.innerHTML = html;
    return picture;
  });
  const sliders = labels.map((label, k) => makeSlider({
    label, min: 0, max: options[k].length - 1, step: 1, value: model.get("index")[k],
    show: (i) => options[k][i],
    onInput: (i) => {
      const index = [...model.get("index")];
      index[k] = i;
      model.set("index", index);
      model.save_changes();
    },
  }));
  const show = () => {
    const index = /** @type {number[]} */ (model.get("index"));
    const chosen = index.reduce((at, i, k) => at * options[k].length + i, 0);
    pictures.forEach((picture, i) => picture.classList.toggle("wm-chosen", i === chosen));
    sliders.forEach((slider, k) => slider.set(index[k]));
  };
  show();
  model.on("change:index", show);
  el.append(make("div", { class: "wm-live" },
    make("div", { class: "wm-row wm-first" }, ...sliders.map((slider) => slider.el)),
    make("div", { class: "wm-choosables" }, ...pictures)));
  return () => model.off("change:index", show);
}

const picture_slider = { render: renderPictureSlider };
export default picture_slider;
