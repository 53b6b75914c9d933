/** Small tools for the document. Text goes in as text nodes only: it can never become markup. */

/** The element with this id. */
export const byId = (id) => document.getElementById(id);

/** Listen to an element, given itself or by its id. */
export function on(target, type, listener, options) {
  (typeof target === "string" ? byId(target) : target).addEventListener(type, listener, options);
}

/** A new element with properties (or attributes, where it has no such property) and children. */
export function make(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name in node) node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

/** One of the page's icons, as decoration. */
export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(space, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

/** "1,234". */
export const digits = (n) => n.toLocaleString("en");

/** "1,234 pictures", "1 picture". */
export const counted = (n, noun) => `${digits(n)} ${noun}${n === 1 ? "" : "s"}`;

/** "↑ 4" where reranking has moved a hit, with words for screen readers; empty where not. */
export function movedBadge({ rank, dual_rank: before }) {
  const places = (before ?? rank) - rank;
  if (!places) return "";
  const [sign, way] = places > 0 ? ["↑", "up"] : ["↓", "down"];
  const label = `Reranked ${way} ${counted(Math.abs(places), "place")}`;
  const text = `${sign} ${digits(Math.abs(places))}`;
  return make("span", { className: `badge moved ${way}`, role: "img", "aria-label": label }, text);
}

let announcing;

/** Tell a screen reader, once things have settled: not for every letter typed. */
export function announce(text) {
  clearTimeout(announcing);
  announcing = setTimeout(() => (byId("announcer").textContent = text), 500);
}

let hiding;

/** A short message at the foot of the page, or of the dialog that is open. */
export function toast(text) {
  const box = byId("toast");
  (document.querySelector("dialog[open]") ?? document.body).append(box);
  box.hidden = false;
  box.textContent = text;
  clearTimeout(hiding);
  hiding = setTimeout(() => (box.hidden = true), 4000);
}

/** Put text on the clipboard, also where the page is not on a secure address. */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = make("textarea", { value: text, className: "unseen", readOnly: true });
    const focused = document.activeElement;
    (document.querySelector("dialog[open]") ?? document.body).append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
    focused?.focus();
  }
  toast("Path copied");
}

/** Whether the keys are being typed into something. */
export const isTyping = (event) =>
  event.target.matches?.("input:not([type=radio],[type=range]), textarea, select");
