// One fit: how it goes, and what it has found.

import { get, post, send } from "./api.js";
import { codeBlock, curlResults, pythonResults } from "./code_lines.js";
import { diagnosis } from "./diagnosis.js";
import { downloads } from "./downloads.js";
import { announce, details, fill, h, table } from "./elements.js";
import { lossesPlot } from "./losses_plot.js";
import { posteriorView } from "./posterior_view.js";
import { predictiveView } from "./predictive_view.js";
import { problemNote } from "./problems.js";
import { progressView } from "./progress.js";
import { askingAnyway, notConverged } from "./unconverged.js";
import { moment, number } from "./words.js";

const ENDED = ["succeeded", "failed", "cancelled"];

export async function fitPage(place, { parts: [id], signal }) {
  const path = `v1/fits/${encodeURIComponent(id)}`;
  let fit = await get(path, { signal });
  const head = heading(fit);
  const body = h("div", {});
  fill(place, head.element, body);
  if (!ENDED.includes(fit.status)) {
    const view = progressView(fit);
    fill(body, view.element);
    // The page is there; what comes of the fit is added when it comes.
    watch(view).catch((error) => {
      if (!signal.aborted) body.prepend(problemNote(error));
    });
  } else await showEnd();

  async function watch(view) {
    await view.watch(signal, (status) => {
      fit = { ...fit, status };
      head.show(fit);
      announce(`The fit is ${status}.`);
    });
    if (signal.aborted) return;
    fit = await get(path, { signal });
    head.show(fit);
    await showEnd();
  }

  async function showEnd() {
    if (fit.status === "succeeded") await showResults(body, fit, signal);
    else if (notConverged(fit)) await showMissed(body, fit, signal);
    else fill(body, ending(fit));
  }
}

/** What stands above a fit; `show` brings it up to date, and leaves what has not changed, with its focus, in its place. */
function heading(first) {
  const status = h("span", { id: "fit-status" });
  const buttons = h("div", { class: "actions" });
  const trouble = h("div", {});
  const facts = h("div", {});
  const element = h(
    "div",
    {},
    h("h1", {}, `${first.model}: `, status),
    h("p", { class: "small" }, h("code", {}, first.id)),
    buttons,
    trouble,
    details("About this fit", facts),
  );
  let shown = null;

  function show(fit) {
    status.className = `status ${fit.status}`;
    status.textContent = fit.status;
    fill(facts, about(fit));
    const kind = ENDED.includes(fit.status) ? `ended, ${fit.error?.code}` : "underway";
    if (shown === kind) return;
    shown = kind;
    fill(buttons, actions(fit, trouble));
  }

  show(first);
  return { element, show };
}

function actions(fit, trouble) {
  const button = (label, action) => h("button", { type: "button", onclick: () => attempt(action, trouble) }, label);
  const again = h(
    "a",
    { class: "button", href: `#/models/${encodeURIComponent(fit.model)}?from=${fit.id}` },
    "Fit again with changes",
  );
  if (!ENDED.includes(fit.status)) return [button("Cancel the fit", () => cancel(fit)), again];
  const retry = button("Retry", async () => {
    const made = await post(`v1/fits/${fit.id}/retry`);
    location.hash = `#/fits/${made.id}`;
  });
  // Neither is worth another run: the same steps give the same draws.
  const done = fit.status === "succeeded" || notConverged(fit);
  return [done ? null : retry, again, button("Delete", () => remove(fit))];
}

async function cancel(fit) {
  await post(`v1/fits/${fit.id}/cancel`);
  announce("The fit is being cancelled.");
}

async function remove(fit) {
  if (!window.confirm("Delete this fit, its data and its results?")) return;
  await send(`v1/fits/${fit.id}`, { method: "DELETE" });
  announce("The fit was deleted.");
  location.hash = "#/fits";
}

async function attempt(action, trouble) {
  fill(trouble);
  try {
    await action();
  } catch (error) {
    fill(trouble, problemNote(error));
  }
}

