// Arrays as text that people type, and back.

/** Longer arrays are not put into a text field. */
const MOST_IN_A_FIELD = 4000;

/** How many numbers an array holds: a number, nested lists, or an encoded array. */
export function size(value) {
  if (Array.isArray(value)) return value.reduce((sum, each) => sum + size(each), 0);
  return isEncoded(value) ? value.shape.reduce((product, each) => product * each, 1) : 1;
}

/** Whether an array is given as `{dtype, shape, data_b64}`. */
export function isEncoded(value) {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

/** Whether a text field is a good place for an array. */
export function fitsInAField(value) {
  return !isEncoded(value) && size(value) <= MOST_IN_A_FIELD;
}

/** How a missing value is written; an empty place between two commas is one, too. */
const MISSING = "NA";

/** An array as text: numbers with commas, a row on each line. */
export function toText(value, rank) {
  const line = (row) => row.map((each) => each ?? MISSING).join(", ");
  if (rank === 0) return String(value ?? MISSING);
  if (rank === 1 && Array.isArray(value)) return line(value);
  if (rank === 2 && Array.isArray(value) && value.every(Array.isArray)) return value.map(line).join("\n");
  return JSON.stringify(value);
}

/** The names that a field takes in place of numbers. */
export function levelsOf(field) {
  return Array.isArray(field.levels) ? field.levels : [];
}

/**
 * The array that a text means: JSON, or numbers separated by commas, semicolons or space, a row on each line; null where
 * one is missing. Whether it may be is for the service to say. Some fields take the names of `levels` in place of numbers;
 * these are separated by commas or semicolons, since they may hold spaces.
 *
 * Throws a SyntaxError that says what is wrong.
 */
export function fromText(text, rank, levels = []) {
  const trimmed = text.trim();
  if (trimmed === "") throw new SyntaxError("Give some numbers.");
  if (/^[[{]/.test(trimmed)) {
    try {
      return JSON.parse(trimmed);
    } catch {
      throw new SyntaxError("This begins like JSON and is none; write numbers with commas, a row on each line.");
    }
  }
  if (rank === 0) return toValue(trimmed, levels);
  if (rank === 1) return values(trimmed, levels);
  if (rank === 2)
    return trimmed
      .split("\n")
      .filter((line) => line.trim() !== "")
      .map((line) => values(line, levels));
  throw new SyntaxError("Write this array as JSON: nested lists.");
}

/** Digits with a decimal point. */
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** A number, in digits with a decimal point; throws a SyntaxError for what is none. */
export function toNumber(text) {
  const value = NUMBER.test(text) ? Number(text) : Number.NaN;
  if (!Number.isFinite(value)) throw new SyntaxError(`“${text.slice(0, 40)}” is not a number.`);
  return value;
}

/** A number, the name of a level, or null for what is missing; throws a SyntaxError for what is none of these. */
function toValue(text, levels) {
  if (levels.includes(text)) return text;
  if (text === "" || text === MISSING) return null;
  if (levels.length > 0 && !NUMBER.test(text)) {
    throw new SyntaxError(`“${text.slice(0, 40)}” is not one of ${levels.join(", ")}.`);
  }
  return toNumber(text);
}

/** What stands between numbers: lines may be broken anywhere. */
const SEPARATOR = /[\s,;]+/g;

function values(text, levels) {
  const line = text.trim().replace(/\s*[,;]$/, "");
  if (levels.length > 0) return line.split(/\s*[,;]\s*|\s*\n\s*/).map((part) => toValue(part, levels));
  const kinds = new Set([...text.trim().matchAll(SEPARATOR)].map(([found]) => kindOf(found)));
  kinds.delete("\n");
  if (kinds.size > 1) {
    // "0,5; 1,3" and "1,300, 2,800" would be four numbers each.
    throw new SyntaxError(
      "Some numbers have a comma, a semicolon or space between them and some another of these: separate all in the " +
        "same way, and write decimals with a point and thousands without commas.",
    );
  }
  return line.split(/\s*[,;]\s*|\s+/).map((part) => toValue(part, levels));
}

/** A separator, the same for all that look alike: ";", ",", ", ", " " or the end of a line. */
function kindOf(separator) {
  if (separator.includes(";")) return ";";
  if (separator.includes("\n")) return "\n";
  if (separator.includes(",")) return separator.length > 1 ? ", " : ",";
  return " ";
}
