"""Whether the numbers of an example survive as the 32-bit floats that programs compute with."""

from collections.abc import Iterator

import numpy as np

from model_registry.rehearsal.findings import Finding, problem
from model_registry.specification import Model

# Rounding errors up to this share of the standard deviation are no loss.
_TOLERATED = 1e-3


def look(model: Model) -> Iterator[Finding]:
    """A problem for each field of the example in which numbers that differ become the same when they are rounded.

    Such a loss makes a sound program look deaf to its latents, so this is looked at before anything is simulated.
    """
    stored = model.resolve(model.example).arrays
    for name, field in model.data.items():
        if field.dtype == "float":
            # As float, None is a number that is missing.
            yield from _lost(name, np.array(model.example[name], np.float64).ravel(), stored[name].ravel())


def _lost(name: str, written: np.ndarray, stored: np.ndarray) -> Iterator[Finding]:
    known = np.isfinite(written)
    written, stored = written[known], stored[known].astype(np.float64)
    distinct, kept = len(np.unique(written)), len(np.unique(stored))
    if kept == distinct:
        return
    error = np.abs((written - written[0]) - (stored - stored[0])).max()
    if error > _TOLERATED * written.std():
        yield problem(
            f"Data: {name} has {distinct} different numbers in the example, but only {kept} are left when they are "
            "rounded to 32-bit floats, with which programs compute. This is not the program's fault: have the data "
            "sent relative to a value near them, such as seconds since the first measurement, or in another unit."
        )
