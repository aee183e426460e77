"""Importance weights of draws of q: how far they can be trusted, and draws resampled by them.

The weights are target / q, their largest smoothed by a generalised Pareto law fitted to the tail (Vehtari et al., 2024,
Pareto smoothed importance sampling). The target is the posterior; in ImplicitKLqp, as the ratio estimator sees it.
"""

from typing import Any, NamedTuple

import numpy as np

K_HAT_LIMIT = 0.7
# With so large a share of effective draws the weights are all but equal, and the shape of their tail is of no account.
EQUAL_WEIGHTS = 0.9
# So many draws of q are weighed for each draw wanted, but at least LEAST: few draws say little about a tail.
PROPOSED_PER_DRAW = 4
LEAST = 1000
# With fewer weights there is no tail to fit.
TOO_FEW = 100
# Log weights that differ by less are taken for equal.
EQUAL = 1e-6


class Importance(NamedTuple):
    """Smoothed `weights` (S,) that sum to one, the shape `k_hat` of their tail, and how many equally weighted draws
    they are worth; all None where the weights are not finite, too few or too uneven to tell."""

    weights: np.ndarray | None
    k_hat: float | None
    effective_draws: float | None


def importance(log_weight: np.ndarray) -> Importance:
    """Smooths S log weights, known up to a constant; that of a draw where the target has no mass is minus infinity."""
    finite = np.isfinite(log_weight)
    if not np.all(finite | (log_weight == -np.inf)) or finite.sum() < TOO_FEW:
        return Importance(None, None, None)
    if np.ptp(log_weight) < EQUAL:
        # No tail whose shape could be fitted, nor any need to: k-hat is that of a light one.
        return Importance(np.full(len(log_weight), 1.0 / len(log_weight)), 0.0, float(len(log_weight)))
    # The library takes log likelihoods, of which the weights are the inverse, and knows no weight of zero.
    known = log_weight.astype(np.float64)
    # Weights so uneven that the library divides by zero have no tail that could be fitted.
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        smoothed, k_hat = smoother().psislw(-np.where(finite, known, known.max() - 700.0))
    if not np.isfinite(k_hat) or not np.all(np.isfinite(smoothed[finite])):
        return Importance(None, None, None)
    weights = np.where(finite, np.exp(smoothed - smoothed.max()), 0.0)
    weights /= weights.sum()
    return Importance(weights, float(k_hat), float(1.0 / (weights**2).sum()))


def smoother() -> Any:
    """The library that smooths weights. Its first import takes a second or more, with xarray and pandas: a process that
    weighs no draws does without, and one that will may call this while it has nothing else to do."""
    from arviz_stats.base import array_stats

    return array_stats


def heavy_tailed(k_hat: float, effective_draws: float, proposed: int) -> bool:
    """Whether a few of the `proposed` draws carry so much weight that the weights say little."""
    return k_hat > K_HAT_LIMIT and effective_draws < EQUAL_WEIGHTS * proposed


def usable(found: Importance) -> bool:
    """Whether draws may be resampled by the weights."""
    if found.weights is None or found.k_hat is None or found.effective_draws is None:
        return False
    return not heavy_tailed(found.k_hat, found.effective_draws, len(found.weights))


def proposed(num_draws: int) -> int:
    """How many draws of q to weigh for `num_draws` resampled ones."""
    return max(PROPOSED_PER_DRAW * num_draws, LEAST)


def resampled(uniform: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Indices of draws by systematic resampling, in random order: a draw of weight w comes n w times, rounded up or
    down.

    Args:
      uniform: (1 + n,) uniform numbers.
      weights: (S,), summing to one.
    """
    num_draws = len(uniform) - 1
    at = (np.arange(num_draws) + uniform[0]) / num_draws
    chosen = np.minimum(np.searchsorted(np.cumsum(weights), at, side="right"), len(weights) - 1)
    return np.asarray(chosen[np.argsort(uniform[1:])])


def worth(index: np.ndarray) -> float:
    """How many independent draws resampled ones are worth, at most as many as there are: n^2 / sum of squared counts,
    since a draw that comes k times says no more than once.

    Args:
      index: (n,) indices of the draws taken, as `resampled` gives them.
    """
    return float(len(index) ** 2 / np.sum(np.bincount(index).astype(np.float64) ** 2))
