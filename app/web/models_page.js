// The models that can be fitted.

import { get } from "./api.js";
import { fill, h, prose } from "./elements.js";

export async function modelsPage(place, { signal }) {
  const { items } = await get("v1/models", { signal });
  fill(
    place,
    h("h1", {}, "Models"),
    h("p", { class: "lead" }, "Choose a model, give it your data or the example, and read back what it has learnt."),
    h("ul", { class: "cards" }, items.map(card)),
  );
}

function card(model) {
  return h(
    "li",
    {},
    h("h2", {}, h("a", { href: `#/models/${encodeURIComponent(model.name)}` }, model.title)),
    h("p", { class: "small" }, h("code", {}, model.name)),
    h("p", { class: "about" }, prose(model.description)),
    h(
      "p",
      { class: "small" },
      "Learns ",
      listed(model.latents),
      " from ",
      listed([...model.observed, ...model.inputs]),
    ),
  );
}

function listed(names) {
  return names.map((name, number) => [number > 0 ? ", " : "", h("code", {}, name)]);
}
