// @ts-check
/**
 * The chat page in the frame of another site: what it and embed.js, which opened the frame, tell each other.
 * embed.js says that the panel was opened, and only a site that may show this page is listened to; Escape is told to
 * that site alone.
 */

const { origins = "" } = document.getElementById("chat")?.dataset ?? {};
const admitted = new Set(origins.split(" "));

/** The site around the frame, once it has spoken. */
let site = "";

addEventListener("message", (event) => {
  if (event.source !== parent || !admitted.has(event.origin) || event.data?.type !== "qa-service:opened") return;
  site = event.origin;
  // The frame has the keyboard, or is about to get it; it is never taken from the site.
  if (document.hasFocus()) toQuestion();
  else addEventListener("focus", toQuestion, { once: true });
});

function toQuestion() {
  if (!matchMedia("(hover: hover)").matches) return; // no keyboard on the screen before anything can be read
  document.getElementById("question")?.focus();
}

document.addEventListener("keydown", (event) => {
  // Escape also ends the writing of a composed character, and is then not meant for us.
  if (event.key !== "Escape" || event.isComposing || event.defaultPrevented || !site) return;
  if (document.querySelector("dialog[open], .card:not([hidden])")) return; // Escape closes that first
  parent.postMessage({ type: "qa-service:close" }, site);
});

// An article cannot be shown in the frame, so that links to it open elsewhere; those within this page stay.
document.addEventListener("click", leave, true);
document.addEventListener("auxclick", leave, true);

/** @param {MouseEvent} event */
function leave(event) {
  const link = event.target instanceof Element ? event.target.closest("a") : null;
  if (!link?.href || link.getAttribute("href")?.startsWith("#")) return;
  link.target = "_blank";
  link.rel = "noopener";
}
