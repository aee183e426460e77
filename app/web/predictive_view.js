// Posterior-predictive checks: what the fitted model would have produced, drawn over the data.

import { get, post } from "./api.js";
import { shapeOf } from "./arrays.js";
import { size } from "./data_text.js";
import { details, fill, h, newId, table } from "./elements.js";
import { pointsPlot, seriesPlot, wholePlot } from "./predictive_plots.js";
import { problemNote } from "./problems.js";
import { complete, deviation, mean, quantile, range, sorted } from "./statistics.js";
import { decoded } from "./stored_data.js";
import { askingAnyway } from "./unconverged.js";
import { count, failures, number, percent } from "./words.js";

/** The quantiles that are asked for: the middle 90 % and 50 %, and the median. */
const QUANTILES = [0.05, 0.25, 0.5, 0.75, 0.95];
const DRAWS = 1000;
/** Numbers of replicated data that are fetched, for all draws together. */
const NUMBERS = 200000;
/** Of more observed values nothing is fetched. */
const MOST_VALUES = 50000;
const MOST_ROWS = 200;
const FEWEST_IN_A_HISTOGRAM = 5;
const MOST_COLUMNS = 6;

const STATISTICS = {
  mean,
  sd: deviation,
  least: (values) => sorted(values)[0],
  greatest: (values) => sorted(values).at(-1),
};

/** The checks of each observed variable; `ready` is kept when they are drawn. */
export function predictiveView(fit, model, signal) {
  const place = h("div", {}, h("p", { class: "muted" }, "Predicting …"));
  const ready = show(place, fit, model, signal).catch((error) => {
    if (!signal.aborted) fill(place, problemNote(error));
  });
  return { element: place, ready };
}

async function show(place, fit, model, signal) {
  if (model === null) {
    fill(
      place,
      h("p", { class: "muted" }, `${fit.model}@${fit.version} is not served any more, so it cannot predict.`),
    );
    return;
  }
  const path = `v1/fits/${fit.id}`;
  const observed = model.observed.map((field) => field.name);
  const stored = await get(`${path}/data`, { signal });
  const data = decoded(stored.data);
  const total = observed.reduce((sum, name) => sum + size(data[name]), 0);
  if (total > MOST_VALUES) {
    fill(
      place,
      h(
        "p",
        { class: "muted" },
        `${count(total, "observed value")} are too many to draw here; save the predictive draws below.`,
      ),
    );
    return;
  }
  const draws = Math.min(200, Math.max(20, Math.floor(NUMBERS / total)));
  const [bands, replicated] = await Promise.all([
    post(`${path}/posterior-predictive`, { quantiles: QUANTILES, draws: DRAWS, ...askingAnyway(fit) }, { signal }),
    post(`${path}/posterior-predictive`, { draws, ...askingAnyway(fit) }, { signal }),
  ]);
  const checks = model.observed.flatMap((field) =>
    parts({ model, field, data, bands: bands.vars[field.name], replicates: replicated.vars[field.name] }),
  );
  fill(
    place,
    failures(bands.failed_draws).map((each) => h("p", { class: "muted" }, each)),
    checks.map((check) => check.element),
  );
  await Promise.all(checks.map((check) => check.ready));
}

/** The checks of one observed variable: of its columns, one by one, or of its rows as series. */
function parts({ model, field, data, bands, replicates }) {
  const values = data[field.name];
  const whole = field.dtype === "int";
  const rank = shapeOf(values).length;
  const abscissae = covariates(model, data, field.shape[0]);
  if (rank === 0) {
    return [
      listCheck({
        name: field.name,
        values: [values],
        bands: bands.map((each) => [each]),
        replicates: replicates.map((each) => [each]),
        abscissae: [],
        whole,
      }),
    ];
  }
  if (rank === 1) return [listCheck({ name: field.name, values, bands, replicates, abscissae, whole })];
  if (rank > 2) return [];
  const along = model.inputs.find(
    (input) => input.shape.length === 1 && input.shape[0] === field.shape[1] && field.shape[0] !== field.shape[1],
  );
  if (along !== undefined)
    return [
      seriesCheck({
        name: field.name,
        values,
        replicates,
        along: along.name,
        places: data[along.name],
        unit: field.unit,
      }),
    ];
  return Array.from({ length: Math.min(values[0].length, MOST_COLUMNS) }, (_, column) => {
    const of = (matrix) => matrix.map((row) => row[column]);
    return listCheck({
      name: `${field.name}[·, ${column}]`,
      values: of(values),
      bands: bands.map(of),
      replicates: replicates.map(of),
      abscissae,
      whole,
    });
  });
}

/** What the points can be drawn over: `[name, numbers]` of each covariate along their dimension. */
function covariates(model, data, dimension) {
  return model.inputs
    .filter((input) => input.shape[0] === dimension && input.shape.length <= 2)
    .flatMap((input) => {
      const values = data[input.name];
      if (input.shape.length === 1) return [[input.name, values]];
      return values[0].map((_, column) => [`${input.name}[·, ${column}]`, values.map((row) => row[column])]);
    })
    .filter(([, values]) => new Set(values).size > 1);
}

