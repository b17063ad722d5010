// @ts-check
/** An Answer as elements, in the shape of templates/_answer.html: change both together. */

import { element, filled, shownDate } from "./elements.js";

/**
 * @typedef {{ document_id: string, quote: string, start: number, end: number }} Quote
 * @typedef {Quote & { n: number, title: string, language: string, published: string | null,
 *   parallel: Quote | null }} Citation
 * @typedef {{ document_id: string, title: string, language: string, text: string, start: number, end: number }} Passage
 * @typedef {{ answer: string, language: string, citations: Citation[] }} Shown
 *   A text with its sources, finished or not.
 * @typedef {Shown & { id: string, conversation_id: string, abstained: boolean, related?: Passage[],
 *   warnings?: string[], withdrawn?: string[] }} Answer
 * @typedef {{ document_id: string, start: number, end: number }} Span
 * @typedef {{ span: Span, citation?: Citation, language: string }} Target
 *   A span to show, the citation that it is of, and the language of the answer.
 * @typedef {{ texts: Record<string, string>, api: string, documents: string, chosen: string, language: string,
 *   longest: number }} Page
 *   What the page knows: its texts, where endpoints and documents are, the language chosen for it, its language, and
 *   the length of the longest comment on an answer, in characters; 0 where answers cannot be rated.
 */

const REMOVED = "unsupported_sentence_removed";
const MARKER = /\[(\d{1,6})\]/;

/** @param {string} text */
const onOneLine = (text) => text.replace(/\s+/g, " ");

/**
 * A quote as an answer holds it: on one line, without its full stop.
 * @param {string} quote
 */
const bare = (quote) => onOneLine(quote).replace(/[. ]+$/, "");

/**
 * What a link to an article leads to, for whoever shows it without leaving the page.
 * @type {WeakMap<Element, Target>}
 */
export const targets = new WeakMap();

/**
 * A document's id within an address. Ids are paths and hold any character: each segment is encoded on its own.
 * @param {string} id
 */
export const pathOf = (id) => id.split("/").map(encodeURIComponent).join("/");

/**
 * Where a span of a document is shown.
 * @param {Page} page
 * @param {Span} span
 */
export function documentHref(page, { document_id: id, start, end }) {
  const query = new URLSearchParams({ start: String(start), end: String(end) });
  if (page.chosen) query.set("lang", page.chosen);
  return `${page.documents}${pathOf(id)}?${query}#cited`;
}

/**
 * A link to a span of a document.
 * @param {Page} page
 * @param {Target} target
 * @param {import("./elements.js").Attributes & { hreflang: string }} attributes
 * @param {string} text
 */
function opening(page, target, attributes, text) {
  const link = element("a", { ...attributes, href: documentHref(page, target.span) }, text);
  targets.set(link, target);
  return link;
}

/**
 * @param {Page} page
 * @param {{ language: string, published?: string | null }} item
 */
export function dateline(page, { language, published }) {
  const line = element("p", { class: "dateline" });
  line.append(element("span", { class: "badge" }, page.texts[`language_${language}`] ?? language));
  if (published) line.append(" ", element("time", { datetime: published }, shownDate(published, page.language)));
  return line;
}

/**
 * @param {string} quote
 * @param {string} language
 */
const quoted = (quote, language) => element("blockquote", { lang: language, dir: "auto" }, quote);

/**
 * The quote of a citation, and beside it the same in the language of the answer.
 * @param {Page} page
 * @param {Citation} citation
 * @param {string} language the answer's
 */
export function quotes(page, citation, language) {
  const own = element("div", { class: "quoted" }, quoted(citation.quote, citation.language));
  const beside = parallel(page, citation, language);
  if (beside) own.prepend(element("p", { class: "label" }, page.texts[`quoted_${citation.language}`]));
  return element("div", { class: "quotes" }, own, ...(beside ? [beside] : []));
}

/**
 * The same as a citation in the language of the answer, where there is such a sentence.
 * @param {Page} page
 * @param {Citation} citation
 * @param {string} language the answer's
 */
