// @ts-check
/** The chat page: what is typed, sent, stopped and begun anew. What an answer needs is loaded with the first question. */

import { byId, element } from "./elements.js";
import { forget, nothing, recall, remember, whenSignedOut } from "./history.js";

/** @typedef {import("./turns.js").Conversation} Conversation */

// Milliseconds: long enough for any screen reader to take note.
const SAID_FOR = 5_000;

const main = byId("chat", HTMLElement);
const transcript = byId("transcript", HTMLElement);
const composer = byId("composer", HTMLFormElement);
const box = byId("question", HTMLTextAreaElement);
const stop = byId("stop", HTMLButtonElement);
const anew = byId("new", HTMLAnchorElement);
const said = byId("said", HTMLElement);
const { api = "", documents = "", chosen = "", texts = "{}" } = main.dataset;
const page = {
  texts: /** @type {Record<string, string>} */ (JSON.parse(texts)),
  api,
  documents,
  chosen,
  language: document.documentElement.lang,
  longest: Number(main.dataset.rated ?? 0),
};

const language = /** @type {HTMLSelectElement} */ (composer.elements.namedItem("language"));
const beginnings = [...document.querySelectorAll("#opening, #indexed")];
const remembered = recall();
/** @type {Promise<Conversation> | null} */
let conversation = null;
let busy = false;
let silence = 0;

/** The conversation of this page, with what was remembered of it; null while its scripts cannot be loaded. */
async function talk() {
  conversation ??= import("./turns.js").then(
    ({ Conversation }) => new Conversation(page, remembered, { transcript, say, changed }),
  );
  try {
    return await conversation;
  } catch {
    conversation = null; // another attempt may succeed
    return null;
  }
}

/**
 * Says something aloud, once: it is not left for those who read down the page and meet it there.
 * @param {string} text
 * @param {Node} [before] what is said before, in a language of its own
 */
function say(text, before) {
  clearTimeout(silence);
  said.replaceChildren(...(before ? [before, " "] : []), text);
  silence = setTimeout(() => said.replaceChildren(), SAID_FOR);
}

/** Keep what there is, and show whether an answer is being written. */
async function changed() {
  busy = (await conversation)?.busy ?? false;
  stop.hidden = !busy;
  composer.classList.toggle("busy", busy);
  keep();
}

function keep() {
  remembered.place = scrollY;
  remembered.draft = box.value;
  remembered.language = language.value;
  remember(remembered);
}

/** Back to the box, but for those who would have a keyboard on their screen open over the answer. */
function focusBox() {
  if (matchMedia("(hover: hover)").matches) box.focus({ preventScroll: true });
}

/** @param {string} question */
async function send(question) {
  focusBox();
  if (busy || !question) return;
  busy = true;
  begin();
  const talking = await talk();
  if (talking) return talking.ask(question, language.value);
  busy = false;
  box.value ||= question;
  fail(page.texts.error_unreachable);
}

/** The page of a conversation that has begun. */
function begin() {
  for (const beginning of beginnings) beginning.setAttribute("hidden", "");
  composer.querySelector(".failure")?.remove();
  anew.hidden = false;
}

/** The conversation as it was left, at the place where it was left. */
async function resume() {
  const { place } = remembered;
  begin();
  if (await talk()) scrollTo({ top: place, behavior: "instant" });
  else fail(page.texts.error_unreachable);
}

/** @param {string} message */
function fail(message) {
  composer.querySelector(".failure")?.remove();
  composer.prepend(element("p", { class: "failure", role: "alert" }, message));
}

/** The box is as high as its text, for browsers that don't see to it themselves. */
function grow() {
  if (CSS.supports("field-sizing", "content")) return;
  box.style.height = "auto";
  box.style.height = `${box.scrollHeight}px`;
}

function sendBox() {
  const question = box.value.trim();
  if (!busy && question) {
    box.value = "";
    grow();
  }
  void send(question);
}

async function startAnew() {
  (await conversation)?.clear();
  Object.assign(remembered, nothing());
  transcript.replaceChildren(); // also what the page came with
  void changed();
  for (const beginning of beginnings) beginning.removeAttribute("hidden");
  anew.hidden = true;
  say("");
  focusBox();
}

composer.addEventListener("submit", (event) => {
  event.preventDefault();
  sendBox();
});

box.addEventListener("input", () => {
  grow();
  keep();
  void talk(); // loaded while the question is typed
});

box.addEventListener("keydown", (event) => {
  // Enter also ends the writing of a composed character, and is then not meant for us.
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  sendBox();
});

language.addEventListener("change", keep);

stop.addEventListener("click", async () => {
  (await conversation)?.stop();
  focusBox();
});

anew.addEventListener("click", (event) => {
  event.preventDefault();
  void startAnew();
});

document.querySelector(".examples")?.addEventListener("submit", (event) => {
  event.preventDefault();
  const example = /** @type {SubmitEvent} */ (event).submitter;
  if (example instanceof HTMLButtonElement) void send(example.value);
});

addEventListener("pagehide", keep);

// A sign-out in another tab is one from here too.
if (document.querySelector(".sign-out")) {
  whenSignedOut(() => {
    removeEventListener("pagehide", keep);
    forget();
    location.reload();
  });
}

byId("hint", HTMLElement).hidden = false;
// A page that came with an answer, or with a question that could not be taken, stands for itself.
if (box.value || transcript.childElementCount) {
  const given = String(new FormData(composer).get("conversation_id") ?? "");
  Object.assign(remembered, nothing(), { conversation: given });
} else {
  box.value = remembered.draft;
  language.value = remembered.language;
  if (remembered.turns.length) void resume();
}
grow();
// A frame does not take the keyboard from the page that it stands in.
if (!("origins" in main.dataset)) focusBox();
