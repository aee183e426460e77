"""Summary of posterior draws."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Nested = list[Any] | float | int | bool | None


def summarize(draws: Mapping[str, NDArray[Any]]) -> dict[str, dict[str, Nested]]:
    """Mean, sd (divisor n - 1) and 5, 50, 95 % quantiles over the draws.

    Args:
        draws: Per variable an array of shape (draws, *shape).

    Returns:
        Per variable `{"mean", "sd", "q05", "q50", "q95"}`, each nested lists of shape `shape`.
    """
    # Draws that are not finite give statistics that are not; they are shown as such.
    with np.errstate(invalid="ignore", over="ignore"):
        return {name: _summary(np.asarray(values, dtype=np.float64)) for name, values in draws.items()}


def _summary(values: NDArray[np.float64]) -> dict[str, Nested]:
    spread = values.std(axis=0, ddof=1) if len(values) > 1 else np.full(values.shape[1:], np.nan)
    quantiles = np.quantile(values, (0.05, 0.5, 0.95), axis=0)
    return {
        "mean": to_json(values.mean(axis=0)),
        "sd": to_json(spread),
        "q05": to_json(quantiles[0]),
        "q50": to_json(quantiles[1]),
        "q95": to_json(quantiles[2]),
    }


def to_json(values: NDArray[Any]) -> Nested:
    """Nested lists of the array's shape; NaN and infinities, which JSON does not have, become None."""
    values = np.asarray(values)
    if np.issubdtype(values.dtype, np.floating) and not np.isfinite(values).all():
        finite = np.isfinite(values)
        values = values.astype(object)
        values[~finite] = None
    nested: Nested = values.tolist()
    return nested
