// @ts-check
/**
 * What this tab remembers of its conversation, so that a reload or a change of language loses nothing.
 * It stays in the browser, and goes when the tab is closed.
 */

/** @typedef {import("./answer.js").Answer} Answer */
/** @typedef {import("./answer.js").Shown} Shown */

/**
 * A question and what became of it: an answer, a text that was stopped, or nothing yet.
 * @typedef {{ question: string, language: string, answer?: Answer, stopped?: Shown, rating?: number }} Turn
 * @typedef {{ conversation: string, draft: string, language: string, place: number, turns: Turn[] }} Remembered
 *   The conversation's id, what is half written and the language asked for, how far the page is scrolled, in pixels.
 */

const KEY = "qa-service conversation";
// A browser keeps a few megabytes for a site; an answer with its sources has some kilobytes.
const MOST_TURNS = 100;

/** @returns {Remembered} */
export const nothing = () => ({ conversation: "", draft: "", language: "", place: 0, turns: [] });

/**
 * What was kept; nothing where the browser keeps nothing, or where it is not ours.
 * @returns {Remembered}
 */
export function recall() {
  try {
    const { conversation, draft, language, place, turns } = JSON.parse(sessionStorage.getItem(KEY) ?? "null");
    const texts = { conversation: text(conversation), draft: text(draft), language: text(language) };
    return { ...texts, place: Number(place) || 0, turns: turns.filter(isTurn) };
  } catch {
    return nothing();
  }
}

/** @param {unknown} kept */
const text = (kept) => (typeof kept === "string" ? kept : "");

/**
 * Whether it is a turn as it is shown: a tab may be older than the version of the service that it talks to.
 * @param {any} kept
 */
const isTurn = (kept) =>
  typeof kept?.question === "string" && [kept.answer, kept.stopped].every((shown) => shown === undefined || isShown(shown));

/** @param {any} kept */
const isShown = (kept) =>
  typeof kept?.answer === "string" && Array.isArray(kept.citations) && kept.citations.every(isCitation);

/** @param {any} kept */
const isCitation = (kept) => [kept?.document_id, kept?.title, kept?.quote].every((each) => typeof each === "string");

/** The tabs of this service, which tell each other that their reader has signed out. */
const tabs = () => new BroadcastChannel("qa-service signed out");

/** Tell every tab that the reader has signed out. */
export const signedOut = () => tabs().postMessage(null);

/** @param {() => void} then */
export const whenSignedOut = (then) => tabs().addEventListener("message", then);

/** Keep nothing of it any more. */
export function forget() {
  try {
    sessionStorage.removeItem(KEY);
  } catch {
    // Where nothing is kept there is nothing to forget.
  }
}

/**
 * Keep it, the oldest turns left out where there is no room.
 * @param {Remembered} remembered
 */
export function remember(remembered) {
  for (let turns = remembered.turns.slice(-MOST_TURNS); ; turns = turns.slice(Math.ceil(turns.length / 2))) {
    try {
      sessionStorage.setItem(KEY, JSON.stringify({ ...remembered, turns }));
      return;
    } catch {
      if (!turns.length) return;
    }
  }
}
