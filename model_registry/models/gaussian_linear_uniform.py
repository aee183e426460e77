"""A normal mean in ten dimensions under a uniform prior, whose edges cut the posterior."""

import numpy as np

from model_registry import Field, Model
from model_registry.models.gaussian_linear import DIMENSIONS, SD
from tacit.ppl import Normal, Uniform


def program() -> None:
    theta = Uniform(-np.ones(DIMENSIONS), np.ones(DIMENSIONS), name="theta")
    Normal(theta, SD, name="x")


def example_data() -> np.ndarray:
    """One draw of the model, seed 2022, to four decimals."""
    random = np.random.RandomState(2022)
    theta = random.uniform(-1.0, 1.0, DIMENSIONS)
    return np.round(theta + SD * random.standard_normal(DIMENSIONS), 4)


model = Model(
    name="gaussian-linear-uniform",
    title="Gaussian linear with a uniform prior",
    description=(
        "Ten numbers x ~ Normal(theta, sqrt 0.1), theta ~ Uniform(-1, 1), each on its own. The posterior is a normal "
        "law cut off at the edges of the prior."
    ),
    program=program,
    data={"x": Field((DIMENSIONS,), description="observations")},
    example={"x": example_data()},
    references=(
        "Lueckmann, Boelts, Greenberg, Goncalves and Macke (2021), Benchmarking simulation-based inference, AISTATS: "
        "the task",
    ),
)
