// Small statistics of lists of numbers.

/** The numbers that are finite, in order. */
export function sorted(values) {
  return values.filter(Number.isFinite).sort((a, b) => a - b);
}

/** Whether every number of nested lists is finite: none is null. */
export function complete(value) {
  return Array.isArray(value) ? value.every(complete) : Number.isFinite(value);
}

/** A quantile of numbers in order, between two of them by interpolation. */
export function quantile(ordered, share) {
  const place = share * (ordered.length - 1);
  const below = Math.floor(place);
  const next = ordered[Math.min(below + 1, ordered.length - 1)];
  return ordered[below] + (place - below) * (next - ordered[below]);
}

export function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The standard deviation, divisor n - 1. */
export function deviation(values) {
  const middle = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / Math.max(1, values.length - 1));
}

/**
 * Bins for a histogram, as their edges. Whole numbers that are few get a bin each.
 *
 * Args:
 *   low, high: of what is to be shown. whole: whether the values are counts. most: bins.
 */
export function edges(low, high, { whole = false, most = 30 } = {}) {
  if (whole && high - low < most) return range(Math.round(high - low) + 2, (number) => low + number - 0.5);
  const step = whole ? Math.max(1, Math.ceil((high - low) / most)) : (high - low || 1) / most;
  return range(most + 1, (number) => low + number * step - (whole ? 0.5 : 0));
}

/** The share of the values in each bin; what lies outside all bins counts in the whole. */
export function shares(values, bins) {
  const found = new Array(bins.length - 1).fill(0);
  const width = bins[1] - bins[0];
  for (const value of values) {
    const bin = value === bins.at(-1) ? found.length - 1 : Math.floor((value - bins[0]) / width);
    if (bin >= 0 && bin < found.length) found[bin] += 1 / values.length;
  }
  return found;
}

/** The middles of bins. */
export function middles(bins) {
  return bins.slice(1).map((edge, number) => (edge + bins[number]) / 2);
}

/** A list made by a function of the index. */
export function range(length, make = (index) => index) {
  return Array.from({ length }, (_, index) => make(index));
}

/** Indices below a length, in order: all of them, or so many as are wanted at most, evenly spread. */
export function evenly(length, most) {
  return length <= most ? range(length) : range(most, (place) => Math.floor((place * length) / most));
}
