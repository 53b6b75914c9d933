/** Asks the server, one question at a time: a newer question makes an older one's answer void. */

import { ApiError, call } from "./api.js";
import { isAsking, toQuestion, wantsRerank } from "./state.js";

const PAUSE_MS = 60; // after a letter: skips most of a word, feels live
const REST_MS = 150; // after an answer: now reranking is worth its time
const MAX_WAIT_S = 8;
const MAX_PAGE = 200; // the server's limit

/** Where nothing is asked, a bit of everything is shown. */
const LOOKS = ["a smiling person", "an animal", "a wide landscape", "food", "a vehicle", "a flower"];

export class Search {
  /** @param listener told of onAnswer(answer, isFirstPage), onError(error), onBusy(isBusy) */
  constructor(listener) {
    this.listener = listener;
    this.question = "";
    this.next = null;
    this.failures = 0;
    this.reranks = false; // whether the server has a reranker
  }

  /** Ask soon, first without reranking: a later call within the pause takes this one's place. */
  askSoon(state) {
    clearTimeout(this.timer);
    this.closer = null; // else it would come after what is typed now
    this.timer = setTimeout(() => {
      this.ask({ ...state, rerank: "0" });
      if (this.reranks && wantsRerank(state)) this.closer = state;
    }, PAUSE_MS);
  }

  /** Ask now, for the first `k` hits or what fills the window. */
  ask(state, k = 0) {
    this.#stop();
    this.state = state;
    this.closer = null; // what is asked once this is answered
    this.question = toQuestion(state);
    this.next = 0;
    this.#fetch(Math.min(Math.max(k, firstPageSize()), MAX_PAGE));
  }

  /** Ask for the following page, if there is one and none is on its way. */
  more() {
    if (this.next !== null && !this.running) this.#fetch(60);
  }

  #stop() {
    clearTimeout(this.timer);
    clearTimeout(this.retry);
    this.running?.abort();
    this.running = null;
  }

  async #fetch(k) {
    const mine = new AbortController();
    const first = this.next === 0;
    this.running = mine;
    this.listener.onBusy(true);
    try {
      const answer = await this.#answer(k, mine.signal);
      if (this.running !== mine) return;
      this.running = null;
      this.failures = 0;
      this.next = answer.next_offset;
      this.listener.onBusy(false);
      this.listener.onAnswer(answer, first);
      this.shown = answer.hits.length + (first ? 0 : this.shown);
      if (this.closer) this.timer = setTimeout(() => this.ask(this.closer, this.shown), REST_MS);
    } catch (error) {
      if (this.running === mine) this.#fail(error, k);
    }
  }

  /** The server's answer; where nothing is asked, several ones laid into each other. */
  async #answer(k, signal) {
    const ask = (extra, n) =>
      call(`/search?${this.question}${extra}&k=${n}&offset=${this.next}`, { signal });
    if (isAsking(this.state)) return ask("", k);
    const n = Math.ceil(k / LOOKS.length);
    const looks = LOOKS.map((words) => ask(`&q=${encodeURIComponent(words)}`, n));
    const answers = await Promise.all(looks);
    const hits = answers[0].hits.flatMap((_, place) => answers.map((one) => one.hits[place]));
    const ids = new Map(hits.map((hit) => [hit.caption_id ?? hit.media_id, hit]));
    return { ...answers[0], hits: [...ids.values()] };
  }

  /** Tell of an error; what may pass by itself is tried again, ever more slowly. */
  #fail(error, k) {
    this.running = null;
    this.listener.onBusy(false);
    if (!(error instanceof ApiError)) throw error;
    if ([0, 409, 429, 503].includes(error.status)) {
      this.failures += 1;
      const wait = Math.max(error.retryAfter, Math.min(2 ** this.failures / 2, MAX_WAIT_S));
      this.retry = setTimeout(() => this.#fetch(k), wait * 1000);
    }
    if (error.status !== 429) this.listener.onError(error);
  }
}

/** Enough pictures to fill the window, and a little more. */
function firstPageSize() {
  const pictures = (innerWidth * innerHeight) / 45000;
  return Math.round(Math.min(Math.max(pictures * 1.3, 24), 100));
}
