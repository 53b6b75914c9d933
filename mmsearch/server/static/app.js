/** Ties the page's parts together: one state, one address, one question at a time. */

import { tryCall } from "./api.js";
import { Captions } from "./captions.js";
import { announce, byId, copyText, counted, digits, isTyping, on } from "./dom.js";
import { Grid } from "./grid.js";
import { LibraryPanel } from "./library.js";
import { Lightbox } from "./lightbox.js";
import { noticeOfAnswer, noticeOfError } from "./notice.js";
import { PictureQuestion } from "./picture.js";
import { Refine } from "./refine.js";
import { Search } from "./search.js";
import { EMPTY, fromAddress, inWords, isAsking, toAddress, toQuestion } from "./state.js";

const SETTLED_MS = 2000; // words typed after such a rest are a new step for the back button

const box = byId("q");
let state = fromAddress(location.search);
let total = -1; // of the pictures or captions that were searched; -1: no answer yet
let typedAt = -Infinity;
let focusNext = false;
let scrollNext = 0;
let troubled = false;

const opening = { onOpen: (hit) => go({ view: String(hit.media_id) }), addressOf };
const grid = new Grid(byId("grid"), { ...opening, onLike: likeThis, onCopy: (hit) => copyText(hit.path) });
const captions = new Captions(byId("captions"), opening);
const search = new Search({ onAnswer: showAnswer, onError: showError, onBusy: showBusy });
const list = () => (state.target === "captions" ? captions : grid);
const refine = new Refine((changes) => go(changes, { soon: !("rerank" in changes) }));
const lightbox = new Lightbox({
  onClose: closeView,
  onMove: moveView,
  onLike: likeThis,
  onWords: (words) => go({ ...afresh(), q: words }),
});
const near = new IntersectionObserver((seen) => seen[0].isIntersecting && search.more(), {
  rootMargin: "1500px",
});
const library = new LibraryPanel({ onStatus: showStatus, onIndexed: () => (reload(), askAgain()) });
new PictureQuestion((upload) => go({ ...afresh(), target: state.target, upload }));

/** Nothing asked, the switch as it is. */
const afresh = () => ({ ...EMPTY, rerank: state.rerank });

function addressOf(hit) {
  return toAddress({ ...state, view: String(hit.media_id) });
}

/** Go to another state. `soon`: more may follow at once; `replace`: no step for the back button. */
function go(changes, { soon = false, replace = false } = {}) {
  const before = toQuestion(state);
  state = { ...state, ...changes };
  const kind = replace ? "replaceState" : "pushState";
  if (toAddress(state) !== location.pathname + location.search) {
    if (!replace) history.replaceState({ ...history.state, scroll: scrollY, hits: grid.hits.length }, "");
    history[kind]({ opened: Boolean(changes.view) && !replace }, "", toAddress(state));
  }
  showState();
  if (toQuestion(state) === before) return;
  if (!replace) scrollTo(0, 0);
  if (soon) search.askSoon(state);
  else search.ask(state);
}

/** Bring everything but the results to the state. */
function showState() {
  if (box.value !== state.q) box.value = state.q;
  refine.show(state);
  document.title = inWords(state) ? `${inWords(state)} · mmsearch` : "mmsearch";
  byId("hero").hidden = isAsking(state) || state.target === "captions";
  showView();
}

function showAnswer(found, isFirst) {
  const isCaptions = state.target === "captions";
  const complete = found.next_offset === null;
  byId("grid").hidden = isCaptions;
  byId("captions").hidden = !isCaptions;
  list()[isFirst ? "replace" : "append"](found.hits, complete);
  total = found.n_candidates;
  const all = counted(total, isCaptions ? "caption" : "picture");
  if (isFirst) firstAnswer(found, all);
  byId("more").hidden = complete;
  byId("end").hidden = !complete || isFirst || !found.hits.length;
  byId("end").textContent = `That was the last of ${all}.`;
  if (troubled) reload();
  near.unobserve(byId("more")); // tell again if more is wanted: it may have been while this came
  near.observe(byId("more"));
  showView();
}

