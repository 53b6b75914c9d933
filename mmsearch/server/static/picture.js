/** A picture as the question: dropped, pasted or chosen. */

import { call } from "./api.js";
import { byId, make, on, toast } from "./dom.js";

const PREVIEW = 96;

export class PictureQuestion {
  /** @param onUpload told of the upload's id */
  constructor(onUpload) {
    this.onUpload = onUpload;
    this.#connectDrop();
    on(window, "paste", (event) => this.#take(event, event.clipboardData.files));
    on("pick", "click", () => byId("file").click());
    on("file", "change", (event) => {
      this.#upload(event.target.files[0]);
      event.target.value = "";
    });
  }

  #connectDrop() {
    const sheet = byId("drop");
    const isOurs = (event) => event.dataTransfer.types.includes("Files") && !this.dragging;
    on(window, "dragstart", () => (this.dragging = true)); // a picture of the page itself
    on(window, "dragend", () => (this.dragging = false));
    on(window, "dragover", (event) => {
      if (!isOurs(event)) return;
      event.preventDefault();
      sheet.hidden = false;
    });
    on(window, "dragleave", (event) => {
      if (!event.relatedTarget) sheet.hidden = true;
    });
    on(window, "drop", (event) => {
      sheet.hidden = true;
      if (!isOurs(event)) return;
      event.preventDefault();
      this.#take(event, event.dataTransfer.files);
    });
  }

  #take(event, files) {
    const picture = [...files].find((file) => file.type.startsWith("image/")) ?? files[0];
    if (!picture) return;
    event.preventDefault();
    this.#upload(picture);
  }

  async #upload(file) {
    const pick = byId("pick");
    pick.classList.add("busy");
    try {
      const [answer, small] = await Promise.all([
        call("/uploads", {
          method: "POST",
          body: file,
          headers: { "Content-Type": file.type || "application/octet-stream" },
        }),
        preview(file),
      ]);
      remember(answer.upload_id, small);
      this.onUpload(answer.upload_id);
    } catch (error) {
      toast(error.status === 413 ? "That picture is too large to search with." : error.message);
    } finally {
      pick.classList.remove("busy");
    }
  }
}

/** A small copy of a picture as a data address; empty where the browser cannot show it. */
async function preview(file) {
  const bitmap = await createImageBitmap(file).catch(() => null);
  if (!bitmap) return "";
  const scale = PREVIEW / Math.max(bitmap.width, bitmap.height);
  const canvas = make("canvas", {
    width: Math.max(1, Math.round(bitmap.width * scale)),
    height: Math.max(1, Math.round(bitmap.height * scale)),
  });
  canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return canvas.toDataURL("image/jpeg", 0.8);
}

/** Keep the small copy for this tab: the server keeps no picture, and a reload should show it. */
function remember(id, small) {
  try {
    sessionStorage.setItem(`upload ${id}`, small);
  } catch {
    sessionStorage.clear(); // full: the newest is worth more than all the older ones
  }
}
