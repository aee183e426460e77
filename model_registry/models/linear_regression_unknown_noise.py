"""Linear regression whose noise is estimated along with the coefficients."""

import jax
import numpy as np

from model_registry import Field, Model
from tacit.ppl import HalfNormal, Normal, plate


def program(x: jax.Array) -> None:
    num_points, num_covariates = x.shape
    w = Normal(0.0, 10.0, name="w", sample_shape=(num_covariates,))
    sigma = HalfNormal(10.0, name="sigma")
    with plate("N", num_points):
        Normal(x @ w, sigma, name="y")


# Mean summer temperature (C) at Kilpisjarvi in Finnish Lapland, 1952-2013.
TEMPERATURE = [
    *[8.3, 10.9, 9.4, 8.1, 8.1, 7.7, 8.6, 9.1, 11, 10.1, 7.6, 8.8, 8.3, 7.2, 9.3, 8.8, 7.6, 10.5, 11, 8.9, 11.3],
    *[10, 10.1, 6.4, 8.2, 8.4, 9.5, 9.9, 10.6, 7.6, 7.7, 8.1, 8.4, 9.7, 9.5, 7.3, 10.3, 9.6, 10.3, 9.8, 9, 9.1],
    *[9.5, 8.7, 9.9, 10.5, 9.4, 9, 9, 9.7, 11.4, 10.7, 10.1, 10.8, 10.4, 10.3, 8.8, 9.8, 8.8, 10.8, 8.6, 11.1],
]


def design() -> np.ndarray:
    """A column of ones, for the intercept, and the time in decades from the middle of the series."""
    year = np.arange(1952, 2014)
    return np.column_stack([np.ones(len(year)), (year - year.mean()) / 10])


model = Model(
    name="linear-regression-unknown-noise",
    title="Linear regression with unknown noise",
    description=(
        "y = x w + noise, with independent Normal(0, sigma) noise; priors w ~ Normal(0, 10) for each coefficient, "
        "sigma ~ HalfNormal(10), in the units of the data: scale x and y to match them. Put a column of ones among "
        "the covariates to have an intercept."
    ),
    program=program,
    data={
        "x": Field(("N", "D"), description="covariates, a row for each observation"),
        "y": Field(("N",), description="response"),
    },
    example={"x": design(), "y": TEMPERATURE},
    references=(
        "posteriordb (Magnusson et al.): the model and its priors are those of sblri-blr, the data of "
        "kilpisjarvi_mod-kilpisjarvi",
    ),
)
