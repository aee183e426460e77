// Errors, shown where they belong.

import { Problem } from "./api.js";
import { h } from "./elements.js";

/** A problem as a paragraph that is read out; what is not a problem is a defect of this page, and is thrown on. */
export function problemNote(error, shown = error.errors) {
  if (!(error instanceof Problem)) throw error;
  const items = (shown ?? []).map(({ pointer, detail }) =>
    h("li", {}, pointer ? h("code", {}, pointer) : null, pointer ? ": " : "", detail),
  );
  return h(
    "div",
    { class: "problem", role: "alert" },
    h("p", {}, h("strong", {}, error.title || "Error"), " – ", error.message),
    items.length > 0 && !(items.length === 1 && error.message.includes(shown[0].detail)) ? h("ul", {}, items) : null,
    error.requestId ? h("p", { class: "small" }, `Request ${error.requestId}`) : null,
  );
}
