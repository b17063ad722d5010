// @ts-check
/** Asking the service: a question out, server-sent events in (WHATWG HTML, 9.2). */

/** @typedef {import("./answer.js").Answer} Answer */
/** @typedef {import("./answer.js").Citation} Citation */

/**
 * @typedef {{ question: string, language: string, conversation: string }} Question
 * @typedef {{ progress(passages: number): void, delta(text: string): void, citation(citation: Citation): void }} Reader
 */

/** What the service says of a question that it cannot answer: a status of HTTP, 0 where it cannot be reached. */
export class Refused extends Error {
  /**
   * @param {number} status
   * @param {string} detail what the service itself says, in English
   */
  constructor(status, detail = "") {
    super(detail);
    this.status = status;
    this.detail = detail;
  }
}

/**
 * Ask a question; the reader is told what comes, and the finished answer is returned.
 * Throws Refused, or what the signal was aborted with.
 * @param {string} api where the endpoints are
 * @param {Question} question
 * @param {Reader} reader
 * @param {AbortSignal} signal
 * @returns {Promise<Answer>}
 */
export async function ask(api, { question, language, conversation }, reader, signal) {
  const body = {
    question,
    stream: true,
    progress: true,
    ...(language && { language }),
    ...(conversation && { conversation_id: conversation }),
  };
  const response = await post(`${api}ask`, body, "text/event-stream", signal);
  for await (const { name, data } of events(response, signal)) {
    if (name === "progress") reader.progress(data.passages);
    else if (name === "delta") reader.delta(data.text);
    else if (name === "citation") reader.citation(data);
    else if (name === "done") return data;
    else if (name === "error") throw new Refused(data.status, data.detail);
  }
  throw new Refused(0);
}

/**
 * Send JSON; a response that is not one of success is thrown as Refused.
 * @param {string} address
 * @param {object} body
 * @param {string} accept
 * @param {AbortSignal} [signal]
 */
export async function post(address, body, accept = "application/json", signal) {
  // The page's language decides where the question doesn't show its own.
  const headers = { "Content-Type": "application/json", Accept: accept, "Accept-Language": document.documentElement.lang };
  const options = { method: "POST", headers, body: JSON.stringify(body), signal };
  return answered(await fetch(address, options).catch((error) => unreached(error, signal)));
}

/**
 * The response, where it is one of success.
 * @param {Response} response
 */
export async function answered(response) {
  if (response.ok) return response;
  const problem = await response.json().catch(() => null);
  throw new Refused(response.status, String(problem?.detail ?? ""));
}

/**
 * @param {unknown} error
 * @param {AbortSignal} [signal]
 * @returns {never}
 */
function unreached(error, signal) {
  if (signal?.aborted) throw error;
  throw new Refused(0);
}

/**
 * The events of a stream: their names and what JSON they carry.
 * @param {Response} response
 * @param {AbortSignal} signal
 * @returns {AsyncGenerator<{ name: string, data: any }>}
 */
async function* events(response, signal) {
  let unread = "";
  for await (const text of texts(response, signal)) {
    const blocks = (unread + text).split("\n\n");
    unread = blocks.pop() ?? "";
    for (const block of blocks) {
      const event = parsed(block);
      if (event) yield event;
    }
  }
}

/**
 * One event; nothing for a comment, which only keeps the connection.
 * @param {string} block
 */
function parsed(block) {
  const value = (/** @type {string} */ field) =>
    block
      .split("\n")
      .filter((line) => line.startsWith(`${field}:`))
      .map((line) => line.slice(field.length + 1).replace(/^ /, ""))
      .join("\n");
  const data = value("data");
  return data ? { name: value("event"), data: JSON.parse(data) } : null;
}

/**
 * A body as it arrives.
 * @param {Response} response
 * @param {AbortSignal} signal
 */
async function* texts(response, signal) {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  while (reader) {
    const { done, value } = await reader.read().catch((error) => unreached(error, signal));
    if (done) return;
    yield value;
  }
}
