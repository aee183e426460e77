// Results as files, in every form that the service gives.

import { send } from "./api.js";
import { announce, fill, h } from "./elements.js";
import { problemNote } from "./problems.js";
import { askingAnyway, notConverged } from "./unconverged.js";

const FORMS = [
  ["JSON", "application/json", "json"],
  ["npz", "application/x-npz", "npz"],
  ["Arrow", "application/vnd.apache.arrow.stream", "arrows"],
  ["NetCDF", "application/x-netcdf", "nc"],
];

/** What has draws in it, or figures of them. */
const DRAWN = ["posterior", "posterior-predictive", "summary"];

/** Have the browser keep a file. */
export function save(name, blob) {
  const address = URL.createObjectURL(blob);
  h("a", { href: address, download: name }).click();
  // The browser has taken the address up by then.
  setTimeout(() => URL.revokeObjectURL(address), 60000);
}

/** Buttons that save what a fit has found. */
export function downloads(fit) {
  const { id } = fit;
  const query = new URLSearchParams(askingAnyway(fit)).toString();
  const state = h("div", { "aria-live": "polite" });
  const one = (label, what, accept, suffix) => {
    const asked = DRAWN.includes(what);
    const name = `${id}-${what}${asked && notConverged(fit) ? "-unconverged" : ""}.${suffix}`;
    const path = `v1/fits/${id}/${what}${asked && query ? `?${query}` : ""}`;
    return h(
      "button",
      { type: "button", onclick: () => download({ path, accept, name, state }), "aria-label": `Save ${name}` },
      label,
    );
  };
  const group = (title, path) =>
    h(
      "div",
      { class: "downloads", role: "group", "aria-label": title },
      h("span", {}, title),
      FORMS.map(([label, accept, suffix]) => one(label, path, accept, suffix)),
    );
  const single = ["summary", "diagnostics", "losses", "data"].map((what) =>
    one(what, what, "application/json", "json"),
  );
  return h(
    "div",
    {},
    group("Posterior draws", "posterior"),
    group("Predictive draws", "posterior-predictive"),
    h("div", { class: "downloads", role: "group", "aria-label": "As JSON" }, h("span", {}, "As JSON"), single),
    state,
  );
}

async function download({ path, accept, name, state }) {
  fill(state, h("p", { class: "muted" }, `Fetching ${name} …`));
  try {
    const answer = await send(path, { accept });
    save(name, await answer.blob());
    fill(state);
    announce(`${name} was saved.`);
  } catch (error) {
    fill(state, problemNote(error));
  }
}
