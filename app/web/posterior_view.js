// What a fit has learnt: a table, the marginals, and pairs of variables.

import { get } from "./api.js";
import { at, indices, label, shapeOf } from "./arrays.js";
import { details, fill, h, newId, table } from "./elements.js";
import { intervalPlot, marginalPlot } from "./marginal_plots.js";
import { pairsPlot } from "./pairs_plot.js";
import { problemNote } from "./problems.js";
import { askingAnyway } from "./unconverged.js";
import { failures, number } from "./words.js";

/** Draws that are fetched for the pictures. */
const DRAWS = 1000;
/** Variables of more numbers are shown by their intervals alone. */
const LARGEST_DRAWN = 60;
const MOST_MARGINALS = 8;
/** On a phone four pairs side by side are too narrow. */
const MOST_PAIRED = matchMedia("(max-width: 40rem)").matches ? 3 : 4;
const MOST_CHOICES = 40;
const LONGEST_TABLE = 30;
const LONGEST_REST = 500;

/** The view of a posterior; `ready` is kept when its pictures are drawn. */
export function posteriorView(fit, model, summary, signal) {
  const names = inOrder(summary.vars, model);
  const scalars = names.flatMap((name) => numbersOf(name, summary.vars[name]));
  const arrays = names.filter((name) => numbersOf(name, summary.vars[name]).length > 1);
  const pictures = h("div", {});
  const intervals = arrays.map((name) => intervalPlot(name, numbersOf(name, summary.vars[name])));
  const element = h(
    "div",
    {},
    summaryTable(scalars, summary),
    failures(summary.failed_draws).map((each) => h("p", { class: "muted" }, each)),
    pictures,
    intervals.length > 0
      ? h(
          "div",
          { class: "figures" },
          intervals.map((plot) => plot.element),
        )
      : null,
  );
  const drawn = showDraws(pictures, fit, scalars, signal).catch((error) => {
    if (!signal.aborted) fill(pictures, problemNote(error));
  });
  const ready = Promise.all([drawn, ...intervals.map((plot) => plot.ready)]);
  return { element, ready };
}

/** Global variables first, and what is computed before what only serves to compute it. */
function inOrder(vars, model) {
  const known = model === null ? [] : [...model.latents, ...model.deterministics];
  const local = new Set(known.filter((each) => each.scope === "local").map((each) => each.name));
  const computed = new Set((model?.deterministics ?? []).map((each) => each.name));
  const rank = (name) => (local.has(name) ? 2 : 0) + (computed.has(name) ? 0 : 1);
  const place = new Map(known.map((each, number) => [each.name, number]));
  return Object.keys(vars).sort((a, b) => rank(a) - rank(b) || place.get(a) - place.get(b));
}

/** Each number of a variable with its summary: `{name, variable, index, mean, sd, q05, q50, q95, size}`. */
function numbersOf(variable, summary) {
  const found = indices(shapeOf(summary.mean));
  return found.map((index) => {
    const statistics = Object.entries(summary).map(([name, values]) => [name, at(values, index)]);
    return { name: label(variable, index), variable, index, size: found.length, ...Object.fromEntries(statistics) };
  });
}

function summaryTable(scalars, summary) {
  const title = `Summary of ${number(summary.num_draws)} draws`;
  const rows = scalars.map(({ name, mean, sd, q05, q50, q95 }) => [
    h("code", {}, name),
    ...[mean, sd, q05, q50, q95].map(number),
  ]);
  const header = ["Variable", "Mean", "Sd", "5 %", "Median", "95 %"];
  if (rows.length <= LONGEST_TABLE) return table(title, header, rows);
  const rest = rows.slice(LONGEST_TABLE, LONGEST_TABLE + LONGEST_REST);
  const left = rows.length - LONGEST_TABLE - rest.length;
  return h(
    "div",
    {},
    table(title, header, rows.slice(0, LONGEST_TABLE)),
    details(
      `${number(rest.length)} more`,
      table(`${title}, the rest`, header, rest),
      left > 0
        ? h("p", { class: "muted" }, `${number(left)} others are in the summary, which can be saved below.`)
        : null,
    ),
  );
}

/** Marginals and pairs of those numbers that a person chooses. */
async function showDraws(place, fit, scalars, signal) {
  const drawable = scalars.filter((each) => each.size <= LARGEST_DRAWN).slice(0, MOST_CHOICES);
  if (drawable.length === 0) return;
  const names = [...new Set(drawable.map((each) => each.variable))];
  const asked = { vars: names.join(","), draws: Math.min(DRAWS, fit.draws), ...askingAnyway(fit) };
  const query = new URLSearchParams(asked);
  const { vars } = await get(`v1/fits/${fit.id}/posterior?${query}`, { signal });
  const draws = new Map(drawable.map((each) => [each.name, vars[each.variable].map((draw) => at(draw, each.index))]));
  const marginals = h("div", { class: "figures small-figures" });
  const pairs = h("div", {});
  const many = drawable.length > 1;

  async function showMarginals(chosen) {
    const plots = chosen.map((each) => marginalPlot(each, draws.get(each.name)));
    fill(
      marginals,
      plots.map((plot) => plot.element),
    );
    await Promise.all(plots.map((plot) => plot.ready));
  }

  async function showPairs(chosen) {
    fill(pairs, chosen.length < 2 ? h("p", { class: "muted" }, "Choose two or more.") : null);
    if (chosen.length < 2) return;
    const plot = pairsPlot(chosen, draws);
    fill(pairs, plot.element);
    await plot.ready;
  }

  const marginalChoice = chooser("Marginals of", drawable, MOST_MARGINALS, showMarginals);
  const pairChoice = chooser("Pairs of", drawable, MOST_PAIRED, showPairs, 6);
  fill(
    place,
    h("h3", {}, "Marginals"),
    many ? marginalChoice.element : null,
    marginals,
    many ? [h("h3", {}, "Pairs"), pairChoice.element, pairs] : null,
  );
  await Promise.all([marginalChoice.show(), many ? pairChoice.show() : null]);
}

/** Boxes to choose some of the numbers by; `show` is called with those chosen. */
function chooser(legend, all, first, show, most = all.length) {
  const trouble = h("div", {});
  const boxes = all.map((each, position) => {
    const box = h("input", { type: "checkbox", id: newId("chosen"), onchange: changed });
    box.checked = position < first;
    return box;
  });
  const choices = all.map((each, position) =>
    h("span", { class: "choice" }, boxes[position], h("label", { for: boxes[position].id }, each.name)),
  );
  const group = h("fieldset", {}, h("legend", { class: "unseen" }, legend), choices);
  const element = details(`${legend} …`, group, trouble);

  function chosen() {
    return all.filter((_, position) => boxes[position].checked);
  }

  async function changed() {
    for (const box of boxes) box.disabled = chosen().length >= most && !box.checked;
    try {
      await show(chosen());
      fill(trouble);
    } catch (error) {
      fill(trouble, problemNote(error));
    }
  }

  return { element, show: () => show(chosen()) };
}
