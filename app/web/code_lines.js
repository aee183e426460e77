// What a person would type to do what the page does.

import { h, newId } from "./elements.js";
import { notConverged } from "./unconverged.js";

/** Longer requests are not shown: they are saved to a file. */
const LONGEST_SHOWN = 1500;
const FILE = "request.json";

/** A request for a fit as a command line. */
export function curlFit(body) {
  const text = JSON.stringify(body);
  const data = text.length <= LONGEST_SHOWN ? quoted(text) : `@${FILE}`;
  return `curl -s ${base()}v1/fits ${header()}-H 'content-type: application/json' \\\n  -d ${data}`;
}

/** A request for a fit as a program. */
export function pythonFit(body) {
  const { model, data, ...options } = body;
  const text = JSON.stringify(data);
  const short = text.length <= LONGEST_SHOWN;
  const given = Object.entries(options).map(([name, value]) => `, ${name}=${literal(value)}`);
  return [
    ...(short ? [] : ["import json", ""]),
    "from tacit.client import Client",
    "",
    `client = Client(${literal(base())})`,
    short ? `data = ${literal(data)}` : `data = json.load(open("${FILE}"))["data"]`,
    `fit = client.fit(${literal(model)}, data${given.join("")})`,
    "fit.wait()",
    "print(fit.summary())",
  ].join("\n");
}

/** What reads the results of a fit, as a command line. */
export function curlResults(fit) {
  const anyway = notConverged(fit) ? ["unconverged=true"] : [];
  const parts = { summary: anyway, posterior: ["draws=100", ...anyway], "posterior-predictive": ["draws=100", ...anyway] };
  return Object.entries(parts)
    .map(([part, query]) => (query.length > 0 ? `${part}?${query.join("&")}` : part))
    .map((part) => `curl -s ${header()}'${base()}v1/fits/${fit.id}/${part}'`)
    .join("\n");
}

/** What reads the results of a fit, as a program. */
export function pythonResults(fit) {
  const asked = notConverged(fit) ? "unconverged=True" : "";
  return [
    "from tacit.client import Client",
    "",
    `fit = Client(${literal(base())}).get(${literal(fit.id)})`,
    `print(fit.summary(${asked}))`,
    `posterior = fit.posterior(${asked})`,
    `predicted = fit.posterior_predictive(${asked})`,
  ].join("\n");
}

/** Lines of code with a name, and a button that copies them where the browser can. `request` may be saved to a file. */
export function codeBlock(name, text) {
  const id = newId("code");
  const code = h("pre", { tabindex: "0", "aria-labelledby": id }, text);
  const copy = h("button", { type: "button", class: "quiet", "aria-label": `Copy ${name}` }, "Copy");
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(code.textContent);
    copy.textContent = "Copied";
    setTimeout(() => (copy.textContent = "Copy"), 2000);
  });
  // Only pages from this machine or over TLS may write to the clipboard.
  const head = h("div", { class: "code-head" }, h("span", { id }, name), navigator.clipboard ? copy : null);
  return h("div", { class: "code" }, head, code);
}

/** Whether a request is too long to be shown within a line of code. */
export function isLong(body) {
  return JSON.stringify(body).length > LONGEST_SHOWN;
}

function base() {
  return new URL(".", location.href.split("#")[0]).href;
}

function header() {
  return sessionStorage.getItem("tacit.key") === null ? "" : '-H "authorization: Bearer $TACIT_API_KEY" ';
}

function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** A JSON value as Python writes it. */
function literal(value) {
  if (value === null) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`;
  if (typeof value === "object") {
    return `{${Object.entries(value)
      .map(([name, each]) => `${JSON.stringify(name)}: ${literal(each)}`)
      .join(", ")}}`;
  }
  return JSON.stringify(value);
}
