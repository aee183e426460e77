// The form that starts a fit.

import { post, Problem } from "./api.js";
import { codeBlock, curlFit, isLong, pythonFit } from "./code_lines.js";
import { dataFields } from "./data_fields.js";
import { save } from "./downloads.js";
import { announce, fill, h } from "./elements.js";
import { optionFields } from "./option_fields.js";
import { problemNote } from "./problems.js";
import { count, shape } from "./words.js";

/** A form that begins with `{data, seed?, draws?, inference?, tags?, isExample?}`. */
export function fitForm(model, given) {
  const result = h("div", { "aria-live": "polite" });
  const code = h("div", {});
  const onChange = () => showCode(code, model, data, options);
  const data = dataFields(model, { onChange: () => onChange() });
  const options = optionFields(model, given, { onChange: () => onChange() });
  const check = h("button", { type: "button" }, "Check");
  const example = h("button", { type: "button", onclick: () => data.show(model.example.data) }, "Use the example");
  const form = h(
    "form",
    { class: "fit-form", novalidate: true, "aria-labelledby": "start" },
    given.isExample
      ? h("p", { class: "muted" }, "The example is filled in: start it as it is, or put in your own data.")
      : null,
    data.element,
    options.element,
    h("div", { class: "actions" }, h("button", { type: "submit", class: "primary" }, "Start the fit"), check, example),
    result,
    h("h2", {}, "The same from elsewhere"),
    code,
  );
  const places = placesOf(data, options);
  const attempt = (action) => async (event) => {
    event.preventDefault();
    await act(action, { model, data, options, places, result, form });
  };
  form.addEventListener("submit", attempt(startFit));
  check.addEventListener("click", attempt(checkData));
  acceptDrops(form, data.take);
  data.show(given.data);
  return form;
}

async function startFit(body) {
  const fit = await post("v1/fits", body, {
    headers: { "Idempotency-Key": crypto.getRandomValues(new Uint32Array(4)).join("-") },
  });
  location.hash = `#/fits/${fit.id}`;
  return null;
}

async function checkData({ model, data, inference }) {
  const found = await post(`v1/models/${encodeURIComponent(model)}/validate`, {
    data,
    ...(inference ? { inference } : {}),
  });
  const sizes = Object.entries(found.dims).map(([name, size]) => `${name} = ${size}`);
  const latents = Object.entries(found.variables).filter(([, each]) => each.role === "latent");
  const numbers = latents.reduce((sum, [, each]) => sum + each.shape.reduce((a, b) => a * b, 1), 0);
  const words = latents.map(([name, each]) => `${name} (${shape(each.shape)})`).join(", ");
  const given = sizes.join(", ") || "nothing varies in size";
  const text = `The data are good: ${given}. To be learnt: ${count(numbers, "number")}, ${words}.`;
  announce(text);
  return h("p", { class: "good" }, text);
}

/** Do something with the request that the form holds, and show what came of it where it belongs. */
async function act(action, { model, data, options, places, result, form }) {
  // The same again, before there is an answer, is a slip of the hand.
  if (form.hasAttribute("aria-busy")) return;
  for (const place of places.values()) place.clear();
  fill(result);
  form.setAttribute("aria-busy", "true");
  try {
    fill(result, await action({ model: model.name, data: data.values(), ...options.values() }));
  } catch (error) {
    if (error instanceof Problem) showProblem(error, places, result);
    else if (error instanceof SyntaxError) fill(result, h("p", { class: "error", role: "alert" }, error.message));
    else throw error;
    form.querySelector('[aria-invalid="true"]')?.focus();
  } finally {
    form.removeAttribute("aria-busy");
  }
}

/** The controls by the pointers under which the service speaks of them. */
function placesOf(data, options) {
  const fields = [...data.fields].map(([name, field]) => [`/data/${escaped(name)}`, field]);
  return new Map([...fields, ...options.fields]);
}

function escaped(name) {
  return name.replaceAll("~", "~0").replaceAll("/", "~1");
}

/** Each error beside the control that it names; the rest below the form. */
function showProblem(problem, places, result) {
  const placeless = [];
  const found = new Map();
  for (const error of problem.errors) {
    const pointer = [...places.keys()].find((each) => error.pointer === each || error.pointer.startsWith(`${each}/`));
    if (pointer === undefined) placeless.push(error);
    else found.set(pointer, [...(found.get(pointer) ?? []), error.detail]);
  }
  for (const [pointer, details] of found) {
    const place = places.get(pointer);
    place.fail(details.join(" "));
    for (let around = place.element.closest("details"); around; around = around.parentElement.closest("details"))
      around.open = true;
  }
  fill(result, problemNote(problem, placeless));
}

function acceptDrops(form, take) {
  form.addEventListener("dragover", (event) => {
    event.preventDefault();
    form.classList.add("dropping");
  });
  form.addEventListener("dragleave", () => form.classList.remove("dropping"));
  form.addEventListener("drop", async (event) => {
    event.preventDefault();
    form.classList.remove("dropping");
    const [file] = event.dataTransfer.files;
    if (file === undefined) return;
    try {
      await take(file);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      take.failed(error.message);
    }
  });
}

/** The request in code; what does not make one yet leaves the lines as they were. */
function showCode(place, model, data, options) {
  const values = data.look();
  if (values === null) return;
  const body = { model: model.name, data: values, ...options.look() };
  const file = h(
    "button",
    { type: "button", onclick: () => save("request.json", new Blob([JSON.stringify(body)])) },
    "Save request.json",
  );
  fill(place, codeBlock("curl", curlFit(body)), codeBlock("Python", pythonFit(body)), isLong(body) ? file : null);
}
