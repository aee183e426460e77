"""How draws are compared with a reference."""

import numpy as np


def compare(draws: np.ndarray, mean: np.ndarray, sd: np.ndarray) -> tuple[float, float, float, float]:
    """Largest and mean error of the means in posterior sds, smallest and largest sd ratio."""
    error = np.abs(draws.mean(axis=0) - mean) / sd
    ratio = draws.std(axis=0) / sd
    return error.max(), error.mean(), ratio.min(), ratio.max()
