"""The g-and-k distribution: easy to simulate, with no density in closed form. A model that is only a simulator."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from model_registry import Field, Model
from tacit.ppl import HalfNormal, Implicit, LogNormal, Normal, plate

C = 0.8  # by convention; keeps the quantile function increasing for k >= 0


def quantile(z: Any, A: Any, B: Any, g: Any, k: Any, xp: Any = jnp) -> Any:
    """The value at the point of the distribution where a standard normal has `z`. Increasing in z."""
    # tanh(g z / 2) is (1 - exp(-g z)) / (1 + exp(-g z)), the form of the papers.
    return A + B * (1.0 + C * xp.tanh(g * z / 2.0)) * (1.0 + z**2) ** k * z


def simulate(key: jax.Array, A: jax.Array, B: jax.Array, g: jax.Array, k: jax.Array) -> jax.Array:
    """One draw. Any function of a PRNG key can be a random variable: `Implicit` asks for no density."""
    return quantile(jax.random.normal(key), A, B, g, k)


def program(N: int) -> None:
    A = Normal(0.0, 10.0, name="A")
    B = LogNormal(0.0, 1.0, name="B")
    g = Normal(0.0, 2.0, name="g")
    k = HalfNormal(1.0, name="k")
    with plate("N", N):
        Implicit(simulate, A, B, g, k, name="y")


def example_data() -> np.ndarray:
    """500 simulated points at A = 3, B = 1, g = 2, k = 0.5, seed 2002, to four decimals."""
    # RandomState rather than default_rng: its stream is frozen, so these are the same numbers on every NumPy.
    z = np.random.RandomState(2002).standard_normal(500)
    return np.round(quantile(z, 3.0, 1.0, 2.0, 0.5, xp=np), 4)


model = Model(
    name="g-and-k",
    title="The g-and-k distribution, a simulator without a density",
    description=(
        "Independent draws from the g-and-k distribution: A is the median and B > 0 the scale, both in the unit of y; "
        "g is the skewness (positive: a long right tail; 0: symmetric), k >= 0 the weight of the tails (0 with g = 0: "
        "normal). Scale y so that its spread is of the order of 1."
    ),
    program=program,
    data={"y": Field(("N",), description="observations")},
    example={"y": example_data()},
    references=(
        "Rayner and MacGillivray (2002), Numerical maximum likelihood estimation for the g-and-k and generalized "
        "g-and-h distributions, Statistics and Computing 12, 57-75: the distribution",
        "Prangle (2017), gk: an R package for the g-and-k and generalised g-and-h distributions, arXiv:1706.06889: the "
        "parameter values of the example",
        "Priors: weakly informative, our own. Uniform(0, 10) on each parameter, common in the literature, rules out a "
        "negative median or skewness, and half of its samples of 500 points reach past 1e6",
    ),
)
