"""Two moons: two parameters seen through a crescent, twice. A benchmark of simulation-based inference."""

import math

import jax
import jax.numpy as jnp
import numpy as np

from model_registry import Field, Model
from tacit.ppl import Implicit, Uniform


def simulate(key: jax.Array, theta: jax.Array) -> jax.Array:
    """A point (2,) on a noisy half circle, moved by |theta_1 + theta_2| and theta_2 - theta_1."""
    angle_key, radius_key = jax.random.split(key)
    angle = jax.random.uniform(angle_key, minval=-math.pi / 2, maxval=math.pi / 2)
    radius = 0.1 + 0.01 * jax.random.normal(radius_key)
    point = jnp.stack([radius * jnp.cos(angle) + 0.25, radius * jnp.sin(angle)])
    first, second = theta
    return point + jnp.stack([-jnp.abs(first + second), second - first]) / math.sqrt(2.0)


def program() -> None:
    theta = Uniform(-np.ones(2), np.ones(2), name="theta")
    Implicit(simulate, theta, name="x")


model = Model(
    name="two-moons",
    title="Two moons, a benchmark with two crescent-shaped modes",
    description=(
        "A point x on a noisy half circle of radius 0.1, moved by (-|theta_1 + theta_2|, theta_2 - theta_1) / sqrt 2. "
        "The absolute value gives the posterior two modes, each a crescent. Prior: theta ~ Uniform(-1, 1)."
    ),
    program=program,
    data={"x": Field((2,), description="the point seen")},
    example={"x": [0.0, 0.0]},
    references=(
        "Greenberg, Nonnenmacher and Macke (2019), Automatic posterior transformation for likelihood-free inference, "
        "International Conference on Machine Learning: the simulator and the example",
        "Lueckmann, Boelts, Greenberg, Goncalves and Macke (2021), Benchmarking simulation-based inference, AISTATS: "
        "the numbers used here",
    ),
)
