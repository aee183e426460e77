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

/**
 * The array that a text means: JSON, or numbers parted by commas or space, a row on each line; null where one is
 * missing. Whether it may be is for the service to say.
 *
 * Throws a SyntaxError that says what is wrong.
 */
export function fromText(text, rank) {
  const trimmed = text.trim();
  if (trimmed === "") throw new SyntaxError("Give some numbers.");
  if (/^[[{]/.test(trimmed)) {
    try {
      return JSON.parse(trimmed);
    } catch {
      throw new SyntaxError("This begins like JSON and is none; write numbers with commas, a row on each line.");
    }
  }
  if (rank === 0) return toDatum(trimmed);
  if (rank === 1) return numbers(trimmed);
  if (rank === 2)
    return trimmed
      .split("\n")
      .filter((line) => line.trim() !== "")
      .map(numbers);
  throw new SyntaxError("Write this array as JSON: nested lists.");
}

/** A number, in digits with a decimal point; throws a SyntaxError for what is none. */
export function toNumber(text) {
  const value = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
  if (!Number.isFinite(value)) throw new SyntaxError(`“${text.slice(0, 40)}” is not a number.`);
  return value;
}

/** What stands between numbers: lines may be broken anywhere. */
const SEPARATOR = /[\s,;]+/g;

function numbers(text) {
  const kinds = new Set([...text.trim().matchAll(SEPARATOR)].map(([found]) => kindOf(found)));
  kinds.delete("\n");
  if (kinds.size > 1) {
    // "0,5; 1,3" and "1,300, 2,800" would be four numbers each.
    throw new SyntaxError(
      "Some numbers have a comma, a semicolon or space between them and some another of these: separate all in the " +
        "same way, and write decimals with a point and thousands without commas.",
    );
  }
  return text
    .trim()
    .replace(/\s*[,;]$/, "")
    .split(/\s*[,;]\s*|\s+/)
    .map(toDatum);
}

function toDatum(text) {
  return text === "" || text === MISSING ? null : toNumber(text);
}

/** A separator, the same for all that look alike: ";", ",", ", ", " " or the end of a line. */
function kindOf(separator) {
  if (separator.includes(";")) return ";";
  if (separator.includes("\n")) return "\n";
  if (separator.includes(",")) return separator.length > 1 ? ", " : ",";
  return " ";
}
