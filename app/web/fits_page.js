// The fits there are, latest first, as they stand.

import { get } from "./api.js";
import { fill, h } from "./elements.js";
import { fitsTable } from "./fits_table.js";
import { problemNote } from "./problems.js";
import { lookAgain } from "./repeating.js";

const STATUSES = ["queued", "running", "succeeded", "failed", "cancelled"];
/** Most fits that the service gives at once. */
const MOST = 100;

export async function fitsPage(place, { signal }) {
  const status = h(
    "select",
    { id: "status" },
    h("option", { value: "" }, "any"),
    STATUSES.map((each) => h("option", { value: each }, each)),
  );
  const list = h("div", {});
  const filter = h("p", { class: "filter" }, h("label", { for: "status" }, "Status "), status);
  let chosen = new AbortController();
  signal.addEventListener("abort", () => chosen.abort());
  status.addEventListener("change", async () => {
    chosen.abort();
    chosen = new AbortController();
    const { signal: mine } = chosen;
    try {
      await show(list, status.value, mine);
    } catch (error) {
      if (!mine.aborted) fill(list, problemNote(error));
    }
  });
  fill(place, h("h1", {}, "Fits"), filter, list);
  await show(list, status.value, chosen.signal);
}

/** The first page of fits, and a button for the next; all that are shown are kept as they stand until the signal. */
async function show(list, status, signal) {
  const fits = fitsTable();
  const none = h("p", { class: "muted" }, "There are none.");
  const more = h("button", { type: "button", onclick: () => tried(next) }, "More");
  const trouble = h("div", {});
  let found = [];
  // Behind which fit the next page begins: down to it the fits are shown; null when there are no more.
  let reach = null;

  function page(cursor, limit) {
    const query = new URLSearchParams({ ...(status ? { status } : {}), ...(cursor ? { cursor } : {}), ...limit });
    return get(`v1/fits?${query}`, { signal });
  }

  async function next() {
    const { items, next_cursor: cursor } = await page(reach, {});
    found = [...found, ...items];
    reach = cursor;
    draw();
  }

  /** Where all fits stand that are shown, and those that were added. */
  async function look() {
    const all = [];
    let cursor = null;
    do {
      const { items, next_cursor: further } = await page(cursor, { limit: MOST });
      all.push(...items);
      cursor = further;
    } while (cursor !== null && (reach === null || cursor > reach));
    // Ids grow with time.
    found = all.filter((fit) => reach === null || fit.id >= reach);
    draw();
  }

  function draw() {
    fill(trouble);
    fits.show(found);
    none.hidden = found.length > 0 || reach !== null;
    more.hidden = reach === null;
  }

  // One at a time: what a look asked for before there was more would take the rest away again.
  let turn = Promise.resolve();
  const inTurn = (work) => (turn = turn.then(work, work));

  async function tried(work) {
    try {
      await inTurn(work);
    } catch (error) {
      if (!signal.aborted) fill(trouble, problemNote(error));
    }
  }

  await next();
  fill(list, fits.element, none, more, trouble);
  // Refused for good, such as to one who has logged out: the list stays as it was, and says so.
  const onTrouble = (error) => fill(trouble, problemNote(error));
  lookAgain(() => inTurn(look), { signal, onTrouble }).catch(onTrouble);
}
