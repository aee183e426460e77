"""One point from two normal laws of the same mean, one wide and one narrow: a posterior with a needle in it."""

import jax
import jax.numpy as jnp
import numpy as np

from model_registry import Field, Model
from tacit.ppl import Implicit, Uniform


def simulate(key: jax.Array, theta: jax.Array) -> jax.Array:
    """A point (2,) around theta: with even chances of standard deviation 1 or 0.1."""
    which_key, noise_key = jax.random.split(key)
    sd = jnp.where(jax.random.bernoulli(which_key), 1.0, 0.1)
    return theta + sd * jax.random.normal(noise_key, (2,))


def program() -> None:
    theta = Uniform(np.full(2, -10.0), np.full(2, 10.0), name="theta")
    Implicit(simulate, theta, name="x")


model = Model(
    name="two-scale-mixture",
    title="Two-scale mixture: the common mean of a wide and a narrow normal law",
    description=(
        "One point x in the plane from Normal(theta, 1) or, with even chances, from Normal(theta, 0.1). Known in the "
        "literature as the Gaussian mixture task. Prior: theta ~ Uniform(-10, 10)."
    ),
    program=program,
    data={"x": Field((2,), description="the point seen")},
    example={"x": [-3.2, 5.6]},
    references=(
        "Sisson, Fan and Tanaka (2007), Sequential Monte Carlo without likelihoods, PNAS 104, 1760-1765: the mixture, "
        "in one dimension",
        "Lueckmann, Boelts, Greenberg, Goncalves and Macke (2021), Benchmarking simulation-based inference, AISTATS: "
        "in two, with this prior",
    ),
)
