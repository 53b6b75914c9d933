/** A justified grid: rows of equal height whose pictures keep their shape, and nothing jumps. */

import { sizeFor, thumbnail } from "./api.js";
import { icon, make, movedBadge, on } from "./dom.js";

const NARROWEST = 0.4; // shapes beyond these are cropped in the grid, never in the lightbox
const WIDEST = 3.2;
const EAGER = 16;
const RETRY_MS = 2000;

export class Grid {
  /** @param listener told of onOpen, onLike, onCopy (hit); knows addressOf (hit) */
  constructor(list, listener) {
    this.list = list;
    this.listener = listener;
    this.hits = [];
    this.rows = [];
    this.tiles = new Map();
    this.complete = true;
    on(list, "click", (event) => this.#click(event));
    on(list, "keydown", (event) => this.#key(event));
    on(list, "focusin", (event) => this.#enter(event.target.closest("li")));
    new ResizeObserver(() => this.#resize()).observe(list);
  }

  /** Show other hits; the nodes of pictures that stay are kept, so that nothing flickers. */
  replace(hits, complete) {
    const kept = this.tiles;
    this.tiles = new Map();
    this.hits = hits;
    this.complete = complete;
    for (const hit of hits) this.#add(hit, kept.get(hit.media_id));
    for (const [id, node] of kept) if (!this.tiles.has(id)) node.remove();
    const focused = this.list.querySelector(":focus"); // a node that is moved loses the focus
    this.#layout(0);
    focused?.focus({ preventScroll: true });
  }

  /** Show further hits below; a picture that is there already is not shown twice. */
  append(hits, complete) {
    const start = this.hits.length;
    const fresh = hits.filter((hit) => !this.tiles.has(hit.media_id));
    for (const hit of fresh) this.#add(hit);
    this.hits.push(...fresh);
    this.complete = complete;
    this.#layout(start);
  }

  #add(hit, node = tile(hit)) {
    this.tiles.set(hit.media_id, node);
    node.querySelector(".moved")?.remove();
    node.firstChild.append(movedBadge(hit));
  }

  /** The place of a picture among the hits, -1 where it is not. */
  indexOf(id) {
    return this.hits.findIndex((hit) => hit.media_id === id);
  }

  /** Move the focus to a picture's tile, if it has one. */
  focus(id) {
    const link = this.tiles.get(id)?.firstChild;
    link?.scrollIntoView({ block: "nearest" });
    link?.focus({ preventScroll: true });
  }

  /** Move the focus to the first picture. */
  focusFirst() {
    if (this.hits.length) this.focus(this.hits[0].media_id);
  }

  #resize() {
    const covered = document.documentElement.classList.contains("covered"); // no scrollbar then
    if (covered || this.list.clientWidth === this.width) return;
    this.#layout(0);
  }

  /** Place all tiles. The last row waits for the next page unless it is the end. */
  #layout(fresh) {
    this.width = this.list.clientWidth;
    if (!this.width) return;
    const gap = this.width < 600 ? 4 : 8;
    const { rows, height } = justify(this.hits, this.width, gap, this.complete);
    this.rows = rows;
    this.list.style.height = `${height}px`;
    const shown = rows.flatMap((row) => row.boxes);
    shown.forEach((box, place) => this.#place(box, place, place >= fresh));
    if (!this.list.querySelector("[tabindex='0']")) this.#enter(this.list.firstChild);
  }

  #place(box, place, isFresh) {
    const hit = this.hits[place];
    const node = this.tiles.get(hit.media_id);
    node.firstChild.href = this.listener.addressOf(hit);
    node.style.transform = `translate(${box.x}px, ${box.y}px)`;
    node.style.width = `${box.width}px`;
    node.style.height = `${box.height}px`;
    if (isFresh || !node.isConnected) fill(node, hit, box, place);
    if (this.list.children[place] !== node) {
      this.list.insertBefore(node, this.list.children[place] ?? null);
    }
  }

  #click(event) {
    const hit = this.#hitAt(event.target);
    if (!hit) return;
    if (event.target.closest("button")) this.listener.onLike(hit);
    else if (event.target.closest("a") && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
      event.preventDefault();
      this.listener.onOpen(hit);
    }
  }

