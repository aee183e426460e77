"""A mixture of two normal distributions; which of them a point comes from is summed out in its density."""

import math

import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist

from model_registry import Field, Model
from tacit.ppl import Beta, Deterministic, HalfNormal, Normal, from_distribution, plate


def program(N: int) -> None:
    # Two means, each Normal(0, 2), in ascending order, so that swapping the components gives no second posterior mode.
    # The mean and the difference of two such numbers are independent: Normal(0, 2 / sqrt 2) and Normal(0, 2 sqrt 2).
    centre = Normal(0.0, 2.0 / math.sqrt(2.0), name="centre")
    gap = HalfNormal(2.0 * math.sqrt(2.0), name="gap")
    mu = Deterministic(jnp.stack([centre - gap / 2.0, centre + gap / 2.0]), name="mu")
    sigma = HalfNormal(2.0, name="sigma", sample_shape=(2,))
    theta = Beta(5.0, 5.0, name="theta")
    components = dist.Categorical(probs=jnp.stack([theta, 1.0 - theta]))
    mixture = dist.MixtureSameFamily(components, dist.Normal(mu.value, sigma.value))
    with plate("N", N):
        from_distribution(mixture, name="y")


def example_data() -> np.ndarray:
    """200 simulated points at theta = 0.6, mu = (-2.75, 2.75), sigma = (1, 1), seed 2017, to three decimals."""
    random = np.random.RandomState(2017)  # its stream is frozen: the same numbers on every NumPy
    first = random.random_sample(200) < 0.6
    return np.round(np.where(first, -2.75, 2.75) + random.standard_normal(200), 3)


model = Model(
    name="gaussian-mixture",
    title="Mixture of two normal distributions",
    description=(
        "Each y is Normal(mu[0], sigma[0]) with probability theta, else Normal(mu[1], sigma[1]), and mu[0] < mu[1]. "
        "Priors: both mu ~ Normal(0, 2), sigma ~ HalfNormal(2), theta ~ Beta(5, 5); scale y to match them."
    ),
    program=program,
    data={"y": Field(("N",), description="observations")},
    example={"y": example_data()},
    references=(
        "posteriordb (Magnusson et al.), model low_dim_gauss_mix: the model, its priors, and about the parameter "
        "values of the example",
        "Stan User's Guide, chapter Finite mixtures: why the means are ordered",
    ),
)
