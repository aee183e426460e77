// Pictures of single variables: the histogram of a number, the intervals of an array.

import { figure, plain } from "./plots.js";
import { edges, evenly, middles, quantile, shares, sorted } from "./statistics.js";
import { number } from "./words.js";

/** Of long tails so much is left out of the picture. */
const LEFT_OUT = 0.005;
const MOST_WITH_NAMES = 30;
const MOST_INTERVALS = 1000;

/** The histogram of a number's draws, with its mean and the middle 90 %. */
export function marginalPlot(scalar, draws) {
  const finite = sorted(draws);
  const [mean, sd, q05, q95] = ["mean", "sd", "q05", "q95"].map((each) => number(scalar[each]));
  const text = `Mean ${mean}, standard deviation ${sd}; 90 % lie from ${q05} to ${q95}.`;
  return figure(scalar.name, text, (colours) => {
    const bins = edges(quantile(finite, LEFT_OUT), quantile(finite, 1 - LEFT_OUT));
    const heights = shares(finite, bins);
    const top = Math.max(...heights);
    const inside = middles(bins).map((middle) => middle >= scalar.q05 && middle <= scalar.q95);
    const bars = {
      type: "bar",
      x: middles(bins),
      y: heights,
      width: bins[1] - bins[0],
      marker: { color: inside.map((yes) => (yes ? colours.accent : colours.accent_soft)) },
      hovertemplate: "%{x:.4g}<extra></extra>",
    };
    const line = {
      type: "line",
      x0: scalar.mean,
      x1: scalar.mean,
      y0: 0,
      y1: 1.05 * top,
      line: { color: colours.ink, width: 1.5, dash: "dot" },
    };
    const layout = {
      height: 190,
      bargap: 0,
      margin: { l: 12, r: 12, t: 4, b: 28 },
      xaxis: { nticks: 5 },
      yaxis: { visible: false },
      shapes: [line],
    };
    return { traces: [bars], layout };
  });
}

/** The medians and the middle 90 % of all numbers of an array. */
export function intervalPlot(name, all) {
  const places = evenly(all.length, MOST_INTERVALS);
  const scalars = places.map((place) => all[place]);
  const named = scalars.length <= MOST_WITH_NAMES;
  const labels = scalars.map((each) => plain(each.name));
  const ordered = scalars.filter((each) => Number.isFinite(each.q50)).sort((a, b) => a.q50 - b.q50);
  const [least, most] = [ordered[0], ordered.at(-1)];
  const medians =
    ordered.length > 0
      ? `Medians from ${number(least.q50)} (${least.name}) to ${number(most.q50)} (${most.name}).`
      : "No median is a finite number.";
  const text = `${medians} All numbers are in the table above.`;
  return figure(`${name}: median and middle 90 % of each`, text, (colours) => {
    const trace = {
      type: "scatter",
      mode: "markers",
      x: scalars.map((each) => each.q50),
      y: places,
      text: labels,
      marker: { color: colours.accent, size: named ? 8 : 4 },
      error_x: {
        type: "data",
        symmetric: false,
        array: scalars.map((each) => each.q95 - each.q50),
        arrayminus: scalars.map((each) => each.q50 - each.q05),
        color: colours.accent,
        thickness: named ? 2 : 1,
        width: 0,
      },
      hovertemplate: "%{text}: %{x:.4g}<extra></extra>",
    };
    const ticks = named ? { tickvals: places, ticktext: labels } : { title: { text: "index" } };
    const height = named ? 60 + 30 * scalars.length : 480;
    return {
      traces: [trace],
      layout: { height, xaxis: { zeroline: true }, yaxis: { autorange: "reversed", ...ticks } },
    };
  });
}
