// Draws plots in the colours of the page, and again when these change.

import { h, newId } from "./elements.js";

const LIBRARY = "web/plotly.min.js";
const CONFIG = { displayModeBar: false, responsive: true, scrollZoom: false, doubleClick: false, showTips: false };

const drawn = new Set();
let library = null;

/**
 * A figure. Its drawing is a function of the page's colours that gives `{traces, layout}`.
 *
 * `description` says in words what the picture shows; what it shows in numbers has to stand in a table beside it.
 * `update` draws it anew.
 */
export function figure(title, description, drawing) {
  const id = newId("figure");
  const place = h("div", { class: "plot", role: "img", "aria-label": `${title}. ${description}` });
  const element = h("figure", { "aria-labelledby": id }, h("figcaption", { id }, title), place);
  const plot = { place, drawing, busy: null, stale: false };
  drawn.add(plot);
  const ready = draw(plot);
  return {
    element,
    ready,
    describe: (text) => place.setAttribute("aria-label", `${title}. ${text}`),
    update: () => draw(plot),
  };
}

/** Text as the library shows it: it would take some of it for markup. */
export function plain(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}

/** Draw a plot as it is now; while it is being drawn, once more afterwards, however often it is asked for. */
function draw(plot) {
  plot.stale = true;
  plot.busy ??= drawWhileStale(plot).finally(() => {
    plot.busy = null;
  });
  return plot.busy;
}

async function drawWhileStale(plot) {
  library ??= load();
  await library;
  while (plot.stale) {
    plot.stale = false;
    await drawOnce(plot);
  }
}

async function drawOnce({ place, drawing }) {
  const colours = coloursNow();
  const { traces, layout } = drawing(colours);
  const usual = common(colours);
  const margin = { ...usual.margin, ...layout.margin };
  await window.Plotly.react(place, traces, { ...usual, ...layout, margin, ...axes(layout, colours) }, CONFIG);
}

function load() {
  return new Promise((resolve, reject) => {
    const script = h("script", { src: LIBRARY });
    script.addEventListener("load", resolve);
    script.addEventListener("error", () => reject(new Error("The plots cannot be drawn: their script did not load.")));
    document.head.append(script);
  });
}

/** The colours of the page's style sheet, as they are now. */
function coloursNow() {
  const style = getComputedStyle(document.documentElement);
  const names = ["ink", "muted", "line", "panel", "accent", "accent-soft", "data", "warn"];
  return Object.fromEntries(names.map((name) => [name.replace("-", "_"), style.getPropertyValue(`--${name}`).trim()]));
}

function common(colours) {
  return {
    autosize: true,
    dragmode: false,
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: "system-ui, sans-serif", size: 12, color: colours.ink },
    margin: { l: 48, r: 12, t: 8, b: 40 },
    showlegend: false,
    legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 },
    hoverlabel: { font: { family: "system-ui, sans-serif" } },
  };
}

/** Every axis of a layout, in the colours of the page. */
function axes(layout, colours) {
  const names = Object.keys(layout).filter((name) => /^[xy]axis\d*$/.test(name));
  const style = {
    gridcolor: colours.line,
    linecolor: colours.line,
    zerolinecolor: colours.line,
    automargin: true,
    fixedrange: true,
  };
  return Object.fromEntries(names.map((name) => [name, { ...style, ...layout[name] }]));
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const plot of drawn) {
    if (plot.place.isConnected) draw(plot);
    else drawn.delete(plot);
  }
});
