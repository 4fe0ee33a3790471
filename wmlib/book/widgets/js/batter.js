// Chapter 1: how old may the picture be, and how strange the spin, for a batter who still hits?
import { make, makeButton, makeSlider } from "./controls.js";
import { makeSurface } from "./canvas.js";
import { makeClock, wantsStillness } from "./clock.js";
import { drawAxes, drawDot, drawText, strokePath } from "./chart.js";
import { Chance } from "./chance.js";
import {
  BATTERS, FLIGHT_TIME, PITCH, contacts, heightAt, lookAt, lookTimes, practise, swings, throwPitches,
} from "./pitches.js";
import { tell } from "./traits.js";

const NEW_PITCHES = 1000, WATCHED = 1000;
const SLOWER = 8; // the flight is shown so many times slower
const FILM_RATE = 60;
const CHANGES = ["change:age", "change:spin", "change:practised"];

/** @typedef {import("./canvas.js").Colours} Colours */
/** @typedef {import("./pitches.js").Ball} Ball */
/** @typedef {{ball: Ball, times: number[], seen: number[], swung: number[], now: number}} Throw */

/** The widget: a pitch, four batters, and how many of a thousand pitches each hits. */
class BatterView {
  /** @param {any} model */
  constructor(model) {
    this.model = model;
    this.chance = new Chance(12);
    this.makeParts();
    this.root = make("div", { class: "wm-live" },
      make("div", { class: "wm-row" }, this.age.el, this.spin.el), this.flight.el, this.bars.el,
      make("div", { class: "wm-row" }, this.pitch, this.train), this.note);
    this.clock = makeClock({ el: this.root, rate: () => FILM_RATE, playing: false,
      step: () => this.fly(), draw: () => this.flight.redraw() });
    this.listener = () => this.update();
    for (const event of CHANGES) model.on(event, this.listener);
    this.update();
  }

  makeParts() {
    const { model } = this;
    const change = (/** @type {string} */ name, /** @type {number} */ value) => tell(this.model, { [name]: value });
    this.age = makeSlider({ label: "age of the picture", min: 0, max: 0.2, step: 0.01,
      value: model.get("age"), show: (v) => `${v.toFixed(2)} s`, onInput: (v) => change("age", v) });
    this.spin = makeSlider({ label: "spin of the pitches", min: -6, max: 6, step: 0.5,
      value: model.get("spin"), show: (v) => `${signed(v)} m/s²`, onInput: (v) => change("spin", v),
      hint: "above 0: back spin holds the ball up" });
    this.pitch = makeButton("Throw", () => this.throwSlowly(), `One pitch, ${SLOWER} times slower`);
    this.train = makeButton("Practise this spin", () => change("practised", model.get("spin")),
      "The learned model watches a thousand pitches with this spin");
    this.flight = makeSurface({ ratio: 2.1, label: "The ball's path and where each batter expects it",
      draw: (g, w, h, colours) => drawFlight(g, w, h, colours, this.thrown) });
    this.bars = makeSurface({ ratio: 4, label: "Share of pitches that each batter hits",
      draw: (g, w, h, colours) => drawContact(g, w, h, colours, model.get("contact")) });
    this.note = make("p", { class: "wm-note wm-numbers", role: "status" });
  }

  /** Everything anew, for this age and this spin; the same pitches for the same settings. */
  update() {
    const age = this.model.get("age"), spin = this.model.get("spin"), practised = this.model.get("practised");
    this.clock.pause();
    this.learned = practise(WATCHED, practised, age, new Chance(1));
    const balls = throwPitches(NEW_PITCHES, spin, new Chance(2));
    const { shares, errors } = contacts(balls, age, this.learned, new Chance(3));
    tell(this.model, { contact: shares });
    this.throwOne();
    this.age.set(age);
    this.spin.set(spin);
    const off = BATTERS.map((name, i) => `${name} ${(100 * errors[i]).toFixed(0)} cm`).join(", ");
    this.note.textContent = `Off by, on average: ${off}. ` + (Math.abs(practised - spin) < 0.25
      ? "The learned model has watched a thousand pitches like these."
      : `The learned model has only watched spin ${signed(practised)}, and does not know that these are others.`);
    this.flight.redraw();
    this.bars.redraw();
  }

  /** Another pitch, seen to its end. */
  throwOne() {
    const [ball] = throwPitches(1, this.model.get("spin"), this.chance);
    const times = lookTimes(this.model.get("age")), seen = lookAt(ball, times, this.chance);
    /** @type {Throw} */
    this.thrown = { ball, times, seen, swung: swings(times, seen, this.learned), now: FLIGHT_TIME };
  }

  throwSlowly() {
    this.throwOne();
    if (!wantsStillness()) {
      this.thrown.now = 0;
      this.clock.play();
    }
    this.flight.redraw();
  }

  fly() {
    this.thrown.now = Math.min(this.thrown.now + 1 / (FILM_RATE * SLOWER), FLIGHT_TIME);
    if (this.thrown.now === FLIGHT_TIME) this.clock.pause();
  }

  stop() {
    for (const event of CHANGES) this.model.off(event, this.listener);
    for (const part of [this.clock, this.flight, this.bars]) part.stop();
  }
}

/**
 * Traits: `age` (seconds between a picture and the swing that it guides), `spin` of the pitches,
 * `practised` (the spin that the learned model has watched), and `contact`, the four shares.
 * @param {{model: any, el: HTMLElement}} view
 */
