"""Regression with heavy-tailed noise: a few observations that do not belong hardly move the line."""

import jax
import numpy as np

from model_registry import Field, Model
from tacit.ppl import HalfNormal, Normal, StudentT, plate

DEGREES_OF_FREEDOM = 4.0


def program(x: jax.Array) -> None:
    num_points, num_covariates = x.shape
    w = Normal(0.0, 2.5, name="w", sample_shape=(num_covariates,))
    scale = HalfNormal(1.0, name="scale")
    with plate("N", num_points):
        StudentT(DEGREES_OF_FREEDOM, x @ w, scale, name="y")


# 28 animals: weight of the body (kg), weight of the brain (g). Three are dinosaurs, at 9,400 kg and more.
ANIMALS = np.array(
    [
        *[[1.35, 8.1], [465, 423], [36.33, 119.5], [27.66, 115], [1.04, 5.5], [11700, 50], [2547, 4603]],
        *[[187.1, 419], [521, 655], [10, 115], [3.3, 25.6], [529, 680], [207, 406], [62, 1320]],
        *[[6654, 5712], [9400, 70], [6.8, 179], [35, 56], [0.12, 1], [0.023, 0.4], [2.5, 12.1]],
        *[[55.5, 175], [100, 157], [52.16, 440], [0.28, 1.9], [87000, 154.5], [0.122, 3], [192, 180]],
    ]
)


def standardised(columns: np.ndarray) -> np.ndarray:
    """Each column with mean 0 and standard deviation 1."""
    return (columns - columns.mean(axis=0)) / columns.std(axis=0, ddof=1)


def example_data() -> dict[str, np.ndarray]:
    """Brain on body, both as standardised logarithms, with a column of ones for the intercept."""
    body, brain = standardised(np.log(ANIMALS)).T
    return {"x": np.round(np.column_stack([np.ones(len(body)), body]), 4), "y": np.round(brain, 4)}


model = Model(
    name="student-t-regression",
    title="Robust regression with Student's t noise",
    description=(
        "y = x w + scale * noise, where the noise is Student's t with 4 degrees of freedom; priors w ~ Normal(0, 2.5) "
        "for each coefficient, scale ~ HalfNormal(1). Standardise y and the covariates; put a column of ones among "
        "them to have an intercept."
    ),
    program=program,
    data={
        "x": Field(("N", "D"), description="covariates, a row for each observation, standardised"),
        "y": Field(("N",), description="response, standardised"),
    },
    example=example_data(),
    references=(
        "Data: Rousseeuw and Leroy (1987), Robust Regression and Outlier Detection, p. 57",
        "Lange, Little and Taylor (1989), Robust statistical modeling using the t distribution, Journal of the "
        "American Statistical Association 84, 881-896: the model, with 4 degrees of freedom among others",
    ),
)
