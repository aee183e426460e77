// One model: what it is, what it wants, and a form that starts a fit.

import { get } from "./api.js";
import { details, fill, h, prose, table } from "./elements.js";
import { fitForm } from "./fit_form.js";
import { decoded } from "./stored_data.js";
import { shape } from "./words.js";

const SUPPORTS = {
  real: "any",
  positive: "above 0",
  nonnegative: "0 or above",
  unit_interval: "0 to 1",
  boolean: "0 or 1",
};

export async function modelPage(place, { parts: [name], query, signal }) {
  const model = await get(`v1/models/${encodeURIComponent(name)}`, { signal });
  const given = await startingPoint(model, query.get("from"), signal);
  fill(
    place,
    h("h1", {}, model.title),
    h("p", { class: "small" }, h("code", {}, `${model.name}@${model.version}`)),
    h("p", { class: "lead" }, prose(model.description)),
    h("h2", {}, "What it wants"),
    dataTable(model),
    h("h2", {}, "What it learns"),
    latentTable(model),
    model.references.length > 0
      ? details(
          "References",
          h(
            "ul",
            {},
            model.references.map((each) => h("li", {}, each)),
          ),
        )
      : null,
    details(
      "Schemas",
      h("pre", { tabindex: "0" }, JSON.stringify(model.data_schema, null, 2)),
      h("pre", { tabindex: "0" }, JSON.stringify(model.options_schema, null, 2)),
    ),
    h("h2", { id: "start" }, "Start a fit"),
    fitForm(model, given),
  );
}

/** The request to begin with: the example, or that of an earlier fit. */
async function startingPoint(model, fitId, signal) {
  if (fitId === null) return { data: model.example.data, isExample: true };
  const path = `v1/fits/${encodeURIComponent(fitId)}`;
  const [fit, stored] = await Promise.all([get(path, { signal }), get(`${path}/data`, { signal })]);
  return { data: decoded(stored.data), seed: fit.seed, draws: fit.draws, inference: fit.inference, tags: fit.tags };
}

function dataTable(model) {
  const rows = [
    ...model.observed.map((field) => [field, "observed"]),
    ...model.inputs.map((field) => [field, "given"]),
  ];
  return table(
    "Data",
    ["Name", "What", "Shape", "Numbers", "Unit", "Role"],
    rows.map(([field, role]) => [
      h("code", {}, field.name),
      field.description,
      shape(field.shape),
      numbers(field),
      field.unit || "–",
      role,
    ]),
  );
}

/** Which numbers a field takes, in a few words. */
function numbers(field) {
  if (Array.isArray(field.levels)) return `${field.levels.join(", ")} (or ${field.minimum} to ${field.maximum})`;
  const whole = field.dtype === "int" ? "whole, " : "";
  if (field.levels !== null) return `${whole}${field.minimum} to ${field.maximum}`;
  const least = field.minimum === null ? "" : `, ${field.minimum} or above`;
  const most = field.maximum === null ? "" : `, ${field.maximum} or below`;
  const origin = field.origin === 0 ? "" : `, less ${field.origin}`;
  return `${whole}${SUPPORTS[field.support] ?? field.support}${origin}${least}${most}`;
}

function latentTable(model) {
  const rows = [
    ...model.latents.map((each) => [each, "latent"]),
    ...model.deterministics.map((each) => [each, "computed from others"]),
  ];
  return table(
    "Latent variables",
    ["Name", "Shape", "Numbers", "Belongs to", "Kind"],
    rows.map(([variable, kind]) => [
      h("code", {}, variable.name),
      shape(variable.shape),
      variable.support ?? "–",
      variable.scope === "local" ? "each data point" : "all data",
      kind,
    ]),
  );
}
