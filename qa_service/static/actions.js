// @ts-check
/** What a reader can do with a finished answer: copy it with its sources, and say whether it helped. */

import { plainText } from "./answer.js";
import { Refused, post } from "./asking.js";
import { button, element, reveal } from "./elements.js";

/** @typedef {import("./answer.js").Answer} Answer */
/** @typedef {import("./answer.js").Page} Page */
/** @typedef {import("./history.js").Turn} Turn */
/** @typedef {(text: string) => void} Say */

// Milliseconds that a button tells what it has done.
const TOLD_FOR = 2500;

/**
 * The row of what can be done.
 * @param {Page} page
 * @param {Answer} answer
 * @param {Turn} turn keeps the rating
 * @param {Say} say says aloud what has been done
 * @param {() => void} changed
 */
export function actions(page, answer, turn, say, changed) {
  const { texts } = page;
  const copy = button("action copy", texts.copy, async () => {
    const done = await copied(plainText(page, answer));
    copy.textContent = done ? texts.copied : texts.not_copied;
    say(copy.textContent);
    setTimeout(() => (copy.textContent = texts.copy), TOLD_FOR);
  });
  const row = element("div", { class: "row" }, ...(answer.abstained ? [] : [copy]));
  const all = element("div", { class: "actions" }, row);
  if (page.longest) row.append(rating(page, answer, turn, say, changed, all));
  return all;
}

/**
 * Copies a text; false where the browser does not let a page do it.
 * @param {string} text
 */
async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copiedBySelection(text);
  }
}

/**
 * The older way, for pages that are served without encryption.
 * @param {string} text
 */
function copiedBySelection(text) {
  const focused = document.activeElement;
  const box = element("textarea", { class: "hidden", "aria-hidden": "true" });
  box.value = text;
  document.body.append(box);
  box.select();
  const done = document.execCommand("copy");
  box.remove();
  if (focused instanceof HTMLElement) focused.focus({ preventScroll: true });
  return done;
}

/**
 * Two buttons, and after one of them a box for a comment.
 * @param {Page} page
 * @param {Answer} answer
 * @param {Turn} turn
 * @param {Say} say
 * @param {() => void} changed
 * @param {HTMLElement} place
 */
function rating(page, answer, turn, say, changed, place) {
  const { texts } = page;
  const told = element("p", { class: "told" });
  let sending = false;
  const send = async (/** @type {number} */ value, /** @type {string} */ comment) => {
    if (sending) return false; // of two that are under way the wrong one might come last
    sending = true;
    const body = { answer_id: answer.id, rating: value, ...(comment && { comment }) };
    try {
      await post(`${page.api}feedback`, body);
    } catch (error) {
      const gone = error instanceof Refused && error.status === 404;
      told.textContent = texts[gone ? "error_answer_gone" : "error_feedback"];
      say(told.textContent);
      place.append(told);
      return false;
    } finally {
      sending = false;
    }
    turn.rating = value;
    changed();
    press();
    return true;
  };
  const thumb = (/** @type {string} */ name, /** @type {string} */ text, /** @type {number} */ value) =>
    button(`action ${name}`, text, async () => {
      if (!(await send(value, ""))) return;
      told.textContent = texts.thanks;
      say(texts.thanks);
      place.querySelector("form")?.remove();
      const form = commenting(page, (comment) => send(value, comment), told, say);
      place.append(told, form);
      reveal(form, "nearest");
    });
  const up = thumb("up", texts.helpful, 1);
  const down = thumb("down", texts.unhelpful, -1);
  const press = () => {
    up.setAttribute("aria-pressed", String(turn.rating === 1));
    down.setAttribute("aria-pressed", String(turn.rating === -1));
  };
  press();
  return element("div", { class: "rating", role: "group", "aria-label": texts.rate }, up, down);
}

/**
 * A box for a comment on a rating.
 * @param {Page} page
 * @param {(comment: string) => Promise<boolean>} send
 * @param {HTMLElement} told
 * @param {Say} say
 */
function commenting({ texts, longest }, send, told, say) {
  const box = element("textarea", { rows: "2", maxlength: longest, dir: "auto" });
  const label = element("label", {}, texts.comment, box);
  const form = element("form", { class: "commenting" }, label, element("button", { class: "action" }, texts.comment_send));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const comment = box.value.trim();
    if (!comment) return box.focus();
    if (!(await send(comment))) return;
    told.textContent = texts.comment_sent;
    say(texts.comment_sent);
    told.tabIndex = -1;
    told.focus();
    form.remove();
  });
  return form;
}
