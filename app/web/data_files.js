// Data from files: JSON as a fit takes it, and CSV whose columns are matched to the fields of a model.

import { Problem, send } from "./api.js";
import { levelsOf } from "./data_text.js";

/** Status of an answer to what cannot be read. */
const UNREADABLE = 422;

/**
 * What a file says: `{data}` by field from JSON; `{names, columnsOf, notes}` from CSV: the names of its columns, and for
 * each field's name a Map from these to `{values, problem, note}`, as columns of that field.
 *
 * CSV is read by the service, as the command line reads it. Throws a SyntaxError that says what is wrong with the file.
 */
export async function read(file, model, fields) {
  const text = (await file.text()).replace(/^\uFEFF/, "").trim();
  return /^[[{]/.test(text) ? { data: fromJson(text, fields) } : fromCsv(file, model, fields);
}

function fromJson(text, fields) {
  let value;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new SyntaxError(`This file is not JSON: ${error.message}`, { cause: error });
  }
  if (Array.isArray(value)) {
    const [first] = fields;
    if (fields.length !== 1) throw new SyntaxError(`This model has several fields: write {"${first.name}": …, …}.`);
    return { [fields[0].name]: value };
  }
  // A whole request, as the page and the command line make it, holds the data under this name.
  const isRequest = value.data !== null && typeof value.data === "object" && typeof value.model === "string";
  return isRequest ? value.data : value;
}

/** Fields that take the same values have their columns read once, for all of them. */
async function fromCsv(file, model, fields) {
  const kindOf = (field) => JSON.stringify([levelsOf(field), field.missing]);
  const tables = new Map();
  for (const field of fields) {
    if (!tables.has(kindOf(field))) tables.set(kindOf(field), await table(file, model, field));
  }
  const [{ names, notes }] = tables.values();
  return { names, notes, columnsOf: new Map(fields.map((field) => [field.name, tables.get(kindOf(field)).columns])) };
}

async function table(file, model, field) {
  const wanted = new URLSearchParams({ model: `${model.name}@${model.version}`, field: field.name });
  const sent = { method: "POST", body: file, headers: { "content-type": "text/csv" } };
  try {
    const answer = await send(`v1/tables?${wanted}`, sent);
    const { columns, notes } = await answer.json();
    return {
      names: columns.map((column) => column.name),
      columns: new Map(columns.map((column) => [column.name, column])),
      notes,
    };
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    const [first] = error.errors;
    throw new SyntaxError(error.status === UNREADABLE && first ? first.detail : error.message, { cause: error });
  }
}

/**
 * The columns that a field's name suggests: its own, or for a matrix `x.age, x.weight` as the command line has it, or
 * `x[0], x[1]`, `x_1, x_2`, `x1, x2`.
 */
export function suggested(field, names) {
  if (names.includes(field.name)) return [field.name];
  if (field.shape.length !== 2) return names.length === 1 ? names : [];
  const rests = new Map(
    names.filter((name) => name.startsWith(field.name)).map((name) => [name, name.slice(field.name.length)]),
  );
  const having = (pattern) => [...rests.keys()].filter((name) => pattern.test(rests.get(name)));
  const dotted = having(/^\./);
  return dotted.length > 0 ? dotted : having(/^[[_ ]?\d+\]?$/);
}

/** The array that columns make for a field: a number, a list, or rows. */
export function fromColumns(field, chosen, columns) {
  const lists = chosen.map((name) => valuesOf(columns.get(name)));
  if (field.shape.length === 0) return lists[0][0];
  if (field.shape.length === 1) return lists[0];
  if (new Set(lists.map((list) => list.length)).size > 1) {
    throw new SyntaxError("These columns have different numbers of values: complete their rows.");
  }
  return lists[0].map((_, row) => lists.map((list) => list[row]));
}

function valuesOf({ values, problem }) {
  if (values === null) throw new SyntaxError(problem);
  return values;
}
