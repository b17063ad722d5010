// @ts-check
/** The turns of a conversation: each a question, and what comes of it while it is asked and afterwards. */

import { actions } from "./actions.js";
import { details, showText } from "./answer.js";
import { Refused, ask } from "./asking.js";
import { button, element, filled, reveal } from "./elements.js";
import { showSources, sourcesOf } from "./sources.js";

/** @typedef {import("./answer.js").Answer} Answer */
/** @typedef {import("./answer.js").Page} Page */
/** @typedef {import("./answer.js").Shown} Shown */
/** @typedef {import("./history.js").Remembered} Remembered */
/** @typedef {import("./history.js").Turn} Turn */

/**
 * Where a conversation is shown, where it is said aloud, and who wants to know that it changed.
 * @typedef {{ transcript: HTMLElement, changed: () => void,
 *   say: (text: string, before?: Node) => void }} Surroundings
 */

/** The text of the page that says what a status means; for others there is a general one. */
const MESSAGES = /** @type {Record<number, string>} */ ({
  0: "error_unreachable",
  400: "error_question",
  401: "error_signed_out",
  413: "error_question",
  422: "error_question",
  429: "error_too_many",
  503: "error_not_ready",
});

/** The questions and answers of this page, at most one of which is being written. */
export class Conversation {
  /** @type {AbortController | null} */
  #running = null;

  /**
   * @param {Page} page
   * @param {Remembered} remembered what it begins with, and what it keeps up to date
   * @param {Surroundings} surroundings
   */
  constructor(page, remembered, surroundings) {
    this.page = page;
    this.remembered = remembered;
    this.surroundings = surroundings;
    this.sources = showSources(page, surroundings.transcript);
    remembered.turns.forEach((turn, before) => this.#restore(turn, before + 1));
  }

  /** Whether an answer is being written. */
  get busy() {
    return this.#running !== null;
  }

  /**
   * @param {string} question
   * @param {string} language empty: the question's own
   */
  ask(question, language) {
    const turn = { question, language };
    this.remembered.turns.push(turn);
    const view = this.#added(turn, this.remembered.turns.length);
    reveal(view.article, "start");
    void this.#fill(view, turn);
  }

  /** End the answer that is being written; what there is of it stays. */
  stop() {
    this.#running?.abort();
  }

  /** Let go of what is being written or shown, for it is forgotten. */
  clear() {
    this.stop();
    this.#running = null;
    this.sources.close();
  }

  /**
   * @param {Turn} turn
   * @param {number} number
   */
  #added(turn, number) {
    const view = new View(this.page, turn.question, number);
    this.surroundings.transcript.append(view.article);
    return view;
  }

