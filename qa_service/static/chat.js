// @ts-check
/** The chat page: sends each question to the service and adds its answer to the transcript. */

import { answerDetails, answerText, element } from "./answer.js";

/** @typedef {import("./answer.js").Answer} Answer */

/**
 * @template {HTMLElement} E
 * @param {string} id
 * @param {new () => E} kind
 * @returns {E}
 */
function byId(id, kind) {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`The page has no #${id}.`);
  return found;
}

const main = byId("chat", HTMLElement);
const transcript = byId("transcript", HTMLElement);
const composer = byId("composer", HTMLFormElement);
const box = byId("question", HTMLTextAreaElement);
const { api = "", documents = "", chosen = "", texts: textsJson = "{}" } = main.dataset;
/** @type {Record<string, string>} */
const texts = JSON.parse(textsJson);

let turns = 0;
let busy = false;
let conversation = String(new FormData(composer).get("conversation_id") ?? "");

/** A failure in the page's words, with what the service itself said about it. */
class Failure extends Error {
  /**
   * @param {string} message
   * @param {string} [detail]
   */
  constructor(message, detail = "") {
    super(message);
    this.detail = detail;
  }
}

/** @type {Record<number, string>} */
const MESSAGES = {
  400: texts.error_question,
  413: texts.error_question,
  422: texts.error_question,
  429: texts.error_too_many,
  503: texts.error_not_ready,
};

/**
 * One answer of the service, or a Failure.
 * @param {string} question
 * @param {string} language empty: the question's own
 * @returns {Promise<Answer>}
 */
async function ask(question, language) {
  const body = {
    question,
    stream: false,
    ...(language && { language }),
    ...(conversation && { conversation_id: conversation }),
  };
  // The page's language decides where the question doesn't show its own.
  const headers = {
    "Content-Type": "application/json",
    Accept: "application/json",
    "Accept-Language": document.documentElement.lang,
  };
  const response = await fetch(api, { method: "POST", headers, body: JSON.stringify(body) }).catch(() => null);
  if (!response) throw new Failure(texts.error_unreachable);
  const reply = await response.json().catch(() => null);
  if (response.ok && reply) return reply;
  throw new Failure(MESSAGES[response.status] ?? texts.error_other, String(reply?.detail ?? ""));
}

/**
 * A new turn of the conversation, at the end of the transcript.
 * @param {string} question
 */
function addTurn(question) {
  // The live region is in the page before its words are, so that a screen reader says them.
  const reply = element("div", { class: "reply", "aria-live": "polite" });
  const turn = element("article", { class: "turn" }, element("h2", { class: "question", dir: "auto" }, question), reply);
  transcript.append(turn);
  turns += 1;
  return { turn, reply, number: turns };
}

/**
 * @param {ReturnType<typeof addTurn>} place
 * @param {string} question
 * @param {string} language
 */
async function fill({ turn, reply, number }, question, language) {
  busy = true;
  composer.classList.add("busy");
  reply.replaceChildren(element("p", { class: "pending" }, texts.pending));
  turn.scrollIntoView({ block: "start" });
  try {
    const answer = await ask(question, language);
    conversation = answer.conversation_id;
    const page = { texts, documents, chosen, language: document.documentElement.lang, turn: number };
    const details = answerDetails(page, answer);
    reply.replaceChildren(answerText(page, answer));
    turn.append(...details);
  } catch (error) {
    const again = () => fill({ turn, reply, number }, question, language);
    reply.replaceChildren(failed(error instanceof Failure ? error : new Failure(texts.error_other), again));
    if (!(error instanceof Failure)) throw error;
  } finally {
    busy = false;
    composer.classList.remove("busy");
    const { top } = turn.getBoundingClientRect();
    // Whoever has scrolled elsewhere meanwhile is left there.
    if (top >= 0 && top < innerHeight) turn.scrollIntoView({ block: "start" });
  }
}

/**
 * @param {Failure} failure
 * @param {() => Promise<void>} again
 */
function failed({ message, detail }, again) {
  const retry = element("button", { class: "retry", type: "button" }, texts.retry);
  retry.addEventListener("click", () => {
    if (busy) return;
    box.focus();
    void again();
  });
  const said = detail ? [element("p", { class: "detail", lang: "en" }, detail)] : [];
  return element("div", { class: "failure" }, element("p", {}, message), ...said, retry);
}

function send() {
  const question = box.value.trim();
  if (busy || !question) return box.focus();
  const language = String(new FormData(composer).get("language") ?? "");
  for (const beginning of document.querySelectorAll("#opening, #indexed")) beginning.setAttribute("hidden", "");
  composer.querySelector(".failure")?.remove();
  box.value = "";
  grow();
  void fill(addTurn(question), question, language);
}

/** The box is as high as its text, for browsers that don't see to it themselves. */
function grow() {
  if (CSS.supports("field-sizing", "content")) return;
  box.style.height = "auto";
  box.style.height = `${box.scrollHeight}px`;
}

composer.addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});

box.addEventListener("input", grow);
box.addEventListener("keydown", (event) => {
  // Enter also ends the writing of a composed character, and is then not meant for us.
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  send();
});

byId("hint", HTMLElement).hidden = false;
grow();
