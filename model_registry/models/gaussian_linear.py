"""A normal mean in ten dimensions under a normal prior: the benchmark whose posterior is known in closed form."""

import math

import numpy as np

from model_registry import Field, Model
from tacit.ppl import Normal

DIMENSIONS = 10
SD = math.sqrt(0.1)  # of prior and noise alike


def program() -> None:
    theta = Normal(np.zeros(DIMENSIONS), SD, name="theta")
    Normal(theta, SD, name="x")


def example_data() -> np.ndarray:
    """One draw of the model, seed 2021, to four decimals."""
    theta, noise = SD * np.random.RandomState(2021).standard_normal((2, DIMENSIONS))
    return np.round(theta + noise, 4)


model = Model(
    name="gaussian-linear",
    title="Gaussian linear, a benchmark with a conjugate posterior",
    description=(
        "Ten numbers x ~ Normal(theta, sqrt 0.1), theta ~ Normal(0, sqrt 0.1), each on its own. The posterior is "
        "Normal(x / 2, sqrt 0.05). It shows how an estimator of ten parameters does where the answer is plain."
    ),
    program=program,
    data={"x": Field((DIMENSIONS,), description="observations")},
    example={"x": example_data()},
    references=(
        "Lueckmann, Boelts, Greenberg, Goncalves and Macke (2021), Benchmarking simulation-based inference, AISTATS: "
        "the task",
    ),
)
