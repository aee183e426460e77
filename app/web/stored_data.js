// The data of a fit, as the service sends them: arrays of bytes in base64.

import { isEncoded } from "./data_text.js";

const KINDS = { float32: Float32Array, float64: Float64Array, int32: Int32Array, int64: BigInt64Array };

/**
 * Nested lists by name, from arrays `{dtype, shape, data_b64}` (C order, little-endian as every browser is); what comes
 * as a list, since it has gaps, stays one.
 */
export function decoded(arrays) {
  return Object.fromEntries(
    Object.entries(arrays).map(([name, array]) => [name, isEncoded(array) ? nested(array) : array]),
  );
}

function nested({ dtype, shape, data_b64: text }) {
  const bytes = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
  const numbers = Array.from(new KINDS[dtype](bytes.buffer), dtype === "float32" ? shortest : Number);
  return shape.slice(1).reduceRight(rows, shape.length === 0 ? numbers[0] : numbers);
}

/** The shortest number that is the same in single precision: 0.1, not 0.10000000149011612. */
function shortest(value) {
  const short = Number(value.toPrecision(7));
  return Math.fround(short) === value ? short : value;
}

function rows(flat, length) {
  return Array.from({ length: flat.length / length }, (_, row) => flat.slice(row * length, (row + 1) * length));
}
