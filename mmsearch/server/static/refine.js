/** What is around the words: what to look for, the chips, and the filters. */

import { thumbnailOf, tryCall } from "./api.js";
import { byId, digits, icon, make, on } from "./dom.js";
import { NO_FILTERS, NO_PICTURE, canRerank, filterCount, hasPicture } from "./state.js";

export class Refine {
  /** @param change asks for changes of the state */
  constructor(change) {
    this.change = change;
    on("target", "change", (event) => change({ target: event.target.value }));
    on("rerank", "change", (event) => change({ rerank: event.target.checked ? "" : "0" }));
    this.#connectTerm();
    this.#connectFilters();
  }

  /** Bring all controls to a state. */
  show(state) {
    this.state = state;
    byId("target").querySelector(`[value=${CSS.escape(state.target)}]`).checked = true;
    byId("rerank").checked = state.rerank !== "0";
    byId("rerank").disabled = !canRerank(state);
    this.#showChips();
    this.#showFilters();
  }

  /** Offer what the index holds. */
  async loadFacets() {
    const facets = await tryCall("/facets");
    if (!facets) return;
    const folders = facets.folders.map(({ path, n_files }) =>
      make("option", { value: path }, `${shortPath(path)} (${digits(n_files)})`),
    );
    byId("under").replaceChildren(make("option", { value: "" }, "All folders"), ...folders);
    offer("formats", "checkbox", facets.formats.map((one) => [one.format, one.format, one.n_files]));
    offer("orientations", "radio", [
      ["", "Any"],
      ...facets.orientations.map((one) => [one.orientation, one.orientation, one.n_files]),
    ]);
    for (const id of ["taken-from", "taken-to"]) {
      byId(id).min = facets.first_date?.slice(0, 10) ?? "";
      byId(id).max = facets.last_date?.slice(0, 10) ?? "";
    }
    if (this.state) this.#showFilters();
  }

  #showChips() {
    const { state } = this;
    const chips = [];
    if (hasPicture(state)) chips.push(this.#pictureChip());
    for (const kind of ["plus", "minus"]) {
      state[kind].forEach((term, place) => chips.push(this.#termChip(kind, term, place)));
    }
    const list = byId("chips");
    const signature = chips.map((chip) => chip.dataset.is).join("\n");
    if (list.dataset.shown !== signature) list.replaceChildren(...chips);
    list.dataset.shown = signature;
    list.hidden = !chips.length;
  }

  #termChip(kind, term, place) {
    const others = () => this.state[kind].filter((_, other) => other !== place);
    const weigh = (weight) =>
      this.change({ [kind]: this.state[kind].with(place, { text: term.text, weight }) });
    const label = `${kind === "plus" ? "More" : "Less"} of ${term.text}`;
    return chip({
      className: kind,
      picture: icon(kind),
      label: term.text,
      name: label,
      weight: term.weight,
      weigh,
      remove: () => this.change({ [kind]: others() }),
    });
  }

  #pictureChip() {
    const { like, upload, q, plus, minus, pictureWeight } = this.state;
    const preview = like ? thumbnailOf(like) : sessionStorage.getItem(`upload ${upload}`);
    const mixed = q.trim() || plus.length || minus.length;
    return chip({
      className: "picture",
      picture: preview ? make("img", { src: preview, alt: "" }) : icon("picture"),
      label: like ? "Like this" : "Your picture",
      name: "The picture",
      weight: mixed ? pictureWeight : null,
      weigh: (weight) => this.change({ pictureWeight: weight }),
      remove: () => this.change(NO_PICTURE),
      key: like || upload,
    });
  }

