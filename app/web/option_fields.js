// The options of a fit in a form: those of every fit, and those of the inference, from their schema.

import { details, h } from "./elements.js";
import { labelled } from "./field.js";

/**
 * The options.
 *
 * `look()` gives those that differ from the defaults: `{seed?, draws?, tags?, inference?}`. `values()` does so, too,
 * and throws a SyntaxError after showing what is no number. `fields` has the controls by the pointer under which the
 * service speaks of them.
 */
export function optionFields(model, given, { onChange }) {
  const seed = labelled(
    "Seed",
    numberInput(0, given.seed),
    "The same seed gives the same draws. Drawn when left empty.",
  );
  const draws = labelled(
    "Posterior draws",
    numberInput(1, given.draws),
    "How many to store. The service's default when left empty.",
  );
  const tags = labelled(
    "Tags",
    h("input", { type: "text", value: (given.tags ?? []).join(", ") }),
    "Words to find the fit by, parted by commas.",
  );
  const inference = inferenceFields(model, given.inference ?? {});
  const fields = new Map([
    ["/seed", seed],
    ["/draws", draws],
    ["/tags", tags],
  ]);
  for (const [name, field] of inference) fields.set(`/inference/${name}`, field);
  const steps = inference.get("steps");
  const others = [...inference].filter(([name]) => name !== "steps").map(([, field]) => field.element);
  const element = h(
    "div",
    {},
    h("div", { class: "row" }, seed.element, draws.element, steps.element, tags.element),
    details("Options of the inference", h("div", { class: "row" }, others)),
  );
  for (const field of fields.values()) {
    field.control.addEventListener("input", () => {
      field.clear();
      onChange();
    });
  }

  function look() {
    const words = tags.control.value
      .split(",")
      .map((tag) => tag.trim())
      .filter((tag) => tag !== "");
    const changed = [...inference].filter(([, field]) => field.changed()).map(([name, field]) => [name, field.read()]);
    return {
      ...(seed.control.value === "" ? {} : { seed: Number(seed.control.value) }),
      ...(draws.control.value === "" ? {} : { draws: Number(draws.control.value) }),
      ...(words.length === 0 ? {} : { tags: words }),
      ...(changed.length === 0 ? {} : { inference: Object.fromEntries(changed) }),
    };
  }

  function values() {
    // The browser says that such a field is empty.
    const wrong = [...fields.values()].filter((field) => field.control.validity.badInput);
    for (const field of wrong) field.fail("This is not a number.");
    if (wrong.length > 0) throw new SyntaxError("Some of the options are not numbers.");
    return look();
  }

  return { element, fields, look, values };
}

function numberInput(min, value) {
  return h("input", { type: "number", min, step: 1, inputmode: "numeric", value: value ?? "" });
}

/** A field for each option that is a number, a choice or a switch; those that are objects are left to the API. */
function inferenceFields(model, given) {
  const found = new Map();
  for (const [name, schema] of Object.entries(model.options_schema.properties)) {
    const kinds = schema.anyOf ?? [schema];
    const kind = kinds.find((each) => each.type !== "null");
    if (kind.$ref !== undefined) continue;
    const usual = model.defaults[name] ?? schema.default;
    const value = given[name] === undefined ? usual : given[name];
    const control = controlFor(kind, value, kinds.length > 1);
    const field = labelled(name.replaceAll("_", " "), control, schema.description);
    const read = () => valueOf(kind, control);
    found.set(name, { ...field, read, changed: () => read() !== usual });
  }
  return found;
}

function controlFor(kind, value, optional) {
  if (kind.enum || kind.type === "boolean") {
    const choices = kind.enum ?? [true, false];
    const all = optional ? [null, ...choices] : choices;
    const words = { true: "yes", false: "no", null: "by default" };
    const options = all.map((each) => {
      const option = h("option", { value: JSON.stringify(each) }, words[each] ?? each.replaceAll("_", " "));
      option.selected = each === value;
      return option;
    });
    return h("select", {}, options);
  }
  const step = kind.type === "integer" ? 1 : "any";
  return h("input", {
    type: "number",
    step,
    min: kind.minimum,
    max: kind.maximum,
    value: value ?? "",
    placeholder: "by default",
  });
}

function valueOf(kind, control) {
  if (kind.enum || kind.type === "boolean") return JSON.parse(control.value);
  return control.value === "" ? null : Number(control.value);
}
