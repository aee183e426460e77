// A table of fits that changes where the fits have changed, and stays as it is elsewhere.

import { h, table, tableRow } from "./elements.js";
import { moment, percent } from "./words.js";

/** The table, empty; `show` has it show some fits, in their order. */
export function fitsTable() {
  const element = table("Fits, latest first", ["Fit", "Model", "Status", "Made", "Tags"], []);
  const body = element.querySelector("tbody");
  const rows = new Map();

  function show(fits) {
    const wanted = new Set(fits.map((fit) => fit.id));
    for (const [id, row] of rows) {
      if (wanted.has(id)) continue;
      // Who is at a row that goes stays at the table, and does not begin the page anew.
      if (row.element.contains(document.activeElement)) element.focus();
      row.element.remove();
      rows.delete(id);
    }
    // Rows keep their order, so that each new one is put before the next that is there: none is ever moved.
    let next = null;
    for (const fit of fits.toReversed()) {
      if (!rows.has(fit.id)) {
        rows.set(fit.id, fitRow(fit));
        body.insertBefore(rows.get(fit.id).element, next);
      }
      rows.get(fit.id).show(fit);
      next = rows.get(fit.id).element;
    }
  }

  return { element, show };
}

/** The row of a fit. Only where the fit stands can change. */
function fitRow(fit) {
  const status = h("span", {});
  const element = tableRow([
    h("a", { href: `#/fits/${fit.id}`, "aria-label": `Fit ${fit.id}` }, fit.id.slice(-8)),
    h("a", { href: `#/models/${encodeURIComponent(fit.model)}` }, fit.model),
    status,
    moment(fit.created_at),
    fit.tags.join(", "),
  ]);

  function show({ status: now, progress }) {
    const far = now === "running" && progress ? ` (${percent(progress.step / progress.total)})` : "";
    if (status.textContent === now + far) return;
    status.className = `status ${now}`;
    status.textContent = now + far;
  }

  return { element, show };
}
