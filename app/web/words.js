// Numbers, moments and sizes as people read them.

const whole = new Intl.NumberFormat("en");

/** A number in four figures; a dash for what is not finite. */
export function number(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  if (Number.isInteger(value)) return whole.format(value).replace("-", "−");
  const size = Math.abs(value);
  const text = size >= 1e6 || size < 1e-3 ? value.toExponential(2) : String(Number(value.toPrecision(4)));
  return text.replace("-", "−");
}

/** A share as a percentage. */
export function percent(share) {
  return `${number(Math.round(1000 * share) / 10)} %`;
}

/** How many of something. */
export function count(value, one, many = `${one}s`) {
  return `${number(value)} ${value === 1 ? one : many}`;
}

/** What to say of draws with a NaN, by variable: a list of sentences. */
export function failures(failed) {
  return Object.entries(failed ?? {})
    .filter(([, draws]) => draws > 0)
    .map(
      ([name, draws]) =>
        `${count(draws, "draw has", "draws have")} a NaN in ${name}, as where a simulation fails; ` +
        "the statistics of each number are those of its other draws.",
    );
}

/** Seconds as a time that is easy to grasp. */
export function duration(seconds) {
  if (!Number.isFinite(seconds)) return "–";
  if (seconds < 90) return `${Math.max(0, Math.round(seconds))} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${number(Math.round(seconds / 360) / 10)} h`;
}

/** A moment in the reader's time zone. */
export function moment(text) {
  return text === null ? "–" : new Date(text).toLocaleString();
}

/** A shape as people write it: "a number", "J values", "N by 2 values". */
export function shape(sizes) {
  return sizes.length === 0 ? "a number" : `${sizes.join(" by ")} values`;
}
