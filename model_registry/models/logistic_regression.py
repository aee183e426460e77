"""Bayesian logistic regression: how the chance of a yes depends on covariates."""

import jax
import numpy as np

from model_registry import Field, Model
from tacit.ppl import BernoulliLogits, Normal, plate


def program(x: jax.Array) -> None:
    num_points, num_covariates = x.shape
    w = Normal(0.0, 2.5, name="w", sample_shape=(num_covariates,))
    with plate("N", num_points):
        BernoulliLogits(x @ w, name="y")


# The 23 flights of the space shuttle before Challenger's last whose boosters were recovered: temperature at launch
# (degrees Fahrenheit), and whether any O-ring of the booster joints showed thermal distress.
TEMPERATURE = [66, 70, 69, 68, 67, 72, 73, 70, 57, 63, 70, 78, 67, 53, 67, 75, 70, 81, 76, 79, 75, 76, 58]
DISTRESS = [0, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 1]


def design() -> np.ndarray:
    """A column of ones, for the intercept, and the temperature with mean 0 and standard deviation 1."""
    temperature = np.array(TEMPERATURE, dtype=float)
    standardised = (temperature - temperature.mean()) / temperature.std(ddof=1)
    return np.round(np.column_stack([np.ones(len(temperature)), standardised]), 4)


model = Model(
    name="logistic-regression",
    title="Logistic regression",
    description=(
        "y is 1 with probability 1 / (1 + exp(-x w)), with independent Normal(0, 2.5) priors on the coefficients w. "
        "Standardise the covariates; put a column of ones among them to have an intercept."
    ),
    program=program,
    data={
        "x": Field(("N", "D"), description="covariates, a row for each observation, standardised"),
        "y": Field(("N",), dtype="int", support="boolean", description="whether it happened"),
    },
    example={"x": design(), "y": DISTRESS},
    references=(
        "Data: Dalal, Fowlkes and Hoadley (1989), Risk analysis of the space shuttle: pre-Challenger prediction of "
        "failure, Journal of the American Statistical Association 84, 945-957",
    ),
)
