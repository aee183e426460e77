// Pictures of predictions over the data that were observed.

import { figure, plain } from "./plots.js";
import { edges, evenly, middles, quantile, range, shares, sorted } from "./statistics.js";

const MOST_BARS = 60;
/** So few have each their place named on the axis of their order. */
const FEW = 12;
const MOST_POINTS = 1000;
const MOST_SERIES = 100;
/** Beyond the data, bins go on for this share of their range. */
const ROOM = 0.15;

/** Each value over an abscissa, with the middle 90 % and 50 % predicted for it: bars for few, bands for many. */
export function pointsPlot({ name, values, bands, over, places, text }) {
  return figure(`${name}: each value and its prediction`, text, (colours) => {
    const kept = order(places);
    const x = kept.map((row) => places[row]);
    const [low, lower, middle, upper, high] = bands.map((band) => kept.map((row) => band[row]));
    const observed = {
      type: "scatter",
      mode: "markers",
      name: "observed",
      x,
      y: kept.map((row) => values[row]),
      marker: { color: colours.data, size: values.length > 200 ? 4 : 7, line: { color: colours.panel, width: 1 } },
    };
    const predicted =
      values.length <= MOST_BARS
        ? [
            ...bars(x, middle, low, high, 2, colours, "predicted, 90 %"),
            ...bars(x, middle, lower, upper, 6, colours, "50 %"),
          ]
        : [
            ...band(x, low, high, colours.accent, 0.22, "predicted, 90 %"),
            ...band(x, lower, upper, colours.accent, 0.4, "50 %"),
          ];
    const layout = {
      height: 340,
      showlegend: true,
      margin: { t: 36 },
      xaxis: {
        title: { text: plain(over) },
        zeroline: false,
        ...(over === "index" && values.length <= FEW ? { tickvals: x } : {}),
      },
      yaxis: { title: { text: plain(name) }, zeroline: false },
    };
    return { traces: [...predicted, observed], layout };
  });
}

/** The histogram of all values beside those of replicated data. */
export function wholePlot({ name, values, replicates, whole }) {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const room = whole ? Math.ceil(ROOM * (most - least)) : ROOM * (most - least) || 1;
  const low = whole && least >= 0 ? Math.max(0, least - room) : least - room;
  const bins = edges(low, whole && binary(values) ? most : most + room, {
    whole,
    most: whole ? 30 : binsFor(values.length),
  });
  const own = shares(values, bins);
  const others = replicates.map((draw) => shares(draw, bins));
  const of = (share) => range(own.length, (bin) => quantile(sorted(others.map((each) => each[bin])), share));
  const [below, middle, above] = [of(0.05), of(0.5), of(0.95)];
  const inside = own.filter((each, bin) => each >= below[bin] - 1e-9 && each <= above[bin] + 1e-9).length;
  const text = `In ${inside} of ${own.length} bins the share of the data lies within the middle 90 % of replicates.`;
  return figure(`${name}: all values beside replicated data sets`, text, (colours) => {
    const x = middles(bins);
    const observed = {
      type: "bar",
      name: "observed",
      x,
      y: own,
      width: 0.96 * (bins[1] - bins[0]),
      marker: { color: colours.data, opacity: 0.55 },
    };
    const layout = {
      height: 340,
      showlegend: true,
      bargap: 0,
      margin: { t: 36 },
      xaxis: { title: { text: plain(name) }, zeroline: false },
      yaxis: { title: { text: "share of the values" }, rangemode: "tozero" },
    };
    return { traces: [observed, ...bars(x, middle, below, above, 2, colours, "replicated, 90 %")], layout };
  });
}

/** Rows as series over a covariate, over the bands that are predicted for a row. */
export function seriesPlot({ name, values, bands, along, places, unit, text }) {
  return figure(`${name}: each row, and what is predicted for rows`, text, (colours) => {
    const kept = order(places);
    const x = kept.map((column) => places[column]);
    const [low, lower, middle, upper, high] = bands.map((each) => kept.map((column) => each[column]));
    const rows = evenly(values.length, MOST_SERIES).map((row, number) => ({
      type: "scatter",
      mode: "lines+markers",
      name: "observed",
      legendgroup: "observed",
      showlegend: number === 0,
      x,
      y: kept.map((column) => values[row][column]),
      line: { color: colours.data, width: 1 },
      marker: { color: colours.data, size: 4 },
      opacity: 0.6,
    }));
    const median = {
      type: "scatter",
      mode: "lines",
      name: "median",
      x,
      y: middle,
      line: { color: colours.accent, width: 2 },
    };
    const layout = {
      height: 380,
      showlegend: true,
      margin: { t: 36 },
      xaxis: { title: { text: plain(along) }, zeroline: false },
      yaxis: { title: { text: plain(unit ? `${name} (${unit})` : name) }, zeroline: false },
    };
    return {
      traces: [
        ...band(x, low, high, colours.accent, 0.22, "predicted, 90 %"),
        ...band(x, lower, upper, colours.accent, 0.4, "50 %"),
        ...rows,
        median,
      ],
      layout,
    };
  });
}

function bars(x, middle, low, high, thickness, colours, name) {
  const marks = {
    type: "scatter",
    mode: "markers",
    name,
    showlegend: false,
    x,
    y: middle,
    marker: { color: colours.accent, size: 11, symbol: "line-ew", line: { color: colours.accent, width: 2 } },
    error_y: {
      type: "data",
      symmetric: false,
      array: high.map((value, row) => value - middle[row]),
      arrayminus: low.map((value, row) => middle[row] - value),
      color: colours.accent,
      thickness,
      width: 0,
    },
  };
  // The library's legend shows marks without their bars, and so would not tell two sorts of bars apart.
  const line = { color: colours.accent, width: thickness };
  return [marks, { type: "scatter", mode: "lines", name, x: [null], y: [null], line, hoverinfo: "skip" }];
}

function band(x, low, high, colour, opacity, name) {
  const edge = { type: "scatter", mode: "lines", x, line: { width: 0 }, hoverinfo: "skip" };
  return [
    { ...edge, y: low, showlegend: false },
    { ...edge, y: high, fill: "tonexty", fillcolor: translucent(colour, opacity), name },
  ];
}

/** A colour of the style sheet, `#rrggbb`, let through. */
function translucent(colour, opacity) {
  const [red, green, blue] = [1, 3, 5].map((place) => parseInt(colour.slice(place, place + 2), 16));
  return `rgba(${red},${green},${blue},${opacity})`;
}

/** The rows that are drawn, from left to right; of very many, some. */
function order(places) {
  const rows = range(places.length).sort((a, b) => places[a] - places[b]);
  return evenly(rows.length, MOST_POINTS).map((row) => rows[row]);
}

/** How many bins suit so many values. */
function binsFor(length) {
  return Math.max(8, Math.min(24, Math.ceil(2 * Math.sqrt(length))));
}

function binary(values) {
  return values.every((value) => value === 0 || value === 1);
}
