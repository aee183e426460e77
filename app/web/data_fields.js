// The data of a fit in a form: a text field for each array, filled by hand or from a file.

import { fromColumns, read, suggested } from "./data_files.js";
import { fitsInAField, fromText, levelsOf, size, toText } from "./data_text.js";
import { announce, fill, h, newId } from "./elements.js";
import { labelled } from "./field.js";
import { count, shape } from "./words.js";

/**
 * The fields of a model's data.
 *
 * `values()` gives the arrays by name; it shows what is wrong with any and throws a SyntaxError. `look()` gives them
 * without a word, null where something is wrong. `onChange` is called when something is typed or chosen. `show(data)`
 * fills them with data to begin with: once the user's own come from a file, what is left of those goes.
 */
export function dataFields(model, { onChange }) {
  const known = [...model.observed, ...model.inputs];
  const fields = new Map(known.map((field) => [field.name, arrayField(field, onChange)]));
  const columns = h("div", {});

  function show(data) {
    for (const [name, field] of fields) if (name in data) field.lend(data[name]);
    onChange();
  }

  function put(data) {
    for (const [name, field] of fields) {
      if (name in data) field.set(data[name]);
      else field.giveBack(`The file has no ${name}.`);
    }
    onChange();
  }

  return {
    element: h(
      "div",
      {},
      filePicker(take),
      columns,
      [...fields.values()].map((field) => field.element),
    ),
    fields,
    show,
    take,
    values() {
      const found = [...fields].map(([name, field]) => [name, field.attempt(field.value)]);
      if (found.some(([, value]) => value === undefined)) throw new SyntaxError("Some of the data are not numbers.");
      return Object.fromEntries(found);
    },
    look() {
      try {
        return Object.fromEntries([...fields].map(([name, field]) => [name, field.value()]));
      } catch (error) {
        if (!(error instanceof SyntaxError)) throw error;
        return null;
      }
    },
  };

  /** Fill the fields from a file. Throws a SyntaxError that says what is wrong with it. */
  async function take(file) {
    const found = await read(file, model, known);
    fill(columns);
    if (found.columnsOf) fill(columns, columnPicker(known, found, fields, onChange));
    else put(checked(found.data, fields));
    announce(`${file.name} was read.`);
  }
}

function checked(data, fields) {
  const matching = Object.keys(data).filter((name) => fields.has(name));
  if (matching.length === 0) {
    throw new SyntaxError(`This file has none of the model's fields: ${[...fields.keys()].join(", ")}.`);
  }
  return data;
}

function filePicker(take) {
  const file = labelled(
    "Data from a file",
    h("input", { type: "file", accept: ".csv,.tsv,.txt,.json,text/csv,application/json" }),
    "CSV with names in its first line, or JSON. You can also drop a file anywhere on this form.",
  );
  // So that the same file, mended, can be chosen again.
  file.control.addEventListener("click", () => (file.control.value = ""));
  file.control.addEventListener("change", async () => {
    file.clear();
    try {
      if (file.control.files.length > 0) await take(file.control.files[0]);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      file.fail(error.message);
    }
  });
  take.failed = file.fail;
  return file.element;
}

/** Which columns of a file are which field, and what is to be known of how they were read. */
function columnPicker(known, { names, columnsOf, notes }, fields, onChange) {
  const remarks = h("ul", { class: "small" });
  const chosenFor = new Map();
  const remark = () => {
    const own = [...chosenFor].flatMap(([field, chosen]) => chosen.map((name) => columnsOf.get(field).get(name).note));
    const words = [...new Set([...notes, ...own])].filter((note) => note !== "");
    fill(
      remarks,
      words.map((note) => h("li", {}, note)),
    );
    remarks.hidden = words.length === 0;
  };
  const rows = known.map((field) => {
    const label = `Columns for ${field.name}`;
    const boxes = names.map((name) => {
      const box = h("input", { type: "checkbox", id: newId("column"), value: name });
      box.checked = suggested(field, names).includes(name);
      return box;
    });
    const array = fields.get(field.name);
    const apply = () => {
      const chosen = boxes.filter((box) => box.checked).map((box) => box.value);
      chosenFor.set(field.name, chosen);
      remark();
      const value = chosen.length > 0 ? array.attempt(() => fromColumns(field, chosen, columnsOf.get(field.name))) : undefined;
      if (value !== undefined) array.set(value);
      else if (chosen.length === 0) array.giveBack(`No column of the file is chosen for ${field.name}.`);
      onChange();
    };
    for (const box of boxes) box.addEventListener("change", apply);
    apply();
    const choices = boxes.map((box) => h("span", { class: "choice" }, box, h("label", { for: box.id }, box.value)));
    return h("fieldset", {}, h("legend", {}, label), choices);
  });
  return h("div", { class: "columns" }, rows, remarks);
}

/** One array. What is too long for a text field is held beside it. */
function arrayField(field, onChange) {
  const rank = field.shape.length;
  const what = field.description ? `${field.description}: ` : "";
  const names = levelsOf(field);
  const levels = names.length > 0 ? `, each one of ${names.join(", ")}` : "";
  const about = `${what}${shape(field.shape)}${field.unit ? `, in ${field.unit}` : ""}${levels}`;
  const text = h("textarea", { rows: rank === 2 ? 5 : rank === 0 ? 1 : 2, spellcheck: "false", autocapitalize: "off" });
  const place = labelled(field.name, text, about);
  let held;
  let lent = false;
  text.addEventListener("input", () => {
    lent = false;
    place.clear();
    onChange();
  });

  function set(value) {
    lent = false;
    place.clear();
    held = fitsInAField(value) ? undefined : value;
    text.readOnly = held !== undefined;
    text.value = held === undefined ? toText(value, rank) : `${count(size(value), "number")}, too many to show`;
  }

  return {
    ...place,
    set,
    /** Set what is not the user's own. */
    lend(value) {
      set(value);
      lent = true;
    },
    /** Empty it and say why, unless what it holds is the user's own. */
    giveBack(why) {
      if (!lent) return;
      set([]);
      text.value = "";
      place.fail(why);
    },
    /** The array; throws a SyntaxError that says why there is none. */
    value: () => (held === undefined ? fromText(text.value, rank, names) : held),
    /** What a function gives; undefined after showing the SyntaxError that it threw. */
    attempt(make) {
      try {
        return make();
      } catch (error) {
        if (!(error instanceof SyntaxError)) throw error;
        place.fail(error.message);
        return undefined;
      }
    },
  };
}
