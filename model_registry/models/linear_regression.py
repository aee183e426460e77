"""Bayesian linear regression with known noise: the exact posterior exists in closed form, so the fit can be checked."""

import jax
import numpy as np

from model_registry import Field, Model
from tacit.ppl import Normal, plate


def program(x: jax.Array) -> None:
    num_points, num_covariates = x.shape
    # Independent copies that are no data points: sample_shape, not a plate. `w` is global.
    w = Normal(0.0, 1.0, name="w", sample_shape=(num_covariates,))
    with plate("N", num_points):
        Normal(x @ w, 1.0, name="y")


# 21 days of a plant that oxidises ammonia to nitric acid: air flow, temperature of the cooling water (C), concentration
# of the acid (per mille, less 500), and the ammonia lost through the stack (tenths of a per cent of what went in).
STACK_LOSS = np.array(
    [
        [80, 27, 89, 42],
        [80, 27, 88, 37],
        [75, 25, 90, 37],
        [62, 24, 87, 28],
        [62, 22, 87, 18],
        [62, 23, 87, 18],
        [62, 24, 93, 19],
        [62, 24, 93, 20],
        [58, 23, 87, 15],
        [58, 18, 80, 14],
        [58, 18, 89, 14],
        [58, 17, 88, 13],
        [58, 18, 82, 11],
        [58, 19, 93, 12],
        [50, 18, 89, 8],
        [50, 18, 86, 7],
        [50, 19, 72, 8],
        [50, 19, 79, 8],
        [50, 20, 80, 9],
        [56, 20, 82, 15],
        [70, 20, 91, 15],
    ]
)
# The noise of the model is 1, so the response is measured in the residual standard deviation of least squares.
RESIDUAL_SD = 3.243


def standardised(columns: np.ndarray) -> np.ndarray:
    """Each column with mean 0 and standard deviation 1."""
    return (columns - columns.mean(axis=0)) / columns.std(axis=0, ddof=1)


model = Model(
    name="linear-regression",
    title="Linear regression with known noise",
    description=(
        "y = x w + noise, with independent Normal(0, 1) noise and Normal(0, 1) priors on the coefficients w. There is "
        "no intercept: centre y and the columns of x, and measure y in units of its noise."
    ),
    program=program,
    data={
        "x": Field(("N", "D"), description="covariates, a row for each observation, standardised"),
        "y": Field(("N",), description="response, centred", unit="standard deviation of the noise"),
    },
    example={
        "x": np.round(standardised(STACK_LOSS[:, :3]), 4),
        "y": np.round((STACK_LOSS[:, 3] - STACK_LOSS[:, 3].mean()) / RESIDUAL_SD, 4),
    },
    references=(
        "Data: stack loss, Brownlee (1965), Statistical Theory and Methodology in Science and Engineering, p. 454",
        "Exact posterior: Normal(S x'y, S) with S the inverse of x'x + I",
    ),
)