  #key(event) {
    const hit = this.#hitAt(event.target);
    if (!hit || event.ctrlKey || event.metaKey || event.altKey) return;
    const to = this.#neighbour(this.indexOf(hit.media_id), event.key);
    if (to) {
      event.preventDefault();
      this.focus(to.media_id);
    } else if (event.key === "m") this.listener.onLike(hit);
    else if (event.key === "c") this.listener.onCopy(hit);
  }

  /** The hit that an arrow key leads to. */
  #neighbour(place, key) {
    if (key === "ArrowRight") return this.hits[place + 1];
    if (key === "ArrowLeft") return this.hits[place - 1];
    if (key === "Home") return this.hits[0];
    if (key === "End") return this.hits[this.rows.at(-1).start + this.rows.at(-1).boxes.length - 1];
    if (key !== "ArrowUp" && key !== "ArrowDown") return undefined;
    const here = this.rows.findLastIndex((row) => row.start <= place);
    const box = this.rows[here].boxes[place - this.rows[here].start];
    const row = this.rows[here + (key === "ArrowDown" ? 1 : -1)];
    if (!row) return undefined;
    const middle = box.x + box.width / 2;
    const distances = row.boxes.map((one) => Math.abs(one.x + one.width / 2 - middle));
    return this.hits[row.start + distances.indexOf(Math.min(...distances))];
  }

  /** Let one tile alone be a stop of the Tab key: the one that was last in focus. */
  #enter(node) {
    if (!node) return;
    for (const one of this.list.querySelectorAll("[tabindex='0']")) one.tabIndex = -1;
    for (const one of node.querySelectorAll("a, button")) one.tabIndex = 0;
  }

  #hitAt(target) {
    const node = target.closest("li");
    return node && this.hits.find((hit) => hit.media_id === Number(node.dataset.id));
  }
}

/** The shape of a picture in the grid, width over height. */
const shape = (hit) => Math.min(Math.max(hit.width / hit.height || 1, NARROWEST), WIDEST);

/** How high rows should be about, for this width. */
const rowHeight = (width) => Math.round(Math.min(Math.max(90 + width / 9, 130), 270));

/**
 * The boxes of all rows, and their height. A row ends where it comes nearest to the height wanted;
 * a last row that is not full is left out unless `complete`.
 */
function justify(hits, width, gap, complete) {
  const wanted = rowHeight(width);
  const rows = [];
  let y = 0;
  let start = 0;
  let sum = 0;
  const close = (end, height) => {
    rows.push({ start, boxes: rowBoxes(hits.slice(start, end), { y, height, width, gap }) });
    y += height + gap;
    start = end;
    sum = 0;
  };
  for (let place = 0; place < hits.length; place += 1) {
    const without = (width - gap * (place - start - 1)) / sum;
    sum += shape(hits[place]);
    const height = (width - gap * (place - start)) / sum;
    if (height > wanted) continue;
    if (place > start && without - wanted < wanted - height) {
      close(place, Math.round(without));
      sum = shape(hits[place]);
      if (width / sum <= wanted) close(place + 1, Math.round(width / sum));
    } else close(place + 1, Math.round(height));
  }
  if (complete && start < hits.length) close(hits.length, wanted);
  return { rows, height: Math.max(0, y - gap) };
}

/** The boxes of one row; what rounding leaves over goes to the last one of a full row. */
function rowBoxes(hits, { y, height, width, gap }) {
  let x = 0;
  const boxes = hits.map((hit) => {
    const box = { x, y, height, width: Math.round(shape(hit) * height) };
    x += box.width + gap;
    return box;
  });
  const left = width - (x - gap);
  if (Math.abs(left) < 2 * hits.length + 2) boxes.at(-1).width += left;
  return boxes;
}

/** The node of one hit, without its picture. */
function tile(hit) {
  const picture = make("img", { alt: hit.name, decoding: "async", className: "fading" });
  on(picture, "load", () => {
    picture.classList.remove("fading");
    picture.parentNode.classList.remove("broken");
  });
  on(picture, "error", () => {
    picture.parentNode.classList.add("broken");
    setTimeout(() => (picture.src += ""), RETRY_MS); // the server may only have been busy
  }, { once: true });
  const name = make("span", { className: "name", "aria-hidden": "true" }, hit.name);
  const link = make("a", { tabIndex: -1 }, picture, name);
  const label = `More like ${hit.name}`;
  const like = make("button", { type: "button", tabIndex: -1, className: "round", title: "More like this", "aria-label": label }, icon("similar"));
  const node = make("li", {}, link, like);
  node.dataset.id = hit.media_id;
  node.classList.toggle("offline", !hit.online);
  return node;
}

/** Load the picture in the size that its box needs; one that is large enough stays. */
function fill(node, hit, box, place) {
  const picture = node.firstChild.firstChild;
  const pixels = Math.max(box.width, box.height) * devicePixelRatio;
  if (pixels <= Number(picture.dataset.pixels)) return;
  picture.loading = place < EAGER ? "eager" : "lazy";
  picture.dataset.pixels = sizeFor(pixels);
  picture.src = thumbnail(hit, pixels);
}
