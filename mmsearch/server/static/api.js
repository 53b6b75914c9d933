/** The server's REST interface. */

const ROOT = "/api/v1";

/** A refusal; `status` 0: no answer at all. `kind` names the server's error, if it has a name. */
export class ApiError extends Error {
  constructor(status, { detail, type = "" }, retryAfter = 0) {
    super(detail);
    this.status = status;
    this.kind = type.replace("urn:mmsearch:", "");
    this.retryAfter = retryAfter;
  }
}

/**
 * The JSON answer to one request.
 *
 * @param {string} path below the interface's root
 * @param {RequestInit} options of fetch
 * @throws {ApiError} on every answer that is a problem; an aborted request throws AbortError.
 */
export async function call(path, options = {}) {
  let response;
  try {
    response = await fetch(ROOT + path, { headers: { Accept: "application/json" }, ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, { detail: "The server is not answering." });
  }
  if (response.status === 401) {
    location.assign("/login?next=" + encodeURIComponent(location.pathname + location.search));
    return new Promise(() => {}); // the page is on its way out
  }
  const body = await response.json().catch(() => null);
  if (!response.ok) {
    const wait = Number(response.headers.get("Retry-After")) || 1;
    throw new ApiError(response.status, body ?? { detail: `Error ${response.status}` }, wait);
  }
  return body;
}

/** The answer, or null: for what the page can do without. */
export async function tryCall(path) {
  try {
    return await call(path);
  } catch (error) {
    if (error instanceof ApiError) return null;
    throw error;
  }
}

/** The smallest of the server's thumbnail sizes that fills `pixels`. */
export const sizeFor = (pixels) => [160, 320, 640].find((one) => one >= pixels) ?? 1280;

/** A picture's thumbnail for so many pixels. */
export const thumbnail = (hit, pixels) =>
  hit.thumbnail.replace(/size=\d+/, `size=${sizeFor(pixels)}`);

/** The address of a picture's file. */
export const original = (id) => `${ROOT}/media/${id}/original?download=1`;

/** The address of a picture's thumbnail when only its id is known. */
export const thumbnailOf = (id) => `${ROOT}/media/${id}/thumbnail?size=160`;

/** Server-sent events of an indexing job. */
export const jobEvents = (id) => new EventSource(`${ROOT}/jobs/${id}/events`);