function listCheck({ name, values, bands, replicates, abscissae, whole, places: own = range(values.length) }) {
  const present = own.filter((_, row) => values[row] !== null);
  if (present.length === 0) {
    return { element: h("p", { class: "muted" }, `No value of ${name} was observed.`), ready: Promise.resolve() };
  }
  if (present.length < values.length) {
    // Predictions of what is missing have nothing to be compared with.
    const kept = values.map((value, row) => (value === null ? -1 : row)).filter((row) => row >= 0);
    const of = (list) => kept.map((row) => list[row]);
    const known = { values: of(values), bands: bands.map(of), replicates: replicates.map(of), places: present };
    return listCheck({ name, whole, abscissae: abscissae.map(([label, over]) => [label, of(over)]), ...known });
  }
  const predicted = values.map((_, row) => row).filter((row) => complete([bands[0][row], bands[4][row]]));
  const inside = predicted.filter((row) => values[row] >= bands[0][row] && values[row] <= bands[4][row]).length;
  const covered = `${number(inside)} of ${count(predicted.length, "value")} of ${name}`;
  const verdict =
    predicted.length > 0
      ? `${covered} (${percent(inside / predicted.length)}) lie within the 90 % that the model predicts for them.`
      : `The model predicts no finite number for any value of ${name}.`;
  const finished = replicates.filter(complete);
  const points = h("div", {});
  const choice = h(
    "select",
    { id: newId("over") },
    h("option", { value: "-1" }, "their order"),
    abscissae.map(([label], position) => h("option", { value: position }, label)),
  );
  const showPoints = () => {
    const [over, places] = abscissae[choice.value] ?? ["index", own];
    const plot = pointsPlot({ name, values, bands, over, places, text: verdict });
    fill(points, plot.element);
    return plot.ready;
  };
  choice.addEventListener("change", showPoints);
  const all =
    values.length >= FEWEST_IN_A_HISTOGRAM && finished.length > 0
      ? wholePlot({ name, values, replicates: finished, whole })
      : null;
  const rows = values
    .slice(0, MOST_ROWS)
    .map((value, row) => [String(own[row]), number(value), ...bands.map((band) => number(band[row]))]);
  const header = ["Row", "Observed", "5 %", "25 %", "Median", "75 %", "95 %"];
  const element = h(
    "section",
    { "aria-label": `Check of ${name}` },
    h("h3", {}, name),
    h("p", {}, verdict),
    abscissae.length > 0 ? h("p", { class: "filter" }, h("label", { for: choice.id }, "Drawn over "), choice) : null,
    h("div", { class: "figures" }, points, all?.element),
    values.length > 1 && finished.length > 0 ? statisticsTable(name, values, finished) : null,
    finished.length < replicates.length
      ? h(
          "p",
          { class: "muted" },
          `${number(finished.length)} of ${count(replicates.length, "replicated data set")} are finite throughout; ` +
            "the others are left out of the histogram and of the statistics.",
        )
      : null,
    details(
      `Predictions of ${name} as a table`,
      table(`Predictions of ${name}${values.length > MOST_ROWS ? `, the first ${MOST_ROWS}` : ""}`, header, rows),
    ),
  );
  return { element, ready: Promise.all([showPoints(), all?.ready]) };
}

function seriesCheck({ name, values, replicates, along, places, unit }) {
  const pooled = places.map((_, column) => sorted(replicates.flatMap((draw) => draw.map((row) => row[column]))));
  const bands = QUANTILES.map((share) => pooled.map((numbers) => quantile(numbers, share)));
  const predicted = places.map((_, column) => column).filter((column) => complete([bands[0][column], bands[4][column]]));
  const inside = values.flatMap((row) =>
    predicted.flatMap((column) => {
      const value = row[column];
      return value === null ? [] : [value >= bands[0][column] && value <= bands[4][column]];
    }),
  );
  const share = inside.filter(Boolean).length / inside.length;
  const covered = `${percent(share)} of the values of ${name}`;
  const verdict =
    inside.length > 0
      ? `${covered} lie within the 90 % that the model predicts for a row at their ${along}.`
      : `The model predicts no finite number for any value of ${name}.`;
  const plot = seriesPlot({ name, values, bands, along, places, unit, text: verdict });
  const rows = places.map((at, column) => [
    number(at),
    number(quantile(sorted(values.map((row) => row[column])), 0.5)),
    ...bands.map((band) => number(band[column])),
  ]);
  const element = h(
    "section",
    { "aria-label": `Check of ${name}` },
    h("h3", {}, name),
    h("p", {}, verdict),
    plot.element,
    details(
      `Predictions of ${name} as a table`,
      table(`Predictions of ${name}`, [along, "Observed median", "5 %", "25 %", "Median", "75 %", "95 %"], rows),
    ),
  );
  return { element, ready: plot.ready };
}

/** Statistics of the data beside those of replicated data. */
function statisticsTable(name, values, replicates) {
  const rows = Object.entries(STATISTICS).map(([label, statistic]) => {
    const own = statistic(values);
    const others = sorted(replicates.map(statistic));
    const above = others.filter((each) => each >= own).length / others.length;
    return [
      label,
      number(own),
      `${number(quantile(others, 0.05))} to ${number(quantile(others, 0.95))}`,
      percent(above),
    ];
  });
  const title = `${name} beside ${replicates.length} replicated data sets`;
  return table(title, ["Statistic", "Observed", "Middle 90 % of replicates", "Replicates at or above"], rows);
}
