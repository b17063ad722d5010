// @ts-check
/** The list of articles: narrows it while the filter is typed, with the rows of templates/articles.html. */

import { byId, element } from "./elements.js";

/**
 * @typedef {{ title: string, language: string, href: string, published: string, date: string }} Version
 * @typedef {{ found: string, rows: Version[][][], address: string, position: string, previous: string,
 *   next: string }} List
 */

// So long after the last key, the filter is taken to be typed.
const PAUSE_MS = 200;

const main = byId("articles", HTMLElement);
const form = byId("filters", HTMLFormElement);
const found = byId("found", HTMLElement);
const works = byId("works", HTMLElement);
const pager = byId("pager", HTMLElement);
const { rows: rowsAddress = "", texts: textsJson = "{}" } = main.dataset;
/** @type {Record<string, string>} */
const texts = JSON.parse(textsJson);

let shown = asked();
let waiting = 0;
let request = new AbortController();

/** What the form asks for, as a query: without what is left open. */
function asked() {
  const query = new URLSearchParams();
  for (const [name, value] of new FormData(form)) {
    const given = String(value).trim();
    if (given) query.set(name, given);
  }
  return query.toString();
}

/** @param {Version} version */
function version({ title, language, href, published, date }) {
  const line = element("p", { class: "dateline" });
  line.append(element("span", { class: "badge" }, texts[`language_${language}`] ?? language));
  if (published) line.append(" ", element("time", { datetime: published }, date));
  const link = element("a", { href, hreflang: language }, title);
  return [element("p", { class: "title", lang: language, dir: "auto" }, link), line];
}

/** @param {Version[][]} row */
function work(row) {
  const places = row.map((versions) => element("div", { class: "place" }, ...versions.flatMap(version)));
  return element("li", { class: "work" }, ...places);
}

/** @param {List} list */
function show({ found: said, rows, address, position, previous, next }) {
  works.replaceChildren(...rows.map(work));
  byId("none", HTMLElement).hidden = rows.length > 0;
  pager.hidden = !position;
  pager.replaceChildren(
    ...(previous ? [element("a", { href: previous, rel: "prev" }, texts.page_previous)] : []),
    element("span", { class: "position" }, position),
    ...(next ? [element("a", { href: next, rel: "next" }, texts.page_next)] : []),
  );
  say(said);
  history.replaceState(null, "", address);
  for (const link of document.querySelectorAll("a.switch")) {
    if (!(link instanceof HTMLAnchorElement)) continue;
    const there = new URL(address, location.href);
    there.searchParams.set("lang", link.hreflang);
    link.href = there.search;
  }
}

/**
 * The same words again would be read out again.
 * @param {string} text
 */
function say(text) {
  if (found.textContent !== text) found.textContent = text;
}

async function narrow() {
  clearTimeout(waiting);
  const query = asked();
  if (query === shown) return;
  shown = query;
  // Its reply would be late: another is asked for.
  request.abort();
  request = new AbortController();
  const { signal } = request;
  try {
    const response = await fetch(`${rowsAddress}?${query}`, { headers: { Accept: "application/json" }, signal });
    // Whoever must sign in first is led there by the page itself.
    if (response.status === 401 || response.redirected) return location.assign(`?${query}`);
    if (!response.ok) throw new Error(String(response.status));
    const list = await response.json();
    if (!signal.aborted) show(list);
  } catch (error) {
    if (signal.aborted) return;
    shown = "?"; // so that the same may be asked for again
    say(error instanceof TypeError ? texts.error_unreachable : texts.error_page);
  }
}

form.addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(narrow, PAUSE_MS);
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  void narrow();
});