  /**
   * A turn as it was left.
   * @param {Turn} turn
   * @param {number} number
   */
  #restore(turn, number) {
    const view = this.#added(turn, number);
    if (turn.answer) this.#finish(view, turn, turn.answer);
    else if (turn.stopped) view.stop(turn.stopped, this.#again(view, turn));
    else view.fail(this.page.texts.error_interrupted, "", this.#again(view, turn));
  }

  /**
   * @param {View} view
   * @param {Turn} turn
   */
  async #fill(view, turn) {
    const { page, remembered, surroundings } = this;
    const running = (this.#running = new AbortController());
    const question = { ...turn, conversation: remembered.conversation };
    view.begin();
    surroundings.changed();
    surroundings.say(page.texts.searching);
    try {
      const answer = await ask(page.api, question, view.reader(turn.language || page.language), running.signal);
      if (this.#running !== running) return; // the conversation was cleared meanwhile
      turn.answer = answer;
      remembered.conversation = answer.conversation_id;
      this.#finish(view, turn, answer);
      surroundings.say(view.besides(answer), view.spoken());
    } catch (error) {
      if (this.#running !== running) return;
      surroundings.say("");
      if (running.signal.aborted) this.#stopped(view, turn);
      else this.#failed(view, turn, error);
    } finally {
      if (this.#running === running) this.#running = null;
      surroundings.changed();
    }
  }

  /**
   * @param {View} view
   * @param {Turn} turn
   * @param {Answer} answer
   */
  #finish(view, turn, answer) {
    const { say, changed } = this.surroundings;
    view.finish(answer, actions(this.page, answer, turn, say, changed));
  }

  /**
   * @param {View} view
   * @param {Turn} turn
   */
  #stopped(view, turn) {
    turn.stopped = view.shown;
    view.stop(turn.stopped, this.#again(view, turn));
    this.surroundings.say(this.page.texts[view.shown.answer ? "stopped" : "stopped_early"]);
  }

  /**
   * @param {View} view
   * @param {Turn} turn
   * @param {unknown} error
   */
  #failed(view, turn, error) {
    const { texts } = this.page;
    const { status, detail } = error instanceof Refused ? error : { status: 500, detail: "" };
    const message = texts[MESSAGES[status] ?? "error_other"];
    // The way to the sign-in is the page itself, which comes back with the conversation.
    if (status === 401) view.fail(message, "", button("retry", texts.sign_in, () => location.reload()));
    else view.fail(message, detail, this.#again(view, turn));
    if (!(error instanceof Refused)) throw error;
  }

  /**
   * A button that asks again.
   * @param {View} view
   * @param {Turn} turn
   */
  #again(view, turn) {
    return button("retry", this.page.texts.retry, () => {
      if (this.busy) return;
      view.question.focus({ preventScroll: true }); // this button goes
      delete turn.stopped;
      void this.#fill(view, turn);
    });
  }
}

/** A question and its answer on the page. */
class View {
  /**
   * @param {Page} page
   * @param {string} question
   * @param {number} number of the turn, from 1
   */
  constructor(page, question, number) {
    this.page = page;
    this.number = number;
    /** @type {Shown} */
    this.shown = { answer: "", language: page.language, citations: [] };
    const id = `question-${number}`;
    this.state = element("p", { class: "progress" });
    this.text = element("div", { class: "answer" });
    this.reply = element("div", { class: "reply" });
    this.question = element("h2", { class: "question", id, dir: "auto", tabindex: "-1" }, question);
    this.article = element("article", { class: "turn", "aria-labelledby": id }, this.question, this.reply);
  }

  /** Nothing yet, and what is being done. */
  begin() {
    this.#clear();
    this.article.setAttribute("aria-busy", "true");
    this.state.textContent = this.page.texts.searching;
    this.text.replaceChildren();
    this.reply.replaceChildren(this.state, this.text);
  }

  /**
   * What shows an answer while it is written.
   * @param {string} language
   */
  reader(language) {
    const { texts } = this.page;
    const shown = (this.shown = { answer: "", language, citations: /** @type {Shown["citations"]} */ ([]) });
    sourcesOf.set(this.article, shown); // they can be checked while the rest is written
    let waiting = false;
    const show = () => {
      if (waiting) return;
      waiting = true;
      requestAnimationFrame(() => {
        waiting = false;
        if (this.article.hasAttribute("aria-busy") && this.shown === shown) showText(this.page, shown, this.text);
      });
    };
    return {
      progress: (/** @type {number} */ passages) => {
        this.state.textContent = filled(texts.reading, { n: passages });
      },
      delta: (/** @type {string} */ text) => {
        shown.answer += text;
        this.state.textContent = texts.writing;
        show();
      },
      citation: (/** @type {Shown["citations"][number]} */ citation) => {
        shown.citations.push(citation);
        show();
      },
    };
  }

  /**
   * The finished answer.
   * @param {Answer} answer
   * @param {HTMLElement} below
   */
  finish(answer, below) {
    this.#end(answer);
    this.text.classList.toggle("abstained", answer.abstained);
    const label = answer.abstained ? [element("p", { class: "absent" }, this.page.texts.answer_absent)] : [];
    this.#frame(label, []);
    this.article.append(details(this.page, answer, this.number), below);
  }

  /** The answer as it is said aloud: without its markers. */
  spoken() {
    const said = element("span", { lang: this.text.lang });
    for (const paragraph of this.text.children) said.append(...paragraph.cloneNode(true).childNodes, " ");
    for (const marker of said.querySelectorAll(".marker")) marker.remove();
    return said;
  }

  /**
   * What is said aloud after it: how many sources it has, and what its reader should know.
   * @param {Answer} answer
   */
  besides({ citations: { length: n } }) {
    const { sources_one: one, sources_many: many } = this.page.texts;
    const count = n === 0 ? [] : [n === 1 ? one : filled(many, { n })];
    const notes = [...this.article.querySelectorAll(".note")].map((note) => note.textContent);
    return [...count, ...notes].join(" ");
  }

  /**
   * An answer that its reader did not wait for.
   * @param {Shown} shown
   * @param {HTMLElement} again
   */
  stop(shown, again) {
    this.#end(shown);
    const { stopped, stopped_early: early } = this.page.texts;
    const note = element("p", { class: "note" }, shown.answer ? stopped : early);
    this.#frame([], [note, again]);
    this.article.append(details(this.page, shown, this.number));
  }

  /**
   * @param {string} message
   * @param {string} detail what the service itself says, in English
   * @param {HTMLElement} way what can be done
   */
  fail(message, detail, way) {
    this.#clear();
    const said = detail ? [element("p", { class: "detail", lang: "en" }, detail)] : [];
    this.reply.replaceChildren(
      element("div", { class: "failure", role: "alert" }, element("p", {}, message), ...said, way),
    );
  }

  /** @param {Shown} shown */
  #end(shown) {
    this.#clear();
    this.shown = shown;
    sourcesOf.set(this.article, shown);
    showText(this.page, shown, this.text);
  }

  /**
   * The text with what stands around it. It stays in its place, so that nothing in it loses the focus.
   * @param {HTMLElement[]} before
   * @param {HTMLElement[]} after
   */
  #frame(before, after) {
    if (this.text.parentNode !== this.reply) this.reply.replaceChildren(this.text);
    for (const other of [...this.reply.children]) if (other !== this.text) other.remove();
    this.text.before(...before);
    this.text.after(...after);
  }

  #clear() {
    this.article.removeAttribute("aria-busy");
    for (const below of this.article.querySelectorAll(":scope > .details, :scope > .actions")) below.remove();
  }
}
