// @ts-check
/** Checking a source: a marker shows its quote when it is pointed at, and opens its article beside the answer. */

import { dateline, documentHref, parallel, pathOf, quotes, targets } from "./answer.js";
import { answered } from "./asking.js";
import { button, element, filled } from "./elements.js";

/** @typedef {import("./answer.js").Page} Page */
/** @typedef {import("./answer.js").Shown} Shown */
/** @typedef {import("./answer.js").Target} Target */
/** @typedef {{ title: string, language: string, published: string | null, text: string }} Article */

// Milliseconds: a pointer that only passes over a marker shows nothing, and has time to get from it to the card.
const BEFORE_SHOWING = 120;
const BEFORE_HIDING = 250;
// Pixels that a card keeps from the edges of the window, and from its marker.
const GAP = 8;
// So much is shown on either side of a span, in characters; the page of the article has all of it.
const AROUND = 20_000;
// Where there is room for an article beside the answer; as in page.css.
const WIDE = matchMedia("(min-width: 75rem)");

/**
 * The text and the sources that each turn shows, by its element.
 * @type {WeakMap<Element, Shown>}
 */
export const sourcesOf = new WeakMap();

/**
 * Show the sources of every answer in a transcript, as far as their readers ask for them. What is returned closes them.
 * @param {Page} page
 * @param {HTMLElement} transcript
 */
export function showSources(page, transcript) {
  const card = new Card(page);
  const panel = new Panel(page);
  transcript.after(card.element, panel.element);
  transcript.addEventListener("pointerover", (event) => {
    const marker = markerAt(event);
    if (marker && event.pointerType === "mouse") card.soon(marker);
  });
  transcript.addEventListener("pointerout", (event) => markerAt(event) && card.later());
  transcript.addEventListener("focusin", (event) => {
    const marker = markerAt(event);
    if (marker?.matches(":focus-visible")) card.show(marker);
  });
  transcript.addEventListener("focusout", (event) => markerAt(event) && card.hide());
  transcript.addEventListener("click", (event) => {
    const opener = openerAt(event);
    const target = opener && targetOf(opener);
    if (!target) return;
    event.preventDefault();
    card.hide();
    void panel.open(opener, target);
  });
  return {
    close() {
      card.hide();
      panel.element.close();
    },
  };
}

/**
 * The marker that an event is about.
 * @param {Event} event
 */
const markerAt = ({ target }) =>
  target instanceof Element ? /** @type {HTMLElement | null} */ (target.closest("button.marker")) : null;

/**
 * What is clicked in order to see a source here; a link that is to be opened elsewhere is left to the browser.
 * @param {MouseEvent} event
 */
function openerAt(event) {
  const elsewhere = event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey;
  const link = event.target instanceof Element && !elsewhere ? event.target.closest("a") : null;
  return markerAt(event) ?? link;
}

/**
 * @param {HTMLElement} opener
 * @returns {Target | undefined}
 */
function targetOf(opener) {
  if (!opener.matches(".marker")) return targets.get(opener);
  const shown = sourcesOf.get(/** @type {Element} */ (opener.closest(".turn")));
  const citation = shown?.citations.find(({ n }) => n === Number(opener.dataset.n));
  return citation && shown && { span: citation, citation, language: shown.language };
}

/** What a marker's source says, at the marker (WCAG 2.2, 1.4.13: it can be pointed at, and Escape sends it away). */
class Card {
  #timer = 0;
  /** @type {HTMLElement | null} */
  #marker = null;

  /** @param {Page} page */
  constructor(page) {
    this.page = page;
    this.element = element("div", { class: "card", id: "card", role: "tooltip", hidden: "" });
    this.element.addEventListener("pointerenter", () => clearTimeout(this.#timer));
    this.element.addEventListener("pointerleave", () => this.later());
    addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || event.isComposing || this.element.hidden) return;
      this.hide();
      event.preventDefault(); // one press closes one thing
    });
    addEventListener("scroll", () => this.#follow(), { capture: true, passive: true });
  }

