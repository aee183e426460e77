"""Whether to trust a fit: figures, and sentences that say when not to.

`k_hat` is the shape of the generalised Pareto tail of the importance weights target / q (Vehtari et al., 2024, Pareto
smoothed importance sampling): above 0.7 q misses a part of the target, unless the weights are all but equal. In
ImplicitKLqp the target is the posterior as the ratio estimator sees it, so `k_hat` judges the family; the estimator is
judged by `ratio_correct`, and by how far calibration had to move q.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from tacit.inference import amortized, constants, families, forward, resampling
from tacit.inference.implicit_klqp import ARRIVED_TRUST, TRUST_LOC, TRUST_LOG_SCALE
from tacit.inference.rounds import CALIBRATE, TRAVELS
from tacit.inference.state import Setup, State

# q counts as still moving when at the end it is so far from its average, in standard deviations of a mean.
MOVING = 0.25
SATURATED = 0.99
# No posterior is wider than its prior by much more than this, in standard deviations of unconstrained latents.
WIDEST = 2.0
# The importance weights of q have no mean where the shape of their tail is above this (Vehtari et al., 2024).
NO_MEAN = 1.0
# Simulations on which r loses so much more than on those it has learnt from, in nats, say that it knows those by heart.
BY_HEART = 0.3
SURPRISING = (
    "The observed data lie outside what the model produces: none of the data sets simulated at the prior is as far "
    "out. If the model cannot produce such data, its posterior means little: check the data's units, the prior, and "
    "prior-predictive draws."
)


def diagnostics(
    setup: Setup,
    state: State,
    last: families.GaussianBlocks,
    average: families.GaussianBlocks,
    losses: Mapping[str, np.ndarray],
    *,
    simulated: int,
) -> dict[str, Any]:
    """Figures over the last tenth of the steps; `last` and `average` are the Gaussians that stand for q.

    `ratio_chance` is what guessing scores on `ratio_correct`; `moved` is the distance of the last q from the average,
    in posterior standard deviations. Those of the importance weights, `k_hat` and `effective_draws` out of
    `proposed_draws`, come from `finish`.
    """
    steps = int(losses["step"][-1])
    late = losses["step"] > 0.9 * steps
    # Calibration makes no ratio updates, so the ratio is judged by the last updates before it.
    learnt = (losses["step"] > 0.9 * CALIBRATE * steps) & (losses["step"] <= CALIBRATE * steps)
    learnt = learnt if np.any(learnt) else losses["step"] > 0
    figures: dict[str, Any] = {
        "method": setup.method,
        "steps": steps,
        "loss_gen": float(np.mean(losses["loss_gen"][late])),
        "moved": _distance(average, last),
        "widest": _widest(average),
        "skipped_updates": int(state.skipped),
    }
    if setup.calibrated:
        limit = ARRIVED_TRUST * TRUST_LOC, ARRIVED_TRUST * TRUST_LOG_SCALE
        figures["travelled"] = float(families.distance(state.frame, average, *limit))
    if setup.method == "implicit_klqp":
        figures |= {
            "loss_disc": float(np.mean(losses["loss_disc"][learnt])),
            "ratio_correct": float(np.mean(losses["correct"][learnt])),
            "ratio_chance": 1.0 / setup.latent_samples if setup.contrast == "marginal" else 0.5,
            "simulated_points": simulated,
            "dropped_simulations": int(state.dropped),
        }
    return figures


def forward_diagnostics(
    setup: Setup, data: forward.Prepared, state: forward.State, losses: Mapping[str, np.ndarray]
) -> dict[str, Any]:
    """Figures of a fit under the forward objective, over the last tenth of the steps.

    `family`: what q ended as; `divergence`: KL(target || q), an estimate; `surprise`: the share of data sets simulated
    at the prior that are at least as far out as the observed one; `ratio_estimators`: of how many r is the mean in the
    end; `held_out_gap`: by how much its loss is more on simulations not yet learnt from, None where no batch came late
    enough to be asked; of observed variables that have an order, `summary`: whether r sees a summary `instead` of their
    numbers or `beside` them; of external simulators, `simulation_failures`: how often they failed in this process, by
    reason, the three most common.
    """
    steps = int(losses["step"][-1])
    late = losses["step"] > 0.9 * steps
    more: dict[str, Any] = {}
    if forward.has_choice(setup.layout):
        more["summary"] = "beside" if state.judged.beside > 0 else "instead"
    if setup.layout.external:
        more["simulation_failures"] = _most_common_failures(setup)
    return {
        "method": "implicit_klqp",
        "objective": "forward",
        "family": "flow" if state.bent else "full_rank",
        "steps": steps,
        "loss_gen": float(np.mean(losses["loss_gen"][late])),
        "loss_disc": float(np.mean(losses["loss_disc"][late])),
        "ratio_correct": float(np.mean(losses["correct"][late])),
        "divergence": float(state.divergence),
        "surprise": forward.surprise(setup, data),
        "simulations": int(state.ring.written),
        "ratio_estimators": int(state.learning),
        # Zero as long as nothing was asked: of a session that ends before its last batches, or that has none.
        "held_out_gap": float(state.judged.gap) or None,
        "dropped_simulations": int(state.dropped),
        "skipped_updates": int(state.skipped),
        "left_out": constants.described(setup.layout, data.left_out),
        **more,
    }


def amortized_diagnostics(
    setup: Setup, data: forward.Prepared, state: amortized.State, losses: Mapping[str, np.ndarray], *, simulated: int
) -> dict[str, Any]:
    """Figures of a fit under the amortized objective.

    `loss_gen`: mean of -log q(u | x) on held-out simulations, in nats, of latents standardised by the prior;
    `loss_disc`: the ratio estimator's on them; `ratio_correct` in the last tenth of the steps, and `ratio_chance`, what
    guessing scores; `surprise` and `simulation_failures` as under the forward objective.
    """
    steps = int(losses["step"][-1])
    late = losses["step"] > 0.9 * steps
    more = {"simulation_failures": _most_common_failures(setup)} if setup.layout.external else {}
    return {
        "method": "implicit_klqp",
        "objective": "amortized",
        "family": "mixture",
        "steps": steps,
        "loss_gen": float(state.law_best.loss),
        "loss_disc": float(state.ratio_best.loss),
        "ratio_correct": float(np.mean(losses["correct"][late])),
        "ratio_chance": 1.0 / (1 + amortized.AGAINST),
        "surprise": forward.surprise(setup, data),
        "simulations": simulated,
        "dropped_simulations": int(state.dropped),
        "skipped_updates": int(state.skipped),
        "left_out": constants.described(setup.layout, data.left_out),
        **more,
    }


def coverage_in_words(calibration: Mapping[str, Any]) -> str:
    """How many held-out latents posteriors hold, of the latent where they hold least of what they should."""
    half, most = calibration["coverage_50"], calibration["coverage_90"]
    worst = min(most, key=lambda name: min(half[name] - 0.5, most[name] - 0.9))
    return (
        f"90% intervals of {worst} hold {most[worst]:.0%} of the latents that made held-out simulations, 50% intervals "
        f"{half[worst]:.0%}"
    )


def amortized_warnings(figures: Mapping[str, Any], posterior: Mapping[str, np.ndarray]) -> list[str]:
    """One sentence for each thing that speaks against a fit under the amortized objective, or against the posterior of
    the data it was given."""
    found = answer_warnings(figures, posterior)
    calibration = figures["calibration"]
    if not calibration["offered"]:
        found.append(
            f"Posteriors of other data sets are not offered: {coverage_in_words(calibration)}. Give the fit more "
            "simulations and steps, or fit each data set by itself (objective forward)."
        )
    if figures["skipped_updates"]:
        found.append(f"{figures['skipped_updates']} updates were not finite and were skipped.")
    if figures["dropped_simulations"]:
        share = figures["dropped_simulations"] / figures["simulations"]
        why = _reasons(figures.get("simulation_failures", {}))
        found.append(f"{share:.2%} of the simulations were not finite{why}, and were left out.")
    return found


def answer_warnings(figures: Mapping[str, Any], posterior: Mapping[str, np.ndarray]) -> list[str]:
    """One sentence for each thing that speaks against the posterior of one data set under the amortized objective."""
    found = [SURPRISING] if figures["surprise"] == 0.0 else []
    if figures["k_hat"] is None:
        found.append(
            "The importance weights are not finite: the posterior cannot be judged, and should not be trusted."
        )
    elif resampling.heavy_tailed(figures["k_hat"], figures["effective_draws"], figures["proposed_draws"]):
        found.append(
            f"Pareto k-hat is {figures['k_hat']:.2f}, above {resampling.K_HAT_LIMIT}: the network's answer for these "
            "data is far from what the ratio estimator finds. The draws are the network's, not corrected. Refine it by "
            "a fit of these data."
        )
    return found + _left_out(figures) + _not_finite(posterior)


def _left_out(figures: Mapping[str, Any]) -> list[str]:
    found = figures.get("left_out")
    if not found:
        return []
    others = f" {found['count'] - 1} other numbers contradict the simulator too." if found["count"] > 1 else ""
    were = "They were" if others else "It was"
    return [
        f"The simulator always makes {found['simulated']:.6g} for {found['place']}, and the data have "
        f"{found['observed']:.6g}.{others} No values of the latents explain that. {were} left out of the fit: check "
        "the data, or let the model vary there."
    ]


def _not_finite(posterior: Mapping[str, np.ndarray]) -> list[str]:
    infinite = [name for name, value in posterior.items() if not np.all(np.isfinite(value))]
    return [f"Some draws of {', '.join(infinite)} are not finite."] if infinite else []


def _most_common_failures(setup: Setup) -> dict[str, int]:
    failures: Counter[str] = sum((each.failures for each in setup.layout.external), Counter())
    return dict(failures.most_common(3))


def _reasons(failures: Mapping[str, int]) -> str:
    return f" ({'; '.join(f'{count} times: {reason}' for reason, count in failures.items())})" if failures else ""


def forward_warnings(figures: Mapping[str, Any], posterior: Mapping[str, np.ndarray]) -> list[str]:
    """One sentence for each thing that speaks against a fit under the forward objective, with what to do about it."""
    found = []
    if figures["surprise"] == 0.0:
        found.append(SURPRISING)
    if figures["k_hat"] is None:
        found.append("The importance weights are not finite: the fit cannot be judged, and should not be trusted.")
    elif resampling.heavy_tailed(figures["k_hat"], figures["effective_draws"], figures["proposed_draws"]):
        found.append(
            f"Pareto k-hat is {figures['k_hat']:.2f}, above {resampling.K_HAT_LIMIT}: q does not cover all of the "
            "posterior. The draws are those of q, not corrected. Give the fit more simulations, and as many more steps."
        )
    if (figures["held_out_gap"] or 0.0) > BY_HEART:
        found.append(
            f"The ratio estimator's loss is {figures['held_out_gap']:.2f} nats more on new simulations than on those "
            "that it has learnt from: it knows these by heart, and the posterior is then too narrow. Give the fit more "
            "simulations, or fewer steps."
        )
    if figures["skipped_updates"]:
        found.append(f"{figures['skipped_updates']} updates were not finite and were skipped.")
    if figures["dropped_simulations"]:
        share = figures["dropped_simulations"] / figures["simulations"]
        why = _reasons(figures.get("simulation_failures", {}))
        found.append(
            f"{share:.2%} of the simulations were not finite{why}. That is an outcome like others: the posterior "
            "is that of latents at which the program works."
        )
    return found + _left_out(figures) + _not_finite(posterior)


def warnings(figures: Mapping[str, Any], posterior: Mapping[str, np.ndarray]) -> list[str]:
    """One sentence for each thing that speaks against the fit, with what to do about it."""
    found = []
    if figures["k_hat"] is None:
        found.append("The importance weights are not finite: the fit cannot be judged, and should not be trusted.")
    elif resampling.heavy_tailed(figures["k_hat"], figures["effective_draws"], figures["proposed_draws"]):
        found.append(
            f"Pareto k-hat is {figures['k_hat']:.2f}, above {resampling.K_HAT_LIMIT}: the variational family and "
            f"{_target(figures)} differ. {_why_they_differ(figures)} Do not rely on this posterior before you have "
            "checked it by another fit: with more steps, with family='flow', or by another objective."
        )
    if figures["moved"] > MOVING:
        found.append(
            f"The fit was still moving at the end (by {figures['moved']:.2f} posterior standard deviations): give it "
            "more steps."
        )
    if figures["skipped_updates"]:
        found.append(f"{figures['skipped_updates']} updates were not finite and were skipped.")
    found += _left_out(figures) + _not_finite(posterior)
    return found + (_ratio_warnings(figures) if figures["method"] == "implicit_klqp" else [])


def not_converged(figures: Mapping[str, Any]) -> str | None:
    """Why the fit has not arrived at its target, and what to do; None where nothing says so.

    A fit in which q still went its way when the steps were over is of no use, and neither is one whose posterior is far
    wider than the prior. The forward objective makes q cover the target: weights without a mean say that it does not.
    """
    if figures.get("travelled", 0.0) >= TRAVELS:
        return _advice(
            "the variational family was still on its way to the posterior when the steps were over: in the last round "
            f"it went {figures['travelled']:.0%} of as far as it may go in one"
        )
    if figures.get("moved", 0.0) >= TRAVELS:
        return _advice(f"it was still moving at the end, by {figures['moved']:.2f} posterior standard deviations")
    if figures.get("widest", 0.0) > WIDEST:
        return _advice(
            f"its standard deviations are up to {figures['widest']:.1f} times those of the prior, and data do not make "
            "a posterior so much wider"
        )
    k_hat = figures["k_hat"]
    if k_hat is None and figures["proposed_draws"] >= resampling.TOO_FEW:
        return _advice("the importance weights of its draws are not finite or too uneven to tell anything")
    uncovered = figures.get("objective") == "forward" and k_hat is not None and k_hat > NO_MEAN
    if uncovered and resampling.heavy_tailed(k_hat, figures["effective_draws"], figures["proposed_draws"]):
        return _advice(
            f"Pareto k-hat is {k_hat:.2f}: above 1 the importance weights have no mean, so the variational family does "
            "not cover the posterior"
        )
    return None


def _advice(reason: str) -> str:
    return (
        f"The fit has not converged: {reason}. Give it more steps or simulations; bring data and covariates to a scale "
        "of about 1; or narrow priors that allow what is impossible. Where the model has log densities, method 'klqp' "
        "needs no ratio estimator."
    )


def _target(figures: Mapping[str, Any]) -> str:
    return "the posterior" if figures["method"] == "klqp" else "the posterior as the ratio estimator sees it"


def _why_they_differ(figures: Mapping[str, Any]) -> str:
    if figures["method"] == "klqp":
        return "The posterior has heavier tails, bends or further modes."
    return (
        "Either the posterior has heavier tails, bends or further modes, or the ratio estimator is wrong in places, as "
        "it is with very many data points."
    )


def _ratio_warnings(figures: Mapping[str, Any]) -> list[str]:
    found = []
    if figures["ratio_correct"] <= figures["ratio_chance"]:
        found.append(
            "The ratio estimator does no better than chance: the data may say nothing about the latents, or it needs "
            "more steps."
        )
    if figures["ratio_correct"] > SATURATED:
        found.append(
            "The ratio estimator is saturated: it tells the two sides apart without fail, so its slope, from which the "
            "posterior comes, is not reliable."
        )
    if figures["dropped_simulations"]:
        share = figures["dropped_simulations"] / figures["simulated_points"]
        found.append(f"{share:.2%} of the simulated points were not finite and were dropped.")
    return found


def _distance(frame: families.GaussianBlocks, q: families.GaussianBlocks) -> float:
    """The largest move of a mean, in the frame's standard deviations, or twice the largest of a log scale."""
    return float(families.distance(frame, q, 1.0, 0.5))


def _widest(q: families.GaussianBlocks) -> float:
    """The largest standard deviation of a latent number, in units of the prior's."""
    of_globals = np.asarray(q.tril, np.float64)
    variances = [np.sum(of_globals**2, axis=1)]
    parts = (np.asarray(each, np.float64) for each in (q.local_tril, q.coupling))
    variances.append(sum(np.sum(part**2, axis=-1) for part in parts))
    return float(np.sqrt(max((np.max(each) for each in variances if each.size), default=0.0)))