export function parallel(page, { parallel: span }, language) {
  const { texts } = page;
  if (!span) return null;
  return element(
    "div",
    { class: "quoted parallel" },
    element("p", { class: "label" }, texts[`parallel_${language}`]),
    quoted(span.quote, language),
    opening(page, { span, language }, { class: "open", hreflang: language }, texts[`open_${language}`]),
  );
}

/**
 * @param {Page} page
 * @param {Citation} citation
 * @param {Shown} answer
 * @param {number} turn
 */
function source(page, citation, answer, turn) {
  const { n, language, title, quote } = citation;
  const alone = answer.citations.filter((other) => other.document_id === citation.document_id).length === 1;
  // What the answer says itself, and nothing but it tells two sources of one article apart.
  const repeated = !citation.parallel && alone && onOneLine(answer.answer).includes(bare(quote));
  const target = { span: citation, citation, language: answer.language };
  return element(
    "li",
    { class: "source", id: `source-${turn}-${n}`, tabindex: "-1" },
    element("span", { class: "number", "aria-hidden": "true" }, String(n)),
    element("h4", { class: "title", lang: language, dir: "auto" }, opening(page, target, { hreflang: language }, title)),
    dateline(page, citation),
    ...(repeated ? [] : [quotes(page, citation, answer.language)]),
  );
}

/**
 * @param {Page} page
 * @param {Passage} passage
 */
function related(page, passage) {
  const { language } = passage;
  const link = opening(page, { span: passage, language: page.language }, { hreflang: language }, passage.title);
  return element(
    "li",
    { class: "passage" },
    element("h4", { class: "title", lang: language, dir: "auto" }, link),
    dateline(page, { language }),
    element("p", { class: "excerpt", lang: language, dir: "auto" }, passage.text.replace(/\n+/g, "\n")),
  );
}

/**
 * A paragraph in which each `[n]` that has a source is a button, and what is quoted from the other language says so.
 * @param {Page} page
 * @param {string} text
 * @param {Shown} answer
 */
function paragraph(page, text, answer) {
  const known = new Set(answer.citations.map((citation) => citation.n));
  const made = element("p", { dir: "auto" });
  const pieces = text.split(MARKER);
  const leads = (/** @type {number} */ at) => at % 2 === 1 && at < pieces.length && known.has(Number(pieces[at]));
  pieces.forEach((piece, position) => {
    if (leads(position)) {
      const label = filled(page.texts.source, { n: Number(piece) });
      const named = { "aria-label": label, "aria-haspopup": "dialog", "data-n": Number(piece) };
      made.append(element("button", { class: "marker", type: "button", ...named }, `[${Number(piece)}]`));
    } else if (position % 2) {
      made.append(`[${piece}]`);
    } else {
      // The marker stays on the line of the word before it, and the stop behind it on its own.
      const glued = leads(position - 1) ? piece.replace(/^(?=\p{P})/u, "\u2060") : piece;
      made.append(...inItsLanguage(leads(position + 1) ? glued.replace(/ $/, "\u00a0") : glued, answer));
    }
  });
  return made;
}

/**
 * A text of an answer, in which titles and quotes from the other language stand in elements that name it.
 * @param {string} text
 * @param {Shown} answer
 */
function inItsLanguage(text, { citations, language }) {
  const foreign = citations.filter((citation) => citation.language !== language);
  const phrases = foreign.flatMap(({ title, quote }) => [title, bare(quote)]).filter(Boolean);
  if (!phrases.length) return [text];
  // They stand in quotation marks; white space may have become another.
  const words = phrases.map((phrase) => phrase.split(/\s+/).map(escaped).join("\\s+"));
  const pieces = text.split(new RegExp(`(?<=[“«]\\s?)(${words.join("|")})(?=\\s?[”»])`));
  return pieces.map((piece, at) => (at % 2 ? element("span", { lang: foreign[0].language }, piece) : piece));
}

const escaped = (/** @type {string} */ text) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");

