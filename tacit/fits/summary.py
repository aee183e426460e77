"""Summary of posterior draws."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Nested = list[Any] | float | int | bool | None


# Beside the statistics of a variable: how many of its draws have a number that is NaN.
FAILED = "failed_draws"
_SHOWN = (0.05, 0.5, 0.95)
_BESIDE: tuple[Literal["lower", "higher"], ...] = ("lower", "higher")


def summarize(draws: Mapping[str, NDArray[Any]]) -> dict[str, dict[str, Nested]]:
    """Mean, sd (divisor n - 1) and 5, 50, 95 % quantiles over the draws.

    Each number's are those of the draws in which it is one: what cannot be computed at a draw is NaN there.

    Args:
        draws: Per variable an array of shape (draws, *shape).

    Returns:
        Per variable `{"mean", "sd", "q05", "q50", "q95"}`, each nested lists of shape `shape`, and how many draws have
        a NaN, `failed_draws`.
    """
    # Infinite draws give statistics that are not finite; they are shown as such.
    with np.errstate(invalid="ignore", over="ignore"):
        return {name: _summary(np.asarray(values, dtype=np.float64)) for name, values in draws.items()}


def _summary(values: NDArray[np.float64]) -> dict[str, Nested]:
    shape = values.shape[1:]
    flat = values.reshape(len(values), -1)
    missing = np.isnan(flat)
    known = np.ma.array(flat, mask=missing)
    low, middle, high = quantiles_of(flat, _SHOWN)
    named = {
        "mean": known.mean(axis=0).filled(np.nan),
        "sd": known.std(axis=0, ddof=1).filled(np.nan),
        "q05": low,
        "q50": middle,
        "q95": high,
    }
    found = {name: to_json(numbers.reshape(shape)) for name, numbers in named.items()}
    return {**found, FAILED: int(missing.any(axis=1).sum())}


def quantiles_of(block: NDArray[Any], probabilities: Sequence[float]) -> NDArray[np.float64]:
    """Quantiles along axis 0 of the numbers that are not NaN; NaN where there are none. Infinite ones are values.

    Args:
        block: Of shape (draws, numbers).

    Returns:
        Of shape (probabilities, numbers).
    """
    missing = np.isnan(block)
    with np.errstate(invalid="ignore"):
        found: NDArray[np.float64] = np.quantile(block, probabilities, axis=0)
        some = missing.any(axis=0) & ~missing.all(axis=0)
        if some.any():
            found[:, some] = np.nanquantile(block[:, some], probabilities, axis=0)
        # NumPy makes NaN of every quantile beside an infinite draw, also of one that is a finite draw.
        odd = np.isnan(found).any(axis=0) & ~missing.all(axis=0)
        if odd.any():
            low, high = (np.nanquantile(block[:, odd], probabilities, axis=0, method=each) for each in _BESIDE)
            beside = np.where(low == high, low, low + high)
            found[:, odd] = np.where(np.isnan(found[:, odd]), beside, found[:, odd])
    return found


def to_json(values: NDArray[Any]) -> Nested:
    """Nested lists of the array's shape; NaN and infinities, which JSON does not have, become None."""
    values = np.asarray(values)
    if np.issubdtype(values.dtype, np.floating) and not np.isfinite(values).all():
        finite = np.isfinite(values)
        values = values.astype(object)
        values[~finite] = None
    nested: Nested = values.tolist()
    return nested
