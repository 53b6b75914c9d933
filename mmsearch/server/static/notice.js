/** The honest word above the results: nothing like it, nothing at all, or something is wrong. */

import { announce, byId, make, on } from "./dom.js";
import { NO_FILTERS, NO_PICTURE, filterCount, inWords, isAsking } from "./state.js";

/** Say something, with a button where something can be done. */
export function showNotice(title, text = "", action = null) {
  const box = byId("notice");
  if (!box.hidden && box.dataset.is === title + text) return;
  box.dataset.is = title + text;
  box.replaceChildren(make("h2", {}, title));
  if (text) box.append(make("p", {}, text));
  if (action) {
    const button = make("button", { type: "button", className: "pill strong" }, action.label);
    on(button, "click", action.run);
    box.append(button);
  }
  box.hidden = false;
  announce(`${title} ${text}`);
}

/** Say what an answer means, where that is more than its hits. */
export function noticeOfAnswer(answer, state, change) {
  if (answer.hits.length) {
    if (answer.matches === false && isAsking(state)) {
      showNotice("Nothing here looks like that.", "The closest are:");
    } else byId("notice").hidden = true;
  } else if (filterCount(state)) {
    const clear = { label: "Clear the filters", run: () => change(NO_FILTERS) };
    showNotice("Nothing is left after the filters.", "", clear);
  } else noticeOfNothing(state, change);
}

function noticeOfNothing(state, change) {
  if (state.target === "captions") {
    const text = "Attach some with: mmsearch index FOLDER --captions FILE";
    const back = { label: "Look for pictures", run: () => change({ target: "images" }) };
    showNotice("No captions are indexed.", text, back);
  } else showNotice("No pictures are indexed yet.", "Index a folder with: mmsearch index FOLDER");
}

/** Say what went wrong, and what can be done about it. */
export function noticeOfError(error, state, change, again) {
  const retry = { label: "Try again", run: again };
  const drop = { label: "Search without it", run: () => change(NO_PICTURE) };
  if (error.status === 0) {
    showNotice("The server is not answering.", "Is mmsearch serve still running? Trying again…", retry);
  } else if (error.kind === "CatalogueError") noticeOfNothing(state, change);
  else if (error.status === 503) {
    showNotice("One moment.", error.message, retry);
  } else if (error.status === 404 && state.upload) {
    showNotice("Your picture has expired.", "The server keeps it for an hour. Drop it again.", drop);
  } else if (error.status === 404 && state.like) {
    showNotice("That picture is no longer indexed.", "", drop);
  } else {
    const fresh = { label: "Start again", run: () => location.assign("/") };
    showNotice("That cannot be searched.", error.message, inWords(state) ? fresh : null);
  }
}
