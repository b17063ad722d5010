// @ts-check
/**
 * Elements made from text, for the scripts of every page.
 * Whatever a document, a question or a model says only ever becomes a text node or a plain attribute.
 */

/** @typedef {Record<string, string | number | undefined>} Attributes */

/**
 * An element with its attributes and children; a string becomes a text node.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Attributes} [attributes] those that are undefined are left out
 * @param {(Node | string)[]} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined) made.setAttribute(name, String(value));
  }
  made.append(...children);
  return made;
}

/**
 * A button that does something.
 * @param {string} name its class
 * @param {string} text
 * @param {() => void} pressed
 */
export function button(name, text, pressed) {
  const made = element("button", { class: name, type: "button" }, text);
  made.addEventListener("click", pressed);
  return made;
}

/**
 * The element with an id, of a kind.
 * @template {HTMLElement} E
 * @param {string} id
 * @param {new () => E} kind
 * @returns {E}
 */
export function byId(id, kind) {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`The page has no #${id}.`);
  return found;
}

/**
 * A text of the page with the values of its placeholders.
 * @param {string} text
 * @param {Record<string, string | number>} values
 */
export const filled = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => String(values[name]));

/**
 * An ISO date as people write it; anything else as it stands.
 * @param {string} published
 * @param {string} language
 */
export function shownDate(published, language) {
  const [, year, month, day] = (/^(\d{4})-(\d\d)-(\d\d)/.exec(published) ?? []).map(Number);
  const date = new Date(Date.UTC(year, month - 1, day));
  if (Number.isNaN(date.getTime()) || date.getUTCDate() !== day) return published;
  const written = new Intl.DateTimeFormat(language === "fr" ? "fr" : "en-GB", { dateStyle: "long", timeZone: "UTC" });
  return language === "fr" ? written.format(date).replace(/^1 /, "1er ") : written.format(date);
}

/**
 * Brings an element into view, gently where the reader has nothing against motion.
 * @param {Element} shown
 * @param {ScrollLogicalPosition} block
 */
export function reveal(shown, block) {
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  shown.scrollIntoView({ block, behavior: still ? "instant" : "smooth" });
}
