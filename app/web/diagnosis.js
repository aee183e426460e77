// Whether a fit can be trusted, in words.

import { details, h, table } from "./elements.js";
import { number, percent } from "./words.js";

const GOOD_K_HAT = 0.7;

const MEANINGS = {
  k_hat: "Pareto k-hat: below 0.7 the family reaches the posterior",
  effective_draws: "How many independent draws the weighed draws are worth",
  proposed_draws: "Draws weighed to judge the fit",
  ess: "How many independent draws of the target the stored draws are worth",
  moved: "How far the fit still moved at the end, in posterior standard deviations; a quarter is much",
  travelled: "How much of the way that it may go in a round the fit went in the last one; 0.6 is too much",
  widest: "Largest standard deviation of a latent, in units of the prior's; 2 is too much",
  ratio_correct: "Share of draws that the ratio estimator told apart",
  ratio_chance: "The share that guessing would get right",
  loss_gen: "Variational loss at the end",
  loss_disc: "Loss of the ratio estimator at the end",
  steps: "Steps made",
  skipped_updates: "Updates that were not finite and were skipped",
  simulated_points: "Data points simulated",
  dropped_simulations: "Simulations that were not finite",
  simulation_failures: "How often the simulator failed, and why",
  simulations: "Data sets simulated",
  ratio_estimators: "Ratio estimators, each of which learnt of the same simulations, and of which the mean was taken",
  held_out_gap: "How much more the ratio estimator loses on new simulations than on those learnt from; 0.3 is much",
  summary: "Whether it sees a learnt summary of the data instead of their numbers, or beside them",
  simulation_budget: "Data sets that might have been simulated",
  divergence: "How far the posterior is from the family, as a divergence in nats; what resampling then corrects",
  calibration: "How often posteriors of held-out simulations hold what made them; whether other data are answered",
  surprise: "Share of data sets simulated at the prior that are as far out as the data",
};

/** The verdict, the warnings, and the figures behind them. */
export function diagnosis(fit, { figures }) {
  const rows = Object.entries(figures).map(([name, value]) => [
    h("code", {}, name),
    shown(value),
    MEANINGS[name] ?? "",
  ]);
  return h(
    "div",
    {},
    verdict(fit, figures),
    details("Figures", table("Figures to judge the fit by", ["Figure", "Value", "Meaning"], rows)),
  );
}

function verdict(fit, figures) {
  if (fit.warnings.length > 0) {
    const items = fit.warnings.map((each) => h("li", {}, each));
    return h("div", { class: "warning" }, h("p", {}, "This speaks against it:"), h("ul", {}, items));
  }
  // Why a fit has failed is said elsewhere.
  if (fit.status !== "succeeded") return null;
  return h("p", { class: "good" }, `Nothing speaks against this fit. ${inWords(figures)}`);
}

function inWords({ k_hat: kHat, effective_draws: effective, proposed_draws: proposed }) {
  if (!Number.isFinite(kHat) || !proposed) return "";
  const worth = `the draws are worth ${percent(effective / proposed)} of as many from its target.`;
  // Weights that are all but equal have no tail to speak of.
  if (kHat >= GOOD_K_HAT) return `The importance weights are all but equal: ${worth}`;
  return `Pareto k-hat is ${number(kHat)} (below ${GOOD_K_HAT} is good); ${worth}`;
}

function shown(value) {
  if (typeof value === "number" || value === null) return number(value);
  return typeof value === "string" ? value : JSON.stringify(value);
}