  /** @param {HTMLElement} marker */
  soon(marker) {
    clearTimeout(this.#timer);
    if (marker === this.#marker) return;
    this.#timer = setTimeout(() => this.show(marker), BEFORE_SHOWING);
  }

  later() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.hide(), BEFORE_HIDING);
  }

  /** @param {HTMLElement} marker */
  show(marker) {
    const target = targetOf(marker);
    if (!target?.citation || !marker.isConnected) return;
    this.hide();
    const { citation, language } = target;
    const said = quotes(this.page, citation, language);
    for (const link of said.querySelectorAll("a")) link.remove(); // nothing in a tooltip can be reached by keyboard
    const title = element("p", { class: "title", lang: citation.language, dir: "auto" }, citation.title);
    const look = element("p", { class: "look" }, this.page.texts.look);
    this.element.replaceChildren(title, dateline(this.page, citation), said, look);
    this.element.hidden = false;
    marker.setAttribute("aria-describedby", "card");
    this.#marker = marker;
    this.#follow();
  }

  hide() {
    clearTimeout(this.#timer);
    this.#marker?.removeAttribute("aria-describedby");
    this.#marker = null;
    this.element.hidden = true;
  }

  /** Stay at the marker as long as it is in the window. */
  #follow() {
    if (!this.#marker) return;
    const place = this.#marker.getBoundingClientRect();
    if (place.bottom > 0 && place.top < innerHeight) this.#place(place);
    else this.hide();
  }

  /**
   * Below the marker, or above it where there is more room; never past an edge, and never over the marker.
   * @param {DOMRect} marker
   */
  #place(marker) {
    const { style } = this.element;
    const room = { above: marker.top - 2 * GAP, below: innerHeight - marker.bottom - 2 * GAP };
    style.maxHeight = "";
    const { width, height } = this.element.getBoundingClientRect();
    const below = height <= room.below || room.below >= room.above;
    const most = document.documentElement.clientWidth - width - GAP;
    style.left = `${Math.max(GAP, Math.min(marker.left - 2 * GAP, most))}px`;
    style.top = below ? `${marker.bottom + GAP}px` : `${Math.max(GAP, marker.top - GAP - height)}px`;
    if (height > room[below ? "below" : "above"]) style.maxHeight = `${room[below ? "below" : "above"]}px`;
  }
}

/** An article beside the answer, or over it where there is no room; scrolled to what is cited of it. */
class Panel {
  /** @type {HTMLElement | null} */
  #opener = null;

