"""The original contrast on the regression example of its paper: what it is worth, and what the marginal one is."""

import time
from collections.abc import Iterator

import jax
import numpy as np

from benchmarks.comparing import compare
from tacit.inference import InferenceOptions, Problem, fit
from tacit.ppl import Normal, plate

NUM_DRAWS = 4000
SEEDS = (0, 1, 2)
NUM_POINTS, NUM_COVARIATES = 500, 2


def regression(seed: int) -> tuple[Problem, tuple[np.ndarray, np.ndarray]]:
    """y = x w + noise with standard normal x, w and noise, and the conjugate posterior of w."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(NUM_POINTS, NUM_COVARIATES)).astype(np.float32)
    y = (x @ rng.normal(size=NUM_COVARIATES) + rng.normal(size=NUM_POINTS)).astype(np.float32)

    def program(x: jax.Array) -> None:
        w = Normal(0.0, 1.0, name="w", sample_shape=(NUM_COVARIATES,))
        with plate("N", x.shape[0]):
            Normal(x @ w, 1.0, name="y")

    covariance = np.linalg.inv(np.eye(NUM_COVARIATES) + x.T @ x)
    problem = Problem(program, observed={"y": y}, inputs={"x": x}, axes={"x": ("N", "D")})
    return problem, (covariance @ x.T @ y, np.sqrt(np.diag(covariance)))


def empirical() -> Iterator[str]:
    """Regression with 500 points and two coefficients, by both contrasts, against the conjugate posterior."""
    yield "| contrast | data set and seed | max / mean error of means (sds) | sd ratios | seconds |"
    yield "|---|---|---|---|---|"
    for contrast in ("empirical", "marginal"):
        for seed in SEEDS:
            problem, answer = regression(seed)
            start = time.perf_counter()
            options = InferenceOptions(contrast=contrast)
            result = fit(jax.random.key(seed), problem, options=options, num_draws=NUM_DRAWS)
            seconds = time.perf_counter() - start
            worst, mean, low, high = compare(result.posterior["w"], *answer)
            row = f"{worst:.2f} / {mean:.2f} | {low:.2f}-{high:.2f} | {seconds:.0f}"
            yield f"| {contrast} | {seed} | {row} |"
