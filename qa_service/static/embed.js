// @ts-check
/**
 * For pages of other sites: a button in a corner that opens the chat page in a frame.
 *
 *   <script src="https://qa.example/embed.js" defer></script>
 *
 * data-language ("en" or "fr", else the page's own) and data-label (the button's text) are its options. It leaves no
 * global name behind, and neither its styles nor the page's reach each other: it lives in a shadow root. Its style sheet
 * is made by script, so that the page's content security policy need not allow inline styles; the policy must name the
 * service in script-src and in frame-src.
 */

(() => {
  const MARK = "data-qa-service";

  const LABELS = {
    en: { open: "Ask the articles", close: "Close" },
    fr: { open: "Interroger les articles", close: "Fermer" },
  };

  const STYLES = `
    /* What the page says of the element itself is stronger than what is said here, unless this is important. */
    :host {
      all: initial !important;
    }
    .launcher,
    dialog {
      color-scheme: light dark;
      --paper: #fdfcf9;
      --ink: #1b1a18;
      --rule: #d9d5cc;
      --accent: #9a1b1e;
      --accent-ink: #fff;
      /* What the reader has set, whatever the page sets. */
      font: medium/1.4 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif;
    }
    @media (prefers-color-scheme: dark) {
      .launcher,
      dialog {
        --paper: #161513;
        --ink: #ece8e1;
        --rule: #3b3833;
        --accent: #ff9c8c;
        --accent-ink: #2a0a07;
      }
    }
    button {
      box-sizing: border-box;
      margin: 0;
      cursor: pointer;
    }
    button:focus-visible {
      outline: 3px solid var(--ink);
      outline-offset: 2px;
    }
    .launcher {
      position: fixed;
      z-index: 2147483000;
      right: calc(1em + env(safe-area-inset-right, 0px));
      bottom: calc(1em + env(safe-area-inset-bottom, 0px));
      min-height: 3em;
      max-width: calc(100vw - 2em);
      padding: 0.5em 1.25em;
      border: 1px solid transparent;
      border-radius: 1.5em;
      background: var(--accent);
      color: var(--accent-ink);
      font-weight: 600;
      box-shadow: 0 2px 10px rgb(0 0 0 / 0.25);
    }
    dialog {
      position: fixed;
      z-index: 2147483000;
      inset: auto calc(1em + env(safe-area-inset-right, 0px)) calc(5em + env(safe-area-inset-bottom, 0px)) auto;
      box-sizing: border-box;
      width: 26em;
      max-width: calc(100vw - 2em);
      height: min(40em, calc(100vh - 6em));
      height: min(40em, calc(100dvh - 6em));
      max-height: none;
      margin: 0;
      padding: 0;
      overflow: hidden;
      border: 1px solid var(--rule);
      border-radius: 10px;
      background: var(--paper);
      color: var(--ink);
      box-shadow: 0 8px 40px rgb(0 0 0 / 0.3);
    }
    dialog[open] {
      display: flex;
      flex-direction: column;
    }
    .bar {
      display: flex;
      align-items: center;
      justify-content: space-between;
      gap: 1em;
      padding: 0.4em 0.5em 0.4em 1em;
      border-bottom: 1px solid var(--rule);
    }
    .name {
      font-weight: 600;
    }
    .close {
      font: inherit;
      min-height: 2.5em;
      padding: 0 0.75em;
      border: 1px solid transparent;
      border-radius: 6px;
      background: none;
      color: var(--accent);
    }
    .close:hover {
      border-color: currentcolor;
    }
    iframe {
      flex: 1;
      width: 100%;
      min-height: 0;
      border: 0;
    }
    @media (prefers-reduced-motion: no-preference) {
      dialog[open] {
        animation: rise 0.18s ease-out;
      }
      @keyframes rise {
        from {
          opacity: 0;
          transform: translateY(0.75em);
        }
      }
    }
    @media (max-width: 40em) {
      dialog {
        inset: 0;
        width: 100%;
        max-width: none;
        height: 100%;
        border: 0;
        border-radius: 0;
        padding-top: env(safe-area-inset-top, 0px);
      }
    }
    @media print {
      .launcher,
      dialog[open] {
        display: none;
      }
    }
  `;

  const script = document.currentScript;
  if (!(script instanceof HTMLScriptElement)) return;
  const address = new URL("embed", script.src);
  const asked = (script.dataset.language || document.documentElement.lang).slice(0, 2).toLowerCase();
  const language = asked === "fr" ? "fr" : "en";
  const texts = LABELS[language];
  const label = script.dataset.label || texts.open;
  address.searchParams.set("lang", language);

  /**
   * @template {keyof HTMLElementTagNameMap} T
   * @param {T} tag
   * @param {Record<string, string>} attributes
   * @param {(Node | string)[]} children
   */
  function element(tag, attributes, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  }

  function add() {
    if (document.querySelector(`[${MARK}]`)) return;
    const host = element("div", { [MARK]: "", lang: language });
    const shadow = host.attachShadow({ mode: "open" });
    const styles = new CSSStyleSheet();
    styles.replaceSync(STYLES);
    shadow.adoptedStyleSheets = [styles];

    const launcher = element(
      "button",
      { class: "launcher", type: "button", "aria-expanded": "false", "aria-controls": "panel", "aria-haspopup": "dialog" },
      label,
    );
    const close = element("button", { class: "close", type: "button" }, texts.close);
    const bar = element("div", { class: "bar" }, element("span", { class: "name", id: "name" }, label), close);
    const panel = element("dialog", { id: "panel", "aria-labelledby": "name" }, bar);
    shadow.append(launcher, panel);

    /** @type {HTMLIFrameElement | null} */
    let frame = null;
    let loaded = false;

    /** Tells the page in the frame, and no other, that it is in use: as long as the reader has not gone elsewhere. */
    function greet() {
      if (!panel.open || !frame || !loaded || shadow.activeElement !== frame) return;
      frame.contentWindow?.postMessage({ type: "qa-service:opened" }, address.origin);
    }

    function open() {
      if (!frame) {
        frame = element("iframe", { title: label, allow: "clipboard-write" });
        frame.addEventListener("load", () => {
          loaded = true;
          greet();
        });
        frame.src = address.href;
        panel.append(frame);
      }
      // A sheet that covers everything keeps the keyboard within it; a panel in a corner leaves the page in use.
      if (matchMedia("(max-width: 40rem)").matches) panel.showModal();
      else panel.show();
      launcher.setAttribute("aria-expanded", "true");
      frame.focus();
      greet();
    }

    function shut() {
      launcher.setAttribute("aria-expanded", "false");
      panel.close();
      launcher.focus();
    }

    launcher.addEventListener("click", () => (panel.open ? shut() : open()));
    close.addEventListener("click", shut);
    // A browser may close a sheet by itself, by its back gesture for one.
    panel.addEventListener("close", () => launcher.setAttribute("aria-expanded", String(panel.open)));
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !event.isComposing && !event.defaultPrevented && panel.open) shut();
    });
    addEventListener("message", (event) => {
      if (!frame || event.source !== frame.contentWindow || event.origin !== address.origin) return;
      if (event.data?.type === "qa-service:close" && panel.open) shut();
    });

    document.body.append(host);
  }

  if (document.body) add();
  else document.addEventListener("DOMContentLoaded", add, { once: true });
})();
