// Nested lists as the API sends them: a variable of any shape, and its single numbers by name.

/** The shape of nested lists. */
export function shapeOf(value) {
  return Array.isArray(value) ? [value.length, ...shapeOf(value[0])] : [];
}

/** Every index of a shape, in order: `[[0, 0], [0, 1], …]`, `[[]]` for a number. */
export function indices(shape) {
  return shape.reduce(
    (found, size) => found.flatMap((index) => Array.from({ length: size }, (_, next) => [...index, next])),
    [[]],
  );
}

/** What stands at an index. */
export function at(value, index) {
  return index.reduce((inner, place) => inner[place], value);
}

/** The name of one number of a variable: `theta[3]`, `w[0, 2]`, `tau`. */
export function label(name, index) {
  return index.length === 0 ? name : `${name}[${index.join(", ")}]`;
}
