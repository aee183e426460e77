"""Bayesian Poisson regression: how a rate of counts depends on covariates."""

import jax
import jax.numpy as jnp
import numpy as np

from model_registry import Field, Model
from tacit.ppl import Normal, Poisson, plate


def program(x: jax.Array) -> None:
    num_points, num_covariates = x.shape
    w = Normal(0.0, 2.0, name="w", sample_shape=(num_covariates,))
    with plate("N", num_points):
        Poisson(jnp.exp(x @ w), name="y")


# 41 male African elephants in Amboseli, observed for eight years: age at the beginning (years), successful matings.
ELEPHANTS = {
    "age": [
        *[27, 28, 28, 28, 28, 29, 29, 29, 29, 29, 29, 30, 32, 33, 33, 33, 33, 33, 34, 34, 34],
        *[34, 36, 36, 37, 37, 37, 38, 39, 41, 42, 43, 43, 43, 43, 43, 44, 45, 47, 48, 52],
    ],
    "matings": [
        *[0, 1, 1, 1, 3, 0, 0, 0, 2, 2, 2, 1, 2, 4, 3, 3, 3, 2, 1, 1, 2],
        *[3, 5, 6, 1, 1, 6, 2, 1, 3, 4, 0, 2, 3, 4, 9, 3, 5, 7, 2, 9],
    ],
}


def design() -> np.ndarray:
    """A column of ones, for the intercept, and the age with mean 0 and standard deviation 1."""
    age = np.array(ELEPHANTS["age"], dtype=float)
    standardised = (age - age.mean()) / age.std(ddof=1)
    return np.round(np.column_stack([np.ones(len(age)), standardised]), 4)


model = Model(
    name="poisson-regression",
    title="Poisson regression",
    description=(
        "y is a count with mean exp(x w), with independent Normal(0, 2) priors on the coefficients w. Standardise the "
        "covariates; put a column of ones among them to have an intercept, the log rate at their mean."
    ),
    program=program,
    data={
        "x": Field(("N", "D"), description="covariates, a row for each observation, standardised"),
        "y": Field(("N",), dtype="int", support="nonnegative", description="counts"),
    },
    example={"x": design(), "y": ELEPHANTS["matings"]},
    references=(
        "Data: Poole (1989), Mate guarding, reproductive success and female choice in African elephants, Animal "
        "Behaviour 37, 842-849; printed in Ramsey and Schafer, The Statistical Sleuth, case 22.1",
    ),
)