function firstAnswer(found, all) {
  noticeOfAnswer(found, state, go);
  const asked = isAsking(state);
  const more = found.reranked ? `, first ${digits(found.reranked)} reranked` : "";
  const text = asked ? `${all}, closest first${more} · ${Math.ceil(found.took_ms)} ms` : `A look around ${all}`;
  byId("summary").textContent = byId("notice").hidden ? text : "";
  if (byId("notice").hidden) announce(asked ? `${all}, closest to ${inWords(state)} first${more}` : text);
  if (focusNext) list().focusFirst();
  if (scrollNext) scrollTo(0, scrollNext);
  focusNext = false;
  scrollNext = 0;
}

function showError(error) {
  troubled = true;
  noticeOfError(error, state, go, askAgain);
  byId("summary").textContent = "";
  if (error.status !== 0 && error.status !== 503) list().replace([], true);
}

function showBusy(busy) {
  byId("search").classList.toggle("busy", busy);
  byId("results").setAttribute("aria-busy", String(busy));
}

/** Ask the same again, for as many as are shown. */
function askAgain() {
  search.ask(state, grid.hits.length);
}

/** Show or hide the lightbox, as the state says. */
async function showView() {
  const id = Number(state.view);
  if (!id) {
    if (!lightbox.isOpen) return;
    const last = lightbox.hit.media_id;
    lightbox.hide();
    grid.focus(last);
    return;
  }
  if (lightbox.isOpen && lightbox.hit.media_id === id) return;
  const place = grid.indexOf(id);
  if (place < 0 && total < 0) return; // the first answer is on its way
  const hit = grid.hits[place] ?? (await tryCall(`/media/${id}`));
  if (!hit) return go({ view: "" }, { replace: true });
  if (Number(state.view) !== id) return;
  lightbox.show(hit, { place, total });
  lightbox.preload([grid.hits[place + 1], grid.hits[place - 1]]);
  if (place >= 0 && place > grid.hits.length - 6) search.more();
}

function moveView(step) {
  const to = grid.hits[grid.indexOf(lightbox.hit.media_id) + step];
  if (to) go({ view: String(to.media_id) }, { replace: true });
}

/** Close the lightbox: a step back where opening it was one. */
function closeView() {
  if (history.state?.opened) history.back();
  else go({ view: "" }, { replace: true });
}

function likeThis(hit) {
  focusNext = true;
  const { under, from, to, formats, orientation } = state;
  go({ ...afresh(), under, from, to, formats, orientation, like: String(hit.media_id) });
}

function showStatus(now) {
  const text = now.n_files ? `${counted(now.n_files, "picture")}. ` : "";
  byId("hero-text").textContent = `${text}Type words, drop a picture, or paste one.`;
  search.reranks = now.reranker?.measured_lift > 0;
  byId("reranking").hidden = !search.reranks;
}

/** Fetch what is around the results: it may have changed, or was not to be had. */
function reload() {
  troubled = false;
  library.refresh();
  refine.loadFacets();
}

/** Words typed within one stretch are one step for the back button. */
function typed() {
  const fresh = performance.now() - typedAt > SETTLED_MS;
  typedAt = performance.now();
  go({ q: box.value }, { soon: true, replace: !fresh });
}

function connectKeys() {
  on(window, "keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event) || lightbox.isOpen) return;
    if (event.key === "/") box.focus();
    else if (event.key === "?") byId("keys").showModal();
    else return;
    event.preventDefault();
  });
  on(box, "keydown", (event) => {
    if (event.key !== "ArrowDown" && event.key !== "Enter") return;
    event.preventDefault();
    if (event.key === "ArrowDown") list().focusFirst();
    else search.ask(state);
  });
}

function connectTheme() {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const root = document.documentElement;
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : dark.matches);
  const show = () => byId("theme").setAttribute("aria-pressed", String(isDark()));
  on("theme", "click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    localStorage.setItem("theme", root.dataset.theme);
    show();
  });
  on(dark, "change", show);
  show();
}

function connect() {
  history.scrollRestoration = "manual";
  on(box, "input", (event) => event.isComposing || typed());
  on(box, "compositionend", typed);
  on("search", "submit", (event) => event.preventDefault());
  on(window, "popstate", () => {
    const before = toQuestion(state);
    state = fromAddress(location.search);
    typedAt = -Infinity;
    showState();
    scrollNext = history.state?.scroll ?? 0;
    if (toQuestion(state) !== before) search.ask(state, history.state?.hits);
  });
  connectKeys();
  connectTheme();
}

connect();
showState();
search.ask(state);
reload();
