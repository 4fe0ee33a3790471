// The flashcards with spaced repetition, in this browser only. Without this script they are folds.
// Each card is <details class="wm-card" data-card="ID">; its answer is rated, and comes again later
// the better it was known: Leitner's boxes (1972), with an interval in days for each box.
"use strict";

const CARD_DAYS = [0, 1, 3, 7, 16, 35, 90];
const CARD_STORE = "world-models-cards";
const CARD_DAY = 24 * 60 * 60 * 1000;
const CARD_RATINGS = [["again", "Not known: once more today"], ["hard", "Hardly known: the same pause"],
  ["good", "Known: a longer pause"], ["easy", "Known at once: a much longer pause"]];

/**
 * @typedef {{box: number, due: number}} CardMemory due: a moment in milliseconds, as Date.now()
 */

/**
 * A card after it was rated.
 * @param {CardMemory | undefined} before undefined: never rated
 * @param {string} rating one of CARD_RATINGS
 * @param {number} now
 * @returns {CardMemory}
 */
function ratedCard(before, rating, now) {
  const box = before ? before.box : 0, last = CARD_DAYS.length - 1;
  const next = { again: 0, hard: Math.max(box, 1), good: box + 1, easy: box + 2 }[rating];
  if (next === undefined) throw new Error(`no rating ${rating}`);
  const chosen = Math.min(next, last);
  return { box: chosen, due: now + CARD_DAYS[chosen] * CARD_DAY };
}

/**
 * The ids that should be asked now: due ones, the longest overdue first, then new ones.
 * @param {string[]} ids
 * @param {Object<string, CardMemory>} kept
 * @param {number} now
 */
function dueCards(ids, kept, now) {
  const known = ids.filter((id) => kept[id] && kept[id].due <= now);
  known.sort((a, b) => kept[a].due - kept[b].due);
  return [...known, ...ids.filter((id) => !kept[id])];
}

/** When a card comes again, in words. */
function untilDue(/** @type {number} */ due, /** @type {number} */ now) {
  const days = Math.round((due - now) / CARD_DAY);
  if (days <= 0) return "again today";
  return days === 1 ? "again tomorrow" : `again in ${days} days`;
}

/**
 * What is kept, from its text; anything that is not ours is left out.
 * @param {string | null} text
 * @returns {Object<string, CardMemory>}
 */
function readCards(text) {
  /** @type {Object<string, CardMemory>} */
  const kept = {};
  try {
    for (const [id, card] of Object.entries(JSON.parse(text || "{}")))
      if (Number.isInteger(card.box) && CARD_DAYS[card.box] !== undefined && Number.isFinite(card.due))
        kept[id] = { box: card.box, due: card.due };
  } catch { return {}; } // someone else's text: begin anew
  return kept;
}

