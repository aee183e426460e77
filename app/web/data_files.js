// Data from files: JSON as a fit takes it, and CSV whose columns are matched to the fields of a model.

import { levelsOf, toValue } from "./data_text.js";

/**
 * What a file says: `{data}` by field from JSON, `{columns}` from CSV, a Map from header to texts.
 *
 * Throws a SyntaxError that says what is wrong.
 */
export async function read(file, fields) {
  const text = (await file.text()).replace(/^\uFEFF/, "").trim();
  return /^[[{]/.test(text) ? { data: fromJson(text, fields) } : { columns: fromCsv(text) };
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

function fromCsv(text) {
  const [header, ...rows] = csvRows(text);
  if (header === undefined || rows.length === 0) {
    throw new SyntaxError("A CSV file has a line with the names of the columns, and rows of numbers below it.");
  }
  const uneven = rows.findIndex((row) => row.length !== header.length);
  if (uneven >= 0) {
    throw new SyntaxError(`Row ${uneven + 1} has ${rows[uneven].length} cells, the header ${header.length}.`);
  }
  if (new Set(header).size < header.length) throw new SyntaxError("Two columns have the same name.");
  return new Map(header.map((name, number) => [name, rows.map((row) => row[number])]));
}

/** Rows of cells (RFC 4180), parted by whichever of comma, semicolon and tab the first line has most of. */
export function csvRows(text) {
  const [first] = text.split("\n", 1);
  const parting = [",", ";", "\t"].reduce((a, b) => (first.split(b).length > first.split(a).length ? b : a));
  const rows = [[""]];
  let quoted = false;
  for (let i = 0; i < text.length; i += 1) {
    const sign = text[i];
    const row = rows.at(-1);
    if (quoted && sign === '"' && text[i + 1] === '"') {
      row[row.length - 1] += '"';
      i += 1;
    } else if (sign === '"') quoted = !quoted;
    else if (quoted) row[row.length - 1] += sign;
    else if (sign === parting) row.push("");
    else if (sign === "\n") rows.push([""]);
    else if (sign !== "\r") row[row.length - 1] += sign;
  }
  return rows.filter((row) => row.length > 1 || row[0].trim() !== "").map((row) => row.map((cell) => cell.trim()));
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

/** The array that columns make for a field: a number, a list, or rows. Empty cells at the end are left out. */
export function fromColumns(field, chosen, columns) {
  const lists = chosen.map((name) => valuesOf(name, columns.get(name), levelsOf(field)));
  if (field.shape.length === 0) return lists[0][0];
  if (field.shape.length === 1) return lists[0];
  if (new Set(lists.map((list) => list.length)).size > 1) {
    throw new SyntaxError("These columns have different numbers of values.");
  }
  return lists[0].map((_, row) => lists.map((list) => list[row]));
}

function valuesOf(name, cells, levels) {
  const end = cells.findLastIndex((cell) => cell !== "") + 1;
  return cells.slice(0, end).map((cell, row) => {
    try {
      return toValue(cell, levels);
    } catch (error) {
      throw new SyntaxError(`Column ${name}, row ${row + 1}: ${error.message}`, { cause: error });
    }
  });
}