function about(fit) {
  const rows = [
    ["Model", `${fit.model}@${fit.version}`],
    ["Seed", String(fit.seed)],
    ["Posterior draws", number(fit.draws)],
    ["Made", moment(fit.created_at)],
    ["Begun", moment(fit.started_at)],
    ["Ended", moment(fit.finished_at)],
    ["Computed on", fit.device],
    ["Attempts", String(fit.attempt)],
    ["Tags", fit.tags.join(", ") || "–"],
    ...Object.entries(fit.inference).map(([name, value]) => [name.replaceAll("_", " "), JSON.stringify(value)]),
  ];
  return table("About this fit", ["What", "Value"], rows);
}

function reason(fit) {
  if (!fit.error) return null;
  return h("p", {}, h("strong", {}, "Why: "), fit.error.message, " (", h("code", {}, fit.error.code), ")");
}

function ending(fit) {
  const words =
    fit.status === "cancelled"
      ? "This fit was cancelled. A retry goes on from its last checkpoint."
      : "This fit has failed.";
  return [
    h("p", {}, words),
    reason(fit),
    fit.warnings.length > 0
      ? h(
          "ul",
          {},
          fit.warnings.map((each) => h("li", {}, each)),
        )
      : null,
  ];
}

async function showResults(body, fit, signal) {
  const path = `v1/fits/${fit.id}`;
  const [model, summary, figures, losses] = await Promise.all([
    modelOf(fit, signal),
    get(`${path}/summary`, { signal }),
    get(`${path}/diagnostics`, { signal }),
    get(`${path}/losses`, { signal }),
  ]);
  const plot = lossesPlot();
  const views = drawsViews(fit, model, summary, signal);
  fill(
    body,
    h("h2", {}, "Can it be trusted?"),
    diagnosis(fit, figures),
    views.elements,
    h("h2", {}, "How it went"),
    plot.element,
  );
  await Promise.all([plot.show(losses), views.ready]);
}

/** A fit whose draws are no posterior: why, what speaks for that, and the draws if a person wants them anyway. */
async function showMissed(body, fit, signal) {
  const path = `v1/fits/${fit.id}`;
  const [figures, losses] = await Promise.all([
    get(`${path}/diagnostics`, { signal }),
    get(`${path}/losses`, { signal }),
  ]);
  const plot = lossesPlot();
  const trouble = h("div", {});
  const button = h("button", { type: "button", onclick: () => attempt(show, trouble) }, "Show the draws anyway");
  const place = h("div", {}, button);
  fill(
    body,
    h("p", {}, "This fit has not converged: its draws are no posterior."),
    reason(fit),
    trouble,
    place,
    h("h2", {}, "What the figures say"),
    diagnosis(fit, figures),
    h("h2", {}, "How it went"),
    plot.element,
  );
  await plot.show(losses);

  async function show() {
    button.disabled = true;
    try {
      await showDraws();
    } catch (error) {
      button.disabled = false;
      if (!signal.aborted) throw error;
    }
  }

  async function showDraws() {
    const [model, summary] = await Promise.all([
      modelOf(fit, signal),
      get(`${path}/summary?${new URLSearchParams(askingAnyway(fit))}`, { signal }),
    ]);
    const views = drawsViews(fit, model, summary, signal);
    fill(place, views.elements);
    // The button is gone: whoever pressed it goes on where the draws begin.
    views.elements[0].tabIndex = -1;
    views.elements[0].focus();
    await views.ready;
  }
}

/** All that is made of the draws of a fit; `ready` is kept when it is drawn. */
function drawsViews(fit, model, summary, signal) {
  const posterior = posteriorView(fit, model, summary, signal);
  const predictive = predictiveView(fit, model, signal);
  const elements = [
    h("h2", {}, notConverged(fit) ? "The draws, which are no posterior" : "Posterior"),
    posterior.element,
    h("h2", {}, "Would the model make such data?"),
    predictive.element,
    h("h2", {}, "Download"),
    downloads(fit),
    h("h2", {}, "The same from elsewhere"),
    codeBlock("curl", curlResults(fit)),
    codeBlock("Python", pythonResults(fit)),
  ];
  return { elements, ready: Promise.all([posterior.ready, predictive.ready]) };
}

/** The model, unless it is served no more: then its results are shown without what it would say of them. */
async function modelOf(fit, signal) {
  try {
    return await get(`v1/models/${encodeURIComponent(`${fit.model}@${fit.version}`)}`, { signal });
  } catch (error) {
    if (error.status === 404) return null;
    throw error;
  }
}
