// Makes elements. Text is always text: nothing here, or anywhere on the page, reads a string as HTML.

/**
 * An element with attributes and children.
 *
 * Attributes that are functions are listeners (`onclick`); true sets one without a value, false, null and undefined
 * leave it out. Children are elements, strings, or lists of these; null and false are left out.
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...present(children));
  return element;
}

/** Put new children in the place of all that an element has. */
export function fill(element, ...children) {
  element.replaceChildren(...present(children));
  return element;
}

/** Text in which what stands between backticks is code. */
export function prose(text) {
  return text.split("`").map((part, number) => (number % 2 ? h("code", {}, part) : part));
}

let made = 0;

/** An id that no other element has. */
export function newId(name) {
  made += 1;
  return `${name}-${made}`;
}

/** A table with a caption; the first cell of each row is its header. Cells are text or elements. */
export function table(caption, header, rows) {
  const head = h(
    "tr",
    {},
    header.map((cell) => h("th", { scope: "col" }, cell)),
  );
  const body = h("tbody", {}, rows.map(tableRow));
  const content = h("table", {}, h("caption", {}, caption), h("thead", {}, head), body);
  // Focusable, so that the keyboard can scroll what is wider than the screen.
  return h("div", { class: "scrolled", tabindex: "0", role: "region", "aria-label": caption }, content);
}

/** A row of a table. */
export function tableRow([first, ...rest]) {
  return h(
    "tr",
    {},
    h("th", { scope: "row" }, first),
    rest.map((cell) => h("td", {}, cell)),
  );
}

/** Something that is shown when it is asked for. */
export function details(summary, ...children) {
  return h("details", {}, h("summary", {}, summary), children);
}

/** Say something to those who hear the page. */
export function announce(text) {
  document.getElementById("announcer").textContent = text;
}

function present(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
}
