/** What is being looked for, and its address: every search can be shared as a link. */

/** What nothing asked looks like; `view` is the picture in the lightbox, `rerank` "0" where it is off. */
export const EMPTY = Object.freeze({
  q: "", target: "images", plus: [], minus: [], like: "", upload: "", pictureWeight: 1,
  under: "", from: "", to: "", formats: [], orientation: "", rerank: "", view: "",
});

const RERANK_BUDGET_MS = 120;

/** Names of the plain values in an address, as the interface names them. */
const NAMES = {
  q: "q", target: "target", like: "like", upload: "upload", under: "under",
  from: "taken_from", to: "taken_to", orientation: "orientation", rerank: "rerank", view: "view",
};

/** "sunset:0.5"; the weight is always written, so that a colon in the text stays text. */
const written = (term) => `${term.text}:${term.weight.toFixed(2)}`;

/** The term that an address names. */
function readTerm(text) {
  const match = /^(.*):(\d*\.?\d+)$/s.exec(text);
  return match ? { text: match[1], weight: Number(match[2]) } : { text, weight: 1 };
}

/** The state that an address stands for. */
export function fromAddress(search) {
  const params = new URLSearchParams(search);
  const state = { ...EMPTY };
  for (const [key, name] of Object.entries(NAMES)) state[key] = params.get(name) ?? EMPTY[key];
  state.plus = params.getAll("plus").map(readTerm);
  state.minus = params.getAll("minus").map(readTerm);
  state.formats = params.getAll("format");
  state.pictureWeight = Number(params.get("picture_weight")) || 1;
  return state;
}

/** The parameters of a state, for the address and the server alike. */
function parameters(state) {
  const params = new URLSearchParams();
  for (const [key, name] of Object.entries(NAMES)) {
    if (state[key] && state[key] !== EMPTY[key]) params.set(name, state[key]);
  }
  for (const term of state.plus) params.append("plus", written(term));
  for (const term of state.minus) params.append("minus", written(term));
  for (const format of state.formats) params.append("format", format);
  if (hasPicture(state) && state.pictureWeight !== 1) {
    params.set("picture_weight", state.pictureWeight.toFixed(2));
  }
  return params;
}

/** The address of a state. */
export function toAddress(state) {
  const query = parameters(state).toString();
  return query ? `/?${query}` : "/";
}

/** What the server is asked: the same text for two states that find the same. */
export function toQuestion(state) {
  const params = parameters({ ...state, q: state.q.trim(), rerank: "", view: "" });
  if (wantsRerank(state)) {
    params.set("rerank", "auto");
    params.set("budget_ms", RERANK_BUDGET_MS);
  }
  return params.toString();
}

/** Whether what is asked can be reranked: words alone for pictures, a picture alone for captions. */
export function canRerank(state) {
  const words = Boolean(state.q.trim());
  const wanted = state.target === "captions" ? !words && hasPicture(state) : words && !hasPicture(state);
  return wanted && !state.plus.length && !state.minus.length;
}

/** Whether it is to be. */
export const wantsRerank = (state) => canRerank(state) && state.rerank !== "0";

/** Whether a picture is part of the search. */
export const hasPicture = (state) => Boolean(state.like || state.upload);

/** Whether anything is asked; else some pictures are shown to begin with. */
export const isAsking = (state) =>
  Boolean(state.q.trim() || hasPicture(state) || state.plus.length);

/** How many filters restrict the search. */
export const filterCount = (state) =>
  [state.under, state.from || state.to, state.formats.length, state.orientation].filter(Boolean)
    .length;

/** Changes that take the picture away. */
export const NO_PICTURE = { like: "", upload: "", pictureWeight: 1 };

/** Changes that take every filter away. */
export const NO_FILTERS = { under: "", from: "", to: "", formats: [], orientation: "" };

/** What is asked, in words, for headings and screen readers. */
export function inWords(state) {
  const parts = [];
  if (state.q.trim()) parts.push(`“${state.q.trim()}”`);
  if (hasPicture(state)) parts.push(state.like ? "this picture" : "your picture");
  let text = parts.join(" and ");
  for (const term of state.plus) text += `${text ? ", " : ""}more of “${term.text}”`;
  for (const term of state.minus) text += `, less of “${term.text}”`;
  return text;
}