  #connectTerm() {
    const form = byId("term");
    const text = byId("term-text");
    let opener;
    const open = (kind) => {
      opener = byId(`add-${kind}`);
      form.dataset.kind = kind;
      byId("term-sign").replaceChildren(icon(kind));
      byId("term-label").textContent = kind === "plus" ? "More of" : "Less of";
      text.placeholder = kind === "plus" ? "more of what?" : "less of what?";
      text.value = "";
      form.hidden = false;
      text.focus();
    };
    const close = () => {
      const { kind } = form.dataset;
      const words = text.value.trim();
      if (form.hidden) return;
      form.hidden = true;
      if (words) this.change({ [kind]: [...this.state[kind], { text: words, weight: 0.5 }] });
    };
    for (const kind of ["plus", "minus"]) on(`add-${kind}`, "click", () => open(kind));
    on(form, "submit", (event) => {
      event.preventDefault();
      close();
      opener.focus();
    });
    on(form, "focusout", close);
    on(form, "keydown", (event) => {
      if (event.key !== "Escape") return;
      text.value = "";
      event.stopPropagation();
      close();
      opener.focus();
    });
  }

  #connectFilters() {
    const button = byId("filters-button");
    const form = byId("filters");
    on(button, "click", () => {
      form.hidden = !form.hidden;
      button.setAttribute("aria-expanded", String(!form.hidden));
    });
    on(form, "submit", (event) => event.preventDefault());
    on(form, "reset", (event) => {
      event.preventDefault();
      this.change(NO_FILTERS);
    });
    on(form, "change", () => {
      const chosen = (id) => [...byId(id).querySelectorAll(":checked")].map((one) => one.value);
      this.change({
        under: byId("under").value,
        from: byId("taken-from").value,
        to: byId("taken-to").value,
        formats: chosen("formats"),
        orientation: chosen("orientations")[0] ?? "",
      });
    });
  }

  #showFilters() {
    const { state } = this;
    const under = byId("under");
    if (![...under.options].some((one) => one.value === state.under)) {
      under.append(make("option", { value: state.under }, shortPath(state.under)));
    }
    under.value = state.under;
    byId("taken-from").value = state.from;
    byId("taken-to").value = state.to;
    for (const box of byId("filters").querySelectorAll("[name]")) {
      box.checked = [...state.formats, state.orientation].includes(box.value);
    }
    const n = filterCount(state);
    byId("filters-count").hidden = !n;
    byId("filters-count").textContent = n;
    byId("filters-button").setAttribute("aria-label", n ? `Filters, ${n} in use` : "Filters");
    byId("clear-filters").hidden = !n;
  }
}

/** One part of the search with its weight, where it has one, and a button that takes it away. */
function chip({ className, picture, label, name, weight, weigh, remove, key = "" }) {
  const node = make("li", { className: `chip ${className}` }, picture, make("span", {}, label));
  node.dataset.is = [className, label, key, weight === null].join(" ");
  if (weight !== null) {
    const shown = make("output", {}, weight.toFixed(1));
    const slider = make("input", {
      type: "range", min: 0.1, max: 2, step: 0.1, value: weight, "aria-label": `Weight: ${name}`,
    });
    on(slider, "input", () => {
      shown.textContent = slider.valueAsNumber.toFixed(1);
      weigh(slider.valueAsNumber);
    });
    node.append(slider, shown);
  }
  const away = make("button", { type: "button", className: "round", "aria-label": `Remove: ${name}` });
  away.append(icon("close"));
  on(away, "click", () => {
    remove();
    byId("q").focus();
  });
  node.append(away);
  return node;
}

/** Choices of one filter, with how many pictures each has. */
function offer(id, type, choices) {
  const labels = choices.map(([value, label, n]) => {
    const box = make("input", { type, name: id, value });
    const text = make("span", {}, label);
    if (n !== undefined) text.append(" ", make("small", {}, digits(n)));
    return make("label", {}, box, text);
  });
  byId(id).replaceChildren(...labels);
}

/** The end of a long path, which tells folders apart. */
function shortPath(path) {
  const parts = path.split(/[\\/]/).filter(Boolean);
  return parts.length > 3 ? `… / ${parts.slice(-3).join(" / ")}` : path;
}