/** An element with attributes, listeners ("onclick") and children. */
function cardElement(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/** The browser's storage; where it is forbidden, a page's own memory. */
function cardStorage() {
  try {
    localStorage.getItem(CARD_STORE);
    return localStorage;
  } catch {
    let text = null;
    return { getItem: () => text, setItem: (_, value) => { text = value; }, removeItem: () => { text = null; } };
  }
}

/** The cards of this page, their bar, and what happens when they are rated. */
class CardDeck {
  constructor(cards) {
    this.cards = new Map(cards.map((card) => [card.dataset.card, card]));
    this.storage = cardStorage();
    this.practising = false;
    this.asked = null;
    this.count = cardElement("span", { class: "wm-cards-count", role: "status", tabindex: -1 });
    this.start = cardElement("button", { type: "button", class: "wm-cards-start", onclick: () => this.toggle() }, "Practise");
    const small = (text, hint, onclick) => cardElement("button", { type: "button", class: "wm-cards-small", title: hint, onclick }, text);
    const file = cardElement("input", { type: "file", accept: ".json,application/json", hidden: "", onchange: () => this.import(file) });
    this.bar = cardElement("div", { class: "wm-cards-bar", role: "group", "aria-label": "Spaced repetition" }, this.start, this.count,
      cardElement("span", { class: "wm-cards-kept" }, "kept in this browser only: ",
        small("export", "Save how well you know each card as a file", () => this.export()),
        small("import", "Read such a file", () => file.click()), file,
        small("forget", "Forget all answers, of all pages", () => this.forget())));
    document.querySelector(".wm-cards-place").append(this.bar);
    for (const [id, card] of this.cards) card.append(this.ratings(id));
    this.show();
  }

  get kept() {
    return readCards(this.storage.getItem(CARD_STORE));
  }

  /** The row of buttons below an answer. */
  ratings(id) {
    const buttons = CARD_RATINGS.map(([rating, hint]) => cardElement("button",
      { type: "button", class: "wm-cards-rating", title: hint, onclick: () => this.rate(id, rating) }, rating));
    return cardElement("div", { class: "wm-cards-row" }, cardElement("span", {}, "How was it?"), ...buttons,
      cardElement("span", { class: "wm-cards-next" }));
  }

  rate(id, rating) {
    const kept = this.kept, now = Date.now();
    kept[id] = ratedCard(kept[id], rating, now);
    this.storage.setItem(CARD_STORE, JSON.stringify(kept));
    this.cards.get(id).open = false;
    if (this.practising) this.ask(id);
    else this.show();
  }

  /** Begin to practise, or stop. */
  toggle() {
    this.practising = !this.practising;
    for (const card of this.cards.values()) card.open = false;
    this.asked = null;
    if (this.practising) this.ask();
    else this.show();
  }

  /** Show the next card that is due, not the one just rated if there is another. */
  ask(before) {
    const due = dueCards([...this.cards.keys()], this.kept, Date.now());
    this.asked = due.find((id) => id !== before) ?? due[0] ?? null;
    if (this.asked === null) this.practising = false;
    this.show();
    if (this.asked === null) return this.count.focus();  // its button is off: nothing is due
    const card = this.cards.get(this.asked);
    card.querySelector("summary").focus({ preventScroll: true });
    if (card.getBoundingClientRect().bottom > innerHeight || card.getBoundingClientRect().top < 0) card.scrollIntoView({ block: "center" });
  }

  /** Bring the page up to date with what is kept. */
  show() {
    const kept = this.kept, now = Date.now(), ids = [...this.cards.keys()];
    const due = dueCards(ids, kept, now), fresh = due.filter((id) => !kept[id]).length;
    this.count.textContent = due.length === 0 ? `all ${ids.length} known for now; ${this.nextDue(kept, now)}`
      : `${due.length} of ${ids.length} to ask` + (fresh && fresh < due.length ? `, ${fresh} of them new` : fresh ? ", all new" : "");
    this.start.textContent = this.practising ? "Stop" : "Practise";
    this.start.disabled = due.length === 0;
    for (const [id, card] of this.cards) {
      const away = this.practising && id !== this.asked;
      card.hidden = away;
      card.querySelector(".wm-cards-next").textContent = kept[id] ? untilDue(kept[id].due, now) : "";
    }
    document.body.classList.toggle("wm-practising", this.practising);
  }

  nextDue(kept, now) {
    const dues = [...this.cards.keys()].map((id) => kept[id].due);
    return `the first comes ${untilDue(Math.min(...dues), now)}`;
  }

  export() {
    const text = JSON.stringify(this.kept, null, 1);
    const url = URL.createObjectURL(new Blob([text], { type: "application/json" }));
    cardElement("a", { href: url, download: "world-models-cards.json" }).click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  }

  async import(file) {
    const read = readCards(await file.files[0].text());
    file.value = "";
    this.storage.setItem(CARD_STORE, JSON.stringify({ ...this.kept, ...read }));
    this.show();
    this.count.textContent = `${Object.keys(read).length} cards read; ${this.count.textContent}`;
  }

  forget() {
    if (!confirm("Forget how well you know the cards, on all pages?")) return;
    this.storage.removeItem(CARD_STORE);
    this.practising = false;
    this.asked = null;
    this.show();
  }
}

function startCards() {
  const cards = [...document.querySelectorAll("details.wm-card[data-card]")];
  if (cards.length) new CardDeck(cards);
}

if (typeof document !== "undefined") {
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", startCards);
  else startCards();
}
