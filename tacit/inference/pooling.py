"""Results of several restarts as one."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

# How a figure of several restarts is put together: counts add up, of what speaks against a fit the worst counts.
TOGETHER: dict[str, Callable[[Sequence[Any]], Any]] = {
    "loss_gen": lambda values: float(np.mean(values)),
    "loss_disc": lambda values: float(np.mean(values)),
    "ratio_correct": lambda values: float(np.mean(values)),
    "moved": max,
    "travelled": max,
    "widest": max,
    "k_hat": max,
    "skipped_updates": sum,
    "dropped_simulations": sum,
    "simulated_points": sum,
    "draws": sum,
    "proposed_draws": sum,
    "effective_draws": sum,
    "ess": sum,
    "resampled": all,
}


def pooled(figures: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The diagnostics of several restarts; a figure that one of them lacks is None, others are as in the first."""
    if len(figures) == 1:
        return dict(figures[0])
    found = {}
    for name, first in figures[0].items():
        values = [each[name] for each in figures]
        missing = any(value is None for value in values)
        found[name] = None if missing else TOGETHER[name](values) if name in TOGETHER else first
    return found


def comparison(judged: np.ndarray, chosen: list[int]) -> dict[str, Any]:
    """How the restarts compare: their losses above the best one's, averaged over judges; None where not finite.

    Args:
      judged: (R, R), of `restarts.judge`.
    """
    means = np.mean(judged, axis=1)
    finite = np.isfinite(means)
    above = means - np.min(means[finite]) if np.any(finite) else means
    return {
        "restarts": len(judged),
        "restart_losses": [float(x) if ok else None for x, ok in zip(above, finite, strict=True)],
        "chosen_restarts": chosen,
    }


def stacked(parts: Sequence[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Arrays of several restarts, restarts along axis 0; those of one restart as they are."""
    if len(parts) == 1:
        return parts[0]
    return {name: np.stack([part[name] for part in parts]) for name in parts[0]}


def averaged(parts: Sequence[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Losses of several restarts, averaged; the steps are the same for all."""
    return {name: np.mean([part[name] for part in parts], axis=0).astype(parts[0][name].dtype) for name in parts[0]}
