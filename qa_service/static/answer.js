// @ts-check
/**
 * An Answer as elements, in the shape of templates/_answer.html: change both together.
 * Whatever a document, a question or a model says only ever becomes a text node or a plain attribute.
 */

/**
 * @typedef {{ document_id: string, quote: string, start: number, end: number }} Quote
 * @typedef {Quote & { n: number, title: string, language: string, published: string | null,
 *   parallel: Quote | null }} Citation
 * @typedef {{ document_id: string, title: string, language: string, text: string, start: number, end: number }} Passage
 * @typedef {{ conversation_id: string, language: string, answer: string, abstained: boolean, citations: Citation[],
 *   related?: Passage[], warnings?: string[] }} Answer
 * @typedef {{ texts: Record<string, string>, documents: string, chosen: string, language: string, turn: number }} Page
 *   What the page knows: its texts, where documents are, the language chosen for it, its language, and the turn's number.
 * @typedef {Record<string, string | number | undefined>} Attributes
 */

const MARKER = /\[(\d{1,6})\]/;

/**
 * An element with its attributes and children; a string becomes a text node.
 * @param {string} tag
 * @param {Attributes} [attributes] those that are undefined are left out
 * @param {(Node | string)[]} children
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
 * A text of the page with the values of its placeholders.
 * @param {string} text
 * @param {Record<string, string | number>} values
 */
const filled = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => String(values[name]));

/**
 * Where a span of a document is shown. Ids are paths and hold any character: each segment is encoded on its own.
 * @param {Page} page
 * @param {{ document_id: string, start: number, end: number }} span
 */
function documentHref(page, { document_id: id, start, end }) {
  const path = id.split("/").map(encodeURIComponent).join("/");
  const query = new URLSearchParams({ start: String(start), end: String(end) });
  if (page.chosen) query.set("lang", page.chosen);
  return `${page.documents}${path}?${query}#cited`;
}

/**
 * An ISO date as people write it; anything else as it stands.
 * @param {string} published
 * @param {string} language
 */
function shownDate(published, language) {
  const [, year, month, day] = (/^(\d{4})-(\d\d)-(\d\d)/.exec(published) ?? []).map(Number);
  const date = new Date(Date.UTC(year, month - 1, day));
  if (Number.isNaN(date.getTime()) || date.getUTCDate() !== day) return published;
  const written = new Intl.DateTimeFormat(language === "fr" ? "fr" : "en-GB", { dateStyle: "long", timeZone: "UTC" });
  return language === "fr" ? written.format(date).replace(/^1 /, "1er ") : written.format(date);
}

/**
 * @param {Page} page
 * @param {{ language: string, published?: string | null }} item
 */
function dateline(page, { language, published }) {
  const line = element("p", { class: "dateline" });
  line.append(element("span", { class: "badge" }, page.texts[`language_${language}`] ?? language));
  if (published) line.append(" ", element("time", { datetime: published }, shownDate(published, page.language)));
  return line;
}

/**
 * @param {Page} page
 * @param {Quote} quote
 * @param {string} language
 * @param {Attributes & { text: string }} link
 */
function quoted(page, quote, language, { text, ...attributes }) {
  const href = documentHref(page, quote);
  return element(
    "div",
    { class: "quoted" },
    element("blockquote", { lang: language, dir: "auto" }, quote.quote),
    element("a", { class: "open", href, hreflang: language, ...attributes }, text),
  );
}

/**
 * @param {Page} page
 * @param {Citation} citation
 * @param {string} language the answer's
 */
function source(page, citation, language) {
  const { texts } = page;
  const { n, parallel } = citation;
  const own = { text: texts.open, "aria-label": `${texts.open} ${n}` };
  const quote = quoted(page, citation, citation.language, own);
  const quotes = element("div", { class: "quotes" }, quote);
  if (parallel) {
    const beside = quoted(page, parallel, language, { text: texts[`open_${language}`] });
    beside.classList.add("parallel");
    quote.prepend(element("p", { class: "label" }, texts[`quoted_${citation.language}`]));
    beside.prepend(element("p", { class: "label" }, texts[`parallel_${language}`]));
    quotes.append(beside);
  }
  return element(
    "li",
    { class: "source", id: `source-${page.turn}-${n}`, tabindex: "-1" },
    element("span", { class: "number", "aria-hidden": "true" }, String(n)),
    element("h4", { class: "title", lang: citation.language, dir: "auto" }, citation.title),
    dateline(page, citation),
    quotes,
  );
}

/**
 * @param {Page} page
 * @param {Passage} passage
 */
function related(page, passage) {
  const { language } = passage;
  const link = element("a", { href: documentHref(page, passage), hreflang: language }, passage.title);
  return element(
    "li",
    { class: "passage" },
    element("h4", { class: "title", lang: language, dir: "auto" }, link),
    dateline(page, { language }),
    element("p", { class: "excerpt", lang: language, dir: "auto" }, passage.text.replace(/\n+/g, "\n")),
  );
}

/**
 * A paragraph in which each `[n]` that has a source leads to it.
 * @param {Page} page
 * @param {string} text
 * @param {Set<number>} known
 */
function paragraph(page, text, known) {
  const made = element("p", { dir: "auto" });
  const pieces = text.split(MARKER);
  pieces.forEach((piece, position) => {
    const leads = (/** @type {number} */ at) => at % 2 === 1 && at < pieces.length && known.has(Number(pieces[at]));
    if (leads(position)) {
      const label = filled(page.texts.source, { n: piece });
      const href = `#source-${page.turn}-${Number(piece)}`;
      made.append(element("a", { class: "marker", href, "aria-label": label }, `[${Number(piece)}]`));
    } else if (position % 2) {
      made.append(`[${piece}]`);
    } else {
      // The marker stays on the line of the word before it.
      made.append(leads(position + 1) ? piece.replace(/ $/, "\u00a0") : piece);
    }
  });
  return made;
}

/**
 * The words of an answer.
 * @param {Page} page
 * @param {Answer} answer
 */
export function answerText(page, answer) {
  const known = new Set(answer.citations.map((citation) => citation.n));
  const paragraphs = answer.answer.split(/\n{2,}/).filter((text) => text.trim());
  const shown = paragraphs.map((text) => paragraph(page, text, known));
  return element("div", { class: answer.abstained ? "answer abstained" : "answer", lang: answer.language }, ...shown);
}

/**
 * What stands below an answer: warnings, sources, passages worth reading.
 * @param {Page} page
 * @param {Answer} answer
 */
export function answerDetails(page, answer) {
  const { texts } = page;
  const notes = (answer.warnings ?? []).map((warning) => {
    const other = () => filled(texts.warning_other, { what: warning.replaceAll("_", " ") });
    return element("p", { class: "note" }, texts[`warning_${warning}`] ?? other());
  });
  const sources = answer.citations.map((citation) => source(page, citation, answer.language));
  const passages = (answer.related ?? []).map((passage) => related(page, passage));
  return [
    ...notes,
    ...section("ol", "sources", texts.sources, sources),
    ...section("ul", "passages", texts.related, passages),
  ];
}

/**
 * A labelled list; nothing when it is empty.
 * @param {string} tag
 * @param {string} name
 * @param {string} label
 * @param {HTMLElement[]} items
 */
function section(tag, name, label, items) {
  if (!items.length) return [];
  return [element("h3", { class: "label" }, label), element(tag, { class: name }, ...items)];
}
