// How variables hang together: each pair's draws as points, each variable's histogram between them.

import { details, table } from "./elements.js";
import { figure, plain } from "./plots.js";
import { deviation, edges, mean, middles, quantile, shares, sorted } from "./statistics.js";
import { number } from "./words.js";

const MOST_POINTS = 500;
const LEFT_OUT = 0.005;

/** The pairs of some numbers; `draws` is a Map from their names to their draws. */
export function pairsPlot(scalars, draws) {
  const names = scalars.map((each) => each.name);
  const pairs = names.flatMap((a, row) =>
    names.slice(0, row).map((b) => [a, b, correlation(draws.get(a), draws.get(b))]),
  );
  const strongest = pairs.reduce((a, b) => (Math.abs(b[2]) > Math.abs(a[2]) || Number.isNaN(a[2]) ? b : a));
  const text = `The strongest correlation is ${number(strongest[2])}, of ${strongest[0]} and ${strongest[1]}.`;
  const plot = figure("Draws of each pair", text, (colours) => drawing(names, draws, colours));
  const rows = pairs.map(([a, b, value]) => [`${a} and ${b}`, number(value)]);
  plot.element.append(details("Correlations as a table", table("Correlations", ["Pair", "Correlation"], rows)));
  return plot;
}

function drawing(names, draws, colours) {
  const count = names.length;
  const layout = { height: Math.min(150 * count + 60, 700), margin: { l: 56, r: 8, t: 8, b: 44 }, bargap: 0 };
  const traces = [];
  names.forEach((rowName, row) => {
    names.slice(0, row + 1).forEach((columnName, column) => {
      const number = row * count + column + 1;
      const [x, y] = [`x${number}`, `y${number}`];
      const diagonal = row === column;
      layout[`xaxis${number}`] = {
        domain: cell(column, count),
        anchor: y,
        range: rangeOf(draws.get(columnName)),
        nticks: 3,
        tickangle: 0,
        showticklabels: row === count - 1,
        title: { text: row === count - 1 ? plain(columnName) : "" },
        automargin: false,
      };
      layout[`yaxis${number}`] = {
        domain: cell(count - 1 - row, count),
        anchor: x,
        nticks: 4,
        automargin: false,
        visible: !diagonal,
        range: diagonal ? undefined : rangeOf(draws.get(rowName)),
        showticklabels: column === 0,
        title: { text: column === 0 ? plain(rowName) : "" },
      };
      const axes = { xaxis: x, yaxis: y };
      traces.push({
        ...axes,
        ...(diagonal
          ? histogram(draws.get(rowName), colours)
          : points(draws.get(columnName), draws.get(rowName), colours)),
      });
    });
  });
  return { traces, layout };
}

function histogram(values, colours) {
  const bins = edges(...rangeOf(values), { most: 24 });
  return {
    type: "bar",
    x: middles(bins),
    y: shares(values, bins),
    width: bins[1] - bins[0],
    marker: { color: colours.accent },
    hoverinfo: "skip",
  };
}

function points(x, y, colours) {
  const marker = { color: colours.accent, size: 3, opacity: 0.45 };
  return {
    type: "scatter",
    mode: "markers",
    x: x.slice(0, MOST_POINTS),
    y: y.slice(0, MOST_POINTS),
    marker,
    hoverinfo: "skip",
  };
}

function cell(place, count) {
  const gap = 0.03;
  return [place / count + gap / 2, (place + 1) / count - gap / 2];
}

function rangeOf(values) {
  const ordered = sorted(values);
  return [quantile(ordered, LEFT_OUT), quantile(ordered, 1 - LEFT_OUT)];
}

function correlation(all, others) {
  const known = (_, row) => Number.isFinite(all[row]) && Number.isFinite(others[row]);
  const [a, b] = [all.filter(known), others.filter(known)];
  const [middleA, middleB] = [mean(a), mean(b)];
  const together = a.reduce((sum, value, row) => sum + (value - middleA) * (b[row] - middleB), 0) / (a.length - 1);
  return together / (deviation(a) * deviation(b));
}
