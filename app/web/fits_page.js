// The fits there are, latest first.

import { get } from "./api.js";
import { fill, h, table } from "./elements.js";
import { problemNote } from "./problems.js";
import { moment, percent } from "./words.js";

const STATUSES = ["queued", "running", "succeeded", "failed", "cancelled"];

export async function fitsPage(place, { signal }) {
  const status = h(
    "select",
    { id: "status" },
    h("option", { value: "" }, "any"),
    STATUSES.map((each) => h("option", { value: each }, each)),
  );
  const list = h("div", {});
  const filter = h("p", { class: "filter" }, h("label", { for: "status" }, "Status "), status);
  status.addEventListener("change", () => show(list, status.value, signal));
  fill(place, h("h1", {}, "Fits"), filter, list);
  await show(list, status.value, signal);
}

/** The first page of fits, and a button for the next. */
async function show(list, status, signal) {
  const found = [];
  const more = h("button", { type: "button" }, "More");
  let cursor = null;

  async function next() {
    const query = new URLSearchParams({ ...(status ? { status } : {}), ...(cursor ? { cursor } : {}) });
    const page = await get(`v1/fits?${query}`, { signal });
    found.push(...page.items);
    cursor = page.next_cursor;
    if (found.length === 0 && cursor === null) fill(list, h("p", { class: "muted" }, "There are none."));
    else
      fill(
        list,
        table("Fits, latest first", ["Fit", "Model", "Status", "Made", "Tags"], found.map(row)),
        cursor === null ? null : more,
      );
  }

  more.addEventListener("click", async () => {
    try {
      await next();
    } catch (error) {
      fill(list, problemNote(error));
    }
  });
  await next();
}

function row(fit) {
  const { progress } = fit;
  const far = fit.status === "running" && progress ? ` (${percent(progress.step / progress.total)})` : "";
  return [
    h("a", { href: `#/fits/${fit.id}`, "aria-label": `Fit ${fit.id}` }, fit.id.slice(-8)),
    h("a", { href: `#/models/${encodeURIComponent(fit.model)}` }, fit.model),
    h("span", { class: `status ${fit.status}` }, `${fit.status}${far}`),
    moment(fit.created_at),
    fit.tags.join(", "),
  ];
}
