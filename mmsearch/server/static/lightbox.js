/** One picture, large, with all that is known of it. */

import { original, thumbnail, tryCall } from "./api.js";
import { byId, copyText, digits, make, on } from "./dom.js";

const SWIPE = 50;

export class Lightbox {
  /** @param listener told of onClose(), onMove(-1 or 1), onLike(hit), onWords(caption) */
  constructor(listener) {
    this.listener = listener;
    this.box = byId("lightbox");
    on("light-close", "click", () => listener.onClose());
    on("light-previous", "click", () => listener.onMove(-1));
    on("light-next", "click", () => listener.onMove(1));
    on("light-like", "click", () => listener.onLike(this.hit));
    on("light-copy", "click", () => copyText(this.hit.path));
    on(this.box, "keydown", (event) => this.#key(event));
    on(this.box, "cancel", (event) => {
      event.preventDefault();
      listener.onClose();
    });
    this.#connectSwipe(this.box.querySelector(".stage"));
  }

  /** Whether a picture is shown. */
  get isOpen() {
    return this.box.open;
  }

  /** Show a picture, which has this place among the hits; -1: none. */
  show(hit, { place, total }) {
    this.hit = hit;
    byId("light-previous").disabled = place < 1;
    byId("light-next").disabled = place < 0 || place + 1 >= total;
    if (!this.box.open) this.box.showModal();
    if (document.activeElement.disabled) this.box.focus();
    document.documentElement.classList.add("covered");
    this.#showPicture(hit);
    byId("light-name").textContent = hit.name;
    byId("light-folder").textContent = hit.path.slice(0, -hit.name.length - 1);
    byId("light-download").href = original(hit.media_id);
    byId("light-position").textContent =
      place < 0 ? "" : `${digits(place + 1)} of ${digits(total)}`;
    showFacts(hit);
    showList("light-captions", []);
    showList("light-copies", []);
    this.#loadMore(hit);
  }

  /** Put the picture away. */
  hide() {
    document.documentElement.classList.remove("covered");
    if (this.box.open) this.box.close();
  }

  /** Fetch pictures that are likely to be looked at next. */
  preload(hits) {
    for (const hit of hits) if (hit) new Image().src = thumbnail(hit, largeSize());
  }

  #showPicture(hit) {
    const picture = byId("light-picture");
    picture.alt = hit.name;
    const shape = hit.width / hit.height;
    picture.style.aspectRatio = shape;
    picture.style.width = `min(${hit.width}px, 100cqw, 100cqh * ${shape})`;
    picture.removeAttribute("src"); // else the picture before would stay until this one is there
    picture.src = thumbnail(hit, largeSize());
    picture.style.backgroundImage = `url(${JSON.stringify(thumbnail(hit, 320))})`;
  }

  async #loadMore(hit) {
    const known = await tryCall(`/media/${hit.media_id}`);
    if (!known || this.hit !== hit) return;
    showFacts({ ...hit, ...known });
    const words = known.captions.map(({ text }) => {
      const button = make("button", { type: "button", title: "Search for these words" }, text);
      on(button, "click", () => this.listener.onWords(text));
      return button;
    });
    showList("light-captions", words);
    showList("light-copies", known.copies.map((copy) => copy.path));
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step) this.listener.onMove(step);
    else if (event.key === "m") this.listener.onLike(this.hit);
    else if (event.key === "c") copyText(this.hit.path);
    else return;
    event.preventDefault();
  }

  #connectSwipe(stage) {
    let start = null;
    on(stage, "touchstart", (event) => {
      start = event.touches.length === 1 ? event.touches[0].clientX : null;
    }, { passive: true });
    on(stage, "touchend", (event) => {
      const way = start === null ? 0 : event.changedTouches[0].clientX - start;
      if (Math.abs(way) > SWIPE) this.listener.onMove(way < 0 ? 1 : -1);
    });
  }
}

/** How large a picture the window can show, in device pixels. */
const largeSize = () => Math.max(innerWidth, innerHeight) * devicePixelRatio * 0.75;

/** All facts that are known, as a list of names and values. */
function showFacts(media) {
  const pixels = (media.width * media.height) / 1e6;
  const facts = {
    Size: `${media.width} × ${media.height}` + (pixels >= 1 ? ` · ${pixels.toFixed(1)} MP` : ""),
    File: `${media.format} · ${bytes(media.size_bytes)}`,
    [media.taken_at ? "Taken" : "Date"]: when(media),
    Camera: media.camera,
    Place: media.latitude == null ? null : place(media),
    Closeness: media.score == null ? null : media.score.toFixed(3),
    Folder: media.online ? null : "is offline: its drive is not there now",
  };
  const rows = Object.entries(facts).filter(([, value]) => value);
  byId("light-facts").replaceChildren(
    ...rows.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))),
  );
}

/** Fill a section's list; a section without entries is not shown. */
function showList(id, entries) {
  const section = byId(id);
  section.hidden = !entries.length;
  section.querySelector("ul").replaceChildren(...entries.map((entry) => make("li", {}, entry)));
}

function bytes(n) {
  if (n < 1e6) return `${Math.max(1, Math.round(n / 1e3))} kB`;
  return `${(n / 1e6).toFixed(1)} MB`;
}

/** When it was taken; of a file that does not say so, the day it was written. */
function when({ taken_at, date }) {
  if (taken_at) return new Date(taken_at).toLocaleString("en", { dateStyle: "long", timeStyle: "short" });
  return date && new Date(`${date}T00:00`).toLocaleDateString("en", { dateStyle: "long" });
}

const place = ({ latitude, longitude }) => `${latitude.toFixed(5)}, ${longitude.toFixed(5)}`;