/**
 * The words of an answer. What is there already stays, so that it can be pointed at, selected and reached meanwhile.
 * @param {Page} page
 * @param {Shown} answer
 * @param {HTMLElement} shown
 */
export function showText(page, answer, shown) {
  const texts = answer.answer.split(/\n{2,}/).filter((text) => text.trim());
  const before = /** @type {HTMLElement[]} */ ([...shown.children]);
  texts.forEach((text, position) => {
    const made = paragraph(page, text, answer);
    if (before[position]) bringInLine(before[position], made);
    else shown.append(made);
  });
  for (const rest of before.slice(texts.length)) rest.remove();
  shown.lang = answer.language;
}

/**
 * Makes a paragraph hold what another one holds, and leaves alone what is the same.
 * @param {HTMLElement} there
 * @param {HTMLElement} made
 */
function bringInLine(there, made) {
  const before = [...there.childNodes];
  const after = [...made.childNodes];
  after.forEach((node, position) => {
    const old = before[position];
    if (!old) there.append(node);
    else if (old instanceof Text && node instanceof Text) bringTextInLine(old, node.data);
    else if (!isSame(old, node)) old.replaceWith(node);
  });
  for (const rest of before.slice(after.length)) rest.remove();
}

/**
 * @param {Text} there
 * @param {string} text
 */
function bringTextInLine(there, text) {
  if (text.startsWith(there.data)) there.appendData(text.slice(there.data.length));
  else there.data = text;
}

/**
 * Whether two nodes show the same; a marker may be in use, and say so in its attributes.
 * @param {Node} one
 * @param {Node} other
 */
function isSame(one, other) {
  const number = (/** @type {Node} */ node) => node instanceof HTMLElement && node.dataset.n;
  return one.isEqualNode(other) || (Boolean(number(one)) && number(one) === number(other));
}

/**
 * What stands below an answer: warnings, sources, passages worth reading.
 * @param {Page} page
 * @param {Shown & Partial<Answer>} answer
 * @param {number} turn
 */
export function details(page, answer, turn) {
  const { texts } = page;
  const note = (/** @type {string} */ text) => element("p", { class: "note" }, text);
  const said = (/** @type {string} */ warning) =>
    texts[`warning_${warning}`] ?? filled(texts.warning_other, { what: warning.replaceAll("_", " ") });
  // What was left out and had been seen is told once, as that.
  const seen = Boolean(answer.withdrawn?.length);
  const warnings = (answer.warnings ?? []).filter((warning) => !(seen && warning === REMOVED));
  return element(
    "div",
    { class: "details" },
    ...warnings.map((warning) => note(said(warning))),
    ...(seen ? [note(texts.withdrawn)] : []),
    ...section("ol", "sources", texts.sources, answer.citations.map((one) => source(page, one, answer, turn))),
    ...section("ul", "passages", texts.related, (answer.related ?? []).map((passage) => related(page, passage))),
  );
}

/**
 * A labelled list; nothing when it is empty.
 * @param {"ol" | "ul"} tag
 * @param {string} name
 * @param {string} label
 * @param {HTMLElement[]} items
 */
function section(tag, name, label, items) {
  if (!items.length) return [];
  return [element("h3", { class: "label" }, label), element(tag, { class: name }, ...items)];
}

/**
 * An answer as plain text, with its sources: what is copied.
 * @param {Page} page
 * @param {Shown} answer
 */
export function plainText(page, answer) {
  const lines = answer.citations.map((citation) => {
    const { n, title, language, published, quote } = citation;
    const about = [page.texts[`language_${language}`], published && shownDate(published, page.language)];
    const marks = language === "fr" ? ["«\u202f", "\u202f»"] : ["“", "”"];
    const address = new URL(documentHref(page, citation), location.href);
    return `[${n}] ${title} (${about.filter(Boolean).join(", ")})\n${marks[0]}${quote}${marks[1]}\n${address}`;
  });
  return [answer.answer, ...lines].join("\n\n");
}
