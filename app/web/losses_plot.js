// How the losses of a fit go, while it runs and afterwards.

import { details, fill, table } from "./elements.js";
import { figure } from "./plots.js";
import { number } from "./words.js";

const NAMES = { loss_gen: "Variational loss", loss_disc: "Loss of the ratio estimator" };
const MOST_ROWS = 20;

/** A figure of the losses; `show` takes `{step, loss_gen, loss_disc}`, lists as long as one another. */
export function lossesPlot() {
  let losses = { step: [], loss_gen: [], loss_disc: [] };
  const plot = figure("Losses over the steps: flat at the end is good", "Nothing has been reported yet.", (colours) =>
    drawing(losses, colours),
  );
  const rows = details("Losses as a table", table("Losses", ["Step", ...Object.values(NAMES)], []));
  plot.element.append(rows);
  return {
    element: plot.element,
    ready: plot.ready,
    show(found) {
      losses = found;
      plot.describe(inWords(losses));
      fill(rows, rows.firstChild, table("Losses", ["Step", ...Object.values(NAMES)], thinned(losses)));
      return plot.update();
    },
  };
}

function known(losses) {
  // A fit by the program's own density has no ratio estimator: its loss is 0 throughout.
  return Object.keys(NAMES).filter((name) => losses[name].some((value) => value !== null && value !== 0));
}

function drawing(losses, colours) {
  const names = known(losses);
  const traces = names.map((name, number) => ({
    type: "scatter",
    mode: losses.step.length > 1 ? "lines" : "markers",
    // Copies: the library would not notice that lists it knows have grown.
    x: [...losses.step],
    y: [...losses[name]],
    name: NAMES[name],
    line: { color: number === 0 ? colours.accent : colours.data, width: 2 },
    marker: { color: number === 0 ? colours.accent : colours.data },
    yaxis: number === 0 ? "y" : "y2",
  }));
  const two = names.length > 1;
  const ranges = names.map((name) => rangeOf(losses[name]));
  const layout = {
    height: two ? 360 : 240,
    xaxis: { title: { text: "step" }, anchor: two ? "y2" : "y" },
    yaxis: { title: { text: "variational" }, domain: two ? [0.54, 1] : [0, 1], range: ranges[0] },
    ...(two ? { yaxis2: { title: { text: "ratio estimator" }, domain: [0, 0.46], range: ranges[1] } } : {}),
  };
  return { traces, layout };
}

/** From the least loss to where nearly all are: the first ones are often so large that nothing else would be seen. */
function rangeOf(values) {
  const finite = values.filter((value) => value !== null).sort((a, b) => a - b);
  if (finite.length < 5) return undefined;
  const top = finite[Math.floor(0.95 * (finite.length - 1))];
  const room = 0.08 * (top - finite[0]) || 0.1 * Math.abs(top) || 1;
  return [finite[0] - room, top + 3 * room];
}

function thinned(losses) {
  const stride = Math.max(1, Math.ceil(losses.step.length / MOST_ROWS));
  return losses.step
    .map((step, row) => [number(step), number(losses.loss_gen[row]), number(losses.loss_disc[row])])
    .filter((_, row) => row % stride === 0 || row === losses.step.length - 1);
}

function inWords(losses) {
  const last = losses.step.length - 1;
  const parts = known(losses).map((name) => {
    const first = losses[name].find((value) => value !== null);
    return `${NAMES[name]}: first ${number(first)}, last ${number(losses[name][last])}.`;
  });
  return `Up to step ${number(losses.step[last])}. ${parts.join(" ")}`;
}