  /** @param {Page} page */
  constructor(page) {
    this.page = page;
    this.element = element("dialog", { class: "panel", "aria-labelledby": "panel-title" });
    this.element.addEventListener("close", () => this.#closed());
    this.element.addEventListener("click", (event) => event.target === this.element && this.element.close());
    // A dialog that is not modal is not closed by the browser.
    addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !event.isComposing && !event.defaultPrevented) this.element.close();
    });
    WIDE.addEventListener("change", () => this.element.open && this.element.close());
  }

  /**
   * @param {HTMLElement} opener
   * @param {Target} target
   */
  async open(opener, target) {
    this.#opener?.removeAttribute("aria-expanded");
    this.#opener = opener;
    if (opener.matches(".marker")) opener.setAttribute("aria-expanded", "true");
    const { citation, span } = target;
    const state = element("p", { class: "progress" }, this.page.texts.opening_article);
    this.#show(citation ? [this.#header(target, citation), ...this.#beside(target), state] : [this.#closing(), state]);
    try {
      const article = await this.#article(span.document_id);
      // Another source may have been opened, or this one closed, meanwhile.
      if (this.#opener !== opener || !this.element.open) return;
      const { text, mark } = this.#text(article, placed(article.text, span, citation?.quote));
      this.element.replaceChildren(this.#header(target, article), ...this.#beside(target), text);
      mark.scrollIntoView({ block: "center", behavior: "instant" });
      this.#focus();
    } catch {
      if (this.#opener === opener) state.textContent = this.page.texts.error_article;
    }
  }

  /** @param {HTMLElement[]} content */
  #show(content) {
    this.element.replaceChildren(...content);
    if (!this.element.open) {
      if (WIDE.matches) this.element.show();
      else this.element.showModal();
    }
    document.documentElement.classList.add("reading");
    this.#focus();
  }

  #focus() {
    this.element.querySelector("h2")?.focus({ preventScroll: true });
  }

  #closed() {
    document.documentElement.classList.remove("reading");
    this.#opener?.removeAttribute("aria-expanded");
    this.#opener?.focus();
    this.#opener = null;
  }

  /** @param {string} id */
  async #article(id) {
    const response = await answered(await fetch(`${this.page.api}documents/${pathOf(id)}`));
    return /** @type {Promise<Article>} */ (response.json());
  }

  #closing() {
    return button("close", this.page.texts.close, () => this.element.close());
  }

  /**
   * @param {Target} target
   * @param {{ title: string, language: string, published: string | null }} article
   */
  #header({ span, citation }, article) {
    const { texts } = this.page;
    const label = citation ? [element("p", { class: "label" }, filled(texts.source, { n: citation.n }))] : [];
    const link = element("a", { class: "open", href: documentHref(this.page, span) }, texts.open);
    const title = { id: "panel-title", lang: article.language, dir: "auto", tabindex: "-1" };
    return element(
      "header",
      {},
      element("div", { class: "bar" }, ...label, this.#closing()),
      element("h2", title, article.title),
      element("div", { class: "bar" }, dateline(this.page, article), link),
    );
  }

  /**
   * The same in the language of the answer, where there is such a sentence.
   * @param {Target} target
   */
  #beside({ citation, language }) {
    const same = citation && parallel(this.page, citation, language);
    return same ? [same] : [];
  }

  /**
   * The article's text with a part of it marked.
   * @param {Article} article
   * @param {{ first: number, last: number }} place
   */
  #text({ text, title, language }, { first, last }) {
    const from = first > AROUND ? text.lastIndexOf("\n", first - AROUND) + 1 : 0;
    const until = text.indexOf("\n", last + AROUND);
    const before = text.slice(from, first);
    const mark = element("mark", {}, text.slice(first, last));
    const after = until < 0 ? text.slice(last) : text.slice(last, until) + "\n\n…";
    const heading = before.startsWith(`${title}\n`) ? title.length : 0; // it stands above
    const shown = (from ? "…\n\n" : "") + before.slice(heading).trimStart();
    const region = { class: "text", lang: language, dir: "auto", tabindex: "0", role: "region" };
    const parts = last > first ? [shown, mark, after] : [shown, after];
    return { text: element("div", { ...region, "aria-labelledby": "panel-title" }, ...parts), mark };
  }
}

/**
 * Where a span stands, in UTF-16 units: its offsets are code points. An answer may be older than the article as it is
 * now: its quote is looked for then, and nothing is marked where it is not there any more.
 * @param {string} text
 * @param {{ start: number, end: number }} span
 * @param {string} [quote]
 */
function placed(text, { start, end }, quote) {
  const first = units(text, start);
  const last = first + units(text.slice(first), end - start);
  if (quote === undefined || text.slice(first, last) === quote) return { first, last };
  const found = text.indexOf(quote);
  return found < 0 ? { first: 0, last: 0 } : { first: found, last: found + quote.length };
}

/**
 * How many UTF-16 units so many code points at the beginning of a text are.
 * @param {string} text
 * @param {number} points
 */
function units(text, points) {
  let unit = 0;
  for (let left = points; left > 0 && unit < text.length; left -= 1) {
    unit += /** @type {number} */ (text.codePointAt(unit)) > 0xffff ? 2 : 1;
  }
  return unit;
}
