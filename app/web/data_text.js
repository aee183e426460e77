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

/** An array as text: numbers with commas, a row on each line. */
export function toText(value, rank) {
  if (rank === 0) return String(value);
  if (rank === 1 && Array.isArray(value)) return value.join(", ");
  if (rank === 2 && Array.isArray(value) && value.every(Array.isArray)) {
    return value.map((row) => row.join(", ")).join("\n");
  }
  return JSON.stringify(value);
}

/** The names that a field takes in place of numbers. */
export function levelsOf(field) {
  return Array.isArray(field.levels) ? field.levels : [];
}

/**
 * The array that a text means: JSON, or numbers parted by commas or space, a row on each line. Some fields take the names
 * of levels in place of numbers; these are parted by commas, since they may hold spaces.
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
  const values = (line) => parts(line, levels).map((part) => toValue(part, levels));
  if (rank === 0) return toValue(trimmed, levels);
  if (rank === 1) return values(trimmed);
  if (rank === 2)
    return trimmed
      .split("\n")
      .filter((line) => line.trim() !== "")
      .map(values);
  throw new SyntaxError("Write this array as JSON: nested lists.");
}

/** A number; throws a SyntaxError for what is none. */
export function toNumber(text) {
  const value = Number(text);
  const isNumber = text.trim() !== "" && Number.isFinite(value);
  if (!isNumber) throw new SyntaxError(`“${text.slice(0, 40)}” is not a number.`);
  return value;
}

/** A number, or the name of a level; throws a SyntaxError for what is neither. */
export function toValue(text, levels) {
  if (levels.includes(text)) return text;
  const isNumber = text.trim() !== "" && Number.isFinite(Number(text));
  if (levels.length > 0 && !isNumber) {
    throw new SyntaxError(`“${text.slice(0, 40)}” is not one of ${levels.join(", ")}.`);
  }
  return toNumber(text);
}

function parts(text, levels) {
  return text
    .split(levels.length > 0 ? /[,;\n]/ : /[\s,;]+/)
    .map((part) => part.trim())
    .filter((part) => part !== "");
}
