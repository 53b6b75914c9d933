/** The library's panel: what is indexed, and a job as it goes. */

import { call, jobEvents, tryCall } from "./api.js";
import { announce, byId, counted, digits, make, on } from "./dom.js";

const NOUNS = { pictures: "picture", captions: "caption" };

export class LibraryPanel {
  /** @param listener told of onStatus(status), onIndexed() */
  constructor(listener) {
    this.listener = listener;
    on("job-start", "click", () => this.#start());
    on("job-cancel", "click", () => this.#cancel());
    on("library", "toggle", (event) => {
      if (event.newState === "open") this.refresh();
    });
  }

  /** Bring the counts up to date, and follow a job that goes on. */
  async refresh() {
    const [status, known] = await Promise.all([tryCall("/status"), tryCall("/jobs")]);
    if (status) this.#showStatus(status);
    const running = known?.jobs.find((job) => !job.finished_at);
    if (running) this.#follow(running);
  }

  async #start() {
    try {
      this.#follow(await call("/jobs", { method: "POST" }));
    } catch (error) {
      if (error.status === 409) this.refresh(); // somebody else's: watch it
      else this.#finish(error.message);
    }
  }

  async #cancel() {
    byId("job-cancel").disabled = true;
    await call(`/jobs/${this.job}`, { method: "DELETE" }).catch((error) => this.#finish(error.message));
  }

  #follow(job) {
    if (this.events) return;
    this.job = job.job_id;
    byId("job-result").hidden = true;
    this.#running(true);
    this.#showProgress(job);
    this.events = jobEvents(job.job_id);
    on(this.events, "progress", (event) => this.#showProgress(JSON.parse(event.data)));
    on(this.events, "error", () => this.events?.readyState === 2 && this.#finish("")); // restarted
    on(this.events, "done", (event) => this.#done(JSON.parse(event.data)));
  }

  #showProgress(job) {
    const known = job.total > 0 && job.stage in NOUNS;
    for (const bar of [byId("job-bar"), byId("job-line")]) {
      if (known) bar.value = job.done / job.total;
      else bar.removeAttribute("value");
    }
    byId("job-text").textContent = this.#progressText(job, known);
  }

  #progressText(job, known) {
    if (job.state === "cancelling") return "Stopping…";
    if (job.task === "optimize") return "Optimizing…";
    if (job.stage === "model") return "Loading the model…";
    if (!known) return `Looking for changes… ${counted(job.found, "file")}`;
    return `${digits(job.done)} of ${counted(job.total, NOUNS[job.stage])}${this.#rate(job)}`;
  }

  /** " · 48 a second", once enough is done to say so. */
  #rate(job) {
    if (this.began?.stage !== job.stage) {
      this.began = { stage: job.stage, at: performance.now(), done: job.done };
    }
    const seconds = (performance.now() - this.began.at) / 1000;
    const rate = (job.done - this.began.done) / seconds;
    return seconds > 1 && rate > 0 ? ` · ${Math.round(rate)} a second` : "";
  }

  #done(job) {
    const result = resultText(job);
    this.#finish(result);
    announce(result);
    this.listener.onIndexed();
  }

  #finish(text) {
    this.events?.close();
    this.events = null;
    this.#running(false);
    byId("job-result").hidden = !text;
    byId("job-result").textContent = text;
  }

  #running(now) {
    byId("job").hidden = byId("job-line").hidden = byId("job-cancel").hidden = !now;
    byId("job-start").hidden = now;
    byId("job-cancel").disabled = false;
    byId("library-button").classList.toggle("busy", now);
  }

  #showStatus(status) {
    this.listener.onStatus(status);
    const captions = status.n_captions ? ` and ${counted(status.n_captions, "caption")}` : "";
    byId("library-counts").textContent = counted(status.n_files, "picture") + captions;
    byId("roots").replaceChildren(
      ...status.roots.map((root) =>
        make("li", { className: root.online ? "" : "offline" },
          make("span", {}, root.path),
          make("small", {}, root.online ? digits(root.n_files) : "offline")),
      ),
    );
    byId("job-start").disabled = !status.roots.length;
    byId("logout").hidden = !status.login;
    byId("failures").hidden = !status.n_failed;
    if (status.n_failed) this.#showFailures();
    byId("failures").firstElementChild.textContent = `${counted(status.n_failed, "file")} could not be read`;
  }

  async #showFailures() {
    const known = await tryCall("/failures");
    byId("failures").lastElementChild.replaceChildren(
      ...(known?.failures ?? []).map((one) => make("li", {}, make("span", {}, one.path), make("small", {}, one.reason))),
    );
  }
}

/** What a run did, in words. */
function resultText(job) {
  if (job.state === "failed") return job.error.detail;
  const end = job.state === "cancelled" ? "Cancelled; what was done is kept." : "Up to date.";
  const parts = ["added", "updated", "moved", "removed", "failed"]
    .filter((name) => job.summary?.[name])
    .map((name) => `${digits(job.summary[name])} ${name}`);
  return parts.length ? `${end} ${parts.join(", ")}.` : end;
}
