// Watching a fit until it has ended.

import { follow } from "./events.js";
import { announce, fill, h } from "./elements.js";
import { lossesPlot } from "./losses_plot.js";
import { count, duration, number } from "./words.js";

/** How often, in shares of the whole, progress is said aloud. */
const SAID_EVERY = 0.25;

const COMPILING = "A worker has begun: it compiles the model, then the steps follow.";

/** The progress of a fit and its losses; `watch` follows it until its end and tells each new status. */
export function progressView(fit) {
  const bar = h("progress", { max: 1, "aria-label": "Progress of the fit" });
  const words = h("p", { class: "progress-words" });
  const trouble = h("p", { class: "muted" });
  const log = h("ul", { class: "log" });
  const plot = lossesPlot();
  const losses = { step: [], loss_gen: [], loss_disc: [] };
  const picture = h("div", {});
  let said = 0;
  let began = fit.started_at === null ? null : Date.parse(fit.started_at);
  fill(words, fit.status === "queued" ? waiting(fit.queue_position) : COMPILING);

  function step(record, at) {
    if (losses.step.length === 0) fill(picture, plot.element);
    const share = record.step / record.total;
    bar.value = share;
    fill(words, inWords(record, began === null ? null : (at - began) / 1000));
    // An attempt that goes on from a checkpoint repeats some steps.
    const kept = losses.step.filter((each) => each < record.step).length;
    for (const name of Object.keys(losses)) losses[name].splice(kept, Infinity, record[name] ?? null);
    plot.show(losses);
    if (share >= said + SAID_EVERY) {
      said = Math.floor(share / SAID_EVERY) * SAID_EVERY;
      announce(`${Math.round(100 * share)} % of the steps are done.`);
    }
  }

  return {
    element: h("div", {}, bar, words, trouble, picture, log),
    watch(signal, onStatus) {
      return follow(`v1/fits/${fit.id}/events`, {
        signal,
        onBreak: () => fill(trouble, "The connection broke off; trying again …"),
        onEvent({ type, data, at }) {
          fill(trouble);
          if (type === "progress") step(data, Date.parse(at));
          else if (type === "log") log.append(h("li", {}, data.message));
          else {
            if (data.status === "running") {
              began = Date.parse(at);
              fill(words, COMPILING);
            }
            onStatus(data.status);
          }
        },
      });
    },
  };
}

function waiting(position) {
  if (position === null) return "Waiting for a worker.";
  return position === 0 ? "Next in the queue." : `${count(position, "fit")} before this one.`;
}

/** Where a fit stands, so many seconds after its worker began. Its speed and the time left may not be known yet. */
function inWords({ step, total, steps_per_s: speed, eta_s: left }, elapsed) {
  const rate = speed ? `, ${number(Math.round(speed))} steps a second` : "";
  const end = left === null || left === undefined ? "" : `, ${duration(left)} left`;
  const since = elapsed === null ? "" : ` after ${duration(elapsed)}`;
  return `Step ${number(step)} of ${number(total)}${since}${rate}${end}.`;
}
