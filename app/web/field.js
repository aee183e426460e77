// One labelled control of a form, with a place for what is wrong with it.

import { fill, h, newId } from "./elements.js";

/**
 * A labelled control.
 *
 * `control` is an input, select or textarea; `about` says what it is for. `fail` shows what is wrong with it, and
 * `clear` takes that away.
 */
export function labelled(label, control, about = "") {
  control.id = newId("field");
  const error = h("p", { class: "error", id: `${control.id}-error`, role: "alert" });
  const help = h("p", { class: "help", id: `${control.id}-help` }, about);
  control.setAttribute("aria-describedby", `${help.id} ${error.id}`);
  const element = h(
    "div",
    { class: "field" },
    h("label", { for: control.id }, label),
    about ? help : null,
    control,
    error,
  );
  return {
    element,
    control,
    fail(text) {
      fill(error, text);
      control.setAttribute("aria-invalid", "true");
    },
    clear() {
      fill(error);
      control.removeAttribute("aria-invalid");
    },
  };
}