function renderBatter({ model, el }) {
  const view = new BatterView(model);
  el.append(view.root);
  return () => view.stop();
}

/** A spin with its sign. */
function signed(/** @type {number} */ value) {
  return value > 0 ? `+${value}` : `${value}`.replace("-", "−");
}

/** Blue: the real ball. Orange: what each batter imagines, and the old picture in the head. */
function drawFlight(/** @type {CanvasRenderingContext2D} */ g, /** @type {number} */ w, /** @type {number} */ h,
  /** @type {Colours} */ colours, /** @type {Throw} */ { ball, times, seen, swung, now }) {
  const narrow = w < 420, box = { x: 34, y: 24, w: w - 34 - (narrow ? 12 : 107), h: h - 64 };
  const at = drawAxes(g, box,
    { from: 0, to: PITCH.distance, ticks: [0, 5, 10, 15], name: "metres from the pitcher" },
    { from: 0, to: 2.2, ticks: [0, 1, 2], name: "height (m)" }, colours);
  const commit = PITCH.speed * (FLIGHT_TIME - PITCH.swing);
  g.strokeStyle = colours.muted;
  g.setLineDash([3, 3]);
  strokePath(g, [[at.x(commit), box.y + 6], [at.x(commit), box.y + box.h]]);
  g.setLineDash([]);
  drawText(g, "the swing begins", at.x(commit), box.y + 4, colours, { align: "center" });
  g.strokeStyle = colours.real;
  g.lineWidth = 2;
  const path = Array.from({ length: 61 }, (_, i) => (now * i) / 60);
  strokePath(g, path.map((t) => [at.x(PITCH.speed * t), at.y(heightAt(t, ball))]));
  times.forEach((t, i) => {
    if (t <= now) drawDot(g, at.x(PITCH.speed * t), at.y(seen[i]), 3, { fill: colours.real });
  });
  if (now >= FLIGHT_TIME - PITCH.swing) drawGuesses(g, at, colours, { times, seen, swung }, narrow);
  const flying = now < FLIGHT_TIME;
  drawDot(g, at.x(PITCH.speed * now), at.y(heightAt(now, ball)), flying ? 6 : 7, { fill: colours.real });
}

const DASHES = [[2, 3], [7, 4], [8, 3, 2, 3], []];

/** From the last look to the plate: a line for each batter, named where it ends or, on a phone, below the lines. */
function drawGuesses(/** @type {CanvasRenderingContext2D} */ g, /** @type {any} */ at,
  /** @type {Colours} */ colours, /** @type {Pick<Throw, "times" | "seen" | "swung">} */ { times, seen, swung },
  /** @type {boolean} */ narrow) {
  const last = times.length - 1, ahead = FLIGHT_TIME - times[last];
  const slope = (seen[last] - seen[last - 4]) / (times[last] - times[last - 4]);
  g.strokeStyle = colours.dream;
  g.lineWidth = 1.8;
  swung.forEach((y, i) => {
    const steep = i < 2 ? (y - seen[last]) / ahead : slope;
    const bend = (y - seen[last] - steep * ahead) / ahead ** 2;
    g.setLineDash(DASHES[i]);
    strokePath(g, Array.from({ length: 31 }, (_, k) => {
      const t = (ahead * k) / 30;
      return [at.x(PITCH.speed * (times[last] + t)), at.y(seen[last] + steep * t + bend * t * t)];
    }));
  });
  if (narrow) BATTERS.forEach((_, i) => {
    g.setLineDash(DASHES[i]);
    strokePath(g, [[at.x(0) + 10, at.y(0) - 62 + 16 * i], [at.x(0) + 40, at.y(0) - 62 + 16 * i]]);
  });
  g.setLineDash([]);
  if (narrow) return BATTERS.forEach((name, i) =>
    drawText(g, name, at.x(0) + 48, at.y(0) - 58 + 16 * i, colours, { colour: colours.ink }));
  // Names at the right, moved apart where they would overprint.
  const names = swung.map((y, i) => ({ y: at.y(y) + 4, i })).sort((a, b) => a.y - b.y);
  names.forEach((name, k) => { if (k) name.y = Math.max(name.y, names[k - 1].y + 15); });
  for (const { y, i } of names)
    drawText(g, BATTERS[i], at.x(PITCH.distance) + 13, y, colours, { colour: colours.ink });
}

/** Bars of contact. */
function drawContact(/** @type {CanvasRenderingContext2D} */ g, /** @type {number} */ w, /** @type {number} */ h,
  /** @type {Colours} */ colours, /** @type {number[]} */ shares) {
  const left = 100, full = w - left - 48, step = (h - 22) / 4;
  drawText(g, `share of ${NEW_PITCHES.toLocaleString("en-US")} new pitches hit (within 5 cm)`, 0, 14, colours, {});
  BATTERS.forEach((name, i) => {
    const y = 22 + step * i, middle = y + step / 2 + 4;
    drawText(g, name, left - 8, middle, colours, { align: "right", colour: colours.ink });
    g.fillStyle = colours.line;
    g.fillRect(left, y + 3, full, step - 6);
    g.fillStyle = colours.muted;
    g.fillRect(left, y + 3, full * shares[i], step - 6);
    drawText(g, `${(100 * shares[i]).toFixed(0)} %`, left + full + 8, middle, colours, { colour: colours.ink });
  });
}

const batter = { render: renderBatter };
export default batter;
