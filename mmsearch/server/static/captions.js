/** Captions as results: the words first, their picture beside them. */

import { thumbnail } from "./api.js";
import { make, movedBadge, on } from "./dom.js";

export class Captions {
  /** @param listener as the grid's */
  constructor(list, listener) {
    this.list = list;
    this.listener = listener;
  }

  /** Show other captions. */
  replace(hits) {
    this.list.replaceChildren(...hits.map((hit) => this.#card(hit)));
  }

  /** Show further captions below. */
  append(hits) {
    this.list.append(...hits.map((hit) => this.#card(hit)));
  }

  /** Move the focus to the first caption that leads to a picture. */
  focusFirst() {
    this.list.querySelector("a")?.focus();
  }

  #card(hit) {
    const { caption, media } = hit;
    const words = make("p", {}, caption);
    if (!media) return make("li", {}, make("div", { className: "card" }, words, movedBadge(hit)));
    const picture = make("img", { src: thumbnail(media, 160), alt: "", loading: "lazy" });
    const link = make("a", { className: "card", href: this.listener.addressOf(media) });
    link.append(picture, make("div", {}, words, make("small", {}, media.name)), movedBadge(hit));
    on(link, "click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      this.listener.onOpen(media);
    });
    return make("li", {}, link);
  }
}
