"""A neuron's spikes under a noisy current, by a generalised linear model: a benchmark with sufficient statistics."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist

from model_registry import Field, Model
from tacit.ppl import Implicit, from_distribution

STEPS, LAGS = 100, 9


def design() -> np.ndarray:
    """(STEPS, 1 + LAGS): ones, and the white noise of the current now and up to eight steps ago."""
    current = np.random.RandomState(42).randn(STEPS)  # the benchmark's own
    columns = [np.ones(STEPS)]
    columns += [np.concatenate([np.zeros(lag), current[: STEPS - lag]]) for lag in range(LAGS)]
    return np.stack(columns, axis=1).astype(np.float32)


def prior_root() -> np.ndarray:
    """Cholesky factor of the prior's covariance: the offset has variance 2, the filter's second differences are
    penalised."""
    difference = np.eye(LAGS) - np.eye(LAGS, k=-1)
    smooth = difference @ difference + np.diag(np.sqrt(np.arange(LAGS) / LAGS))
    precision = np.zeros((1 + LAGS, 1 + LAGS))
    precision[0, 0], precision[1:, 1:] = 0.5, smooth.T @ smooth
    return np.linalg.cholesky(np.linalg.inv(precision)).astype(np.float32)


DESIGN, ROOT = design(), prior_root()


def simulate(key: jax.Array, theta: jax.Array) -> jax.Array:
    """The number of spikes, and the sums of the current at each lag before them: (10,)."""
    spikes = jax.random.bernoulli(key, jax.nn.sigmoid(jnp.asarray(DESIGN) @ theta))
    return spikes.astype(float) @ jnp.asarray(DESIGN)


def program() -> None:
    prior = dist.MultivariateNormal(np.zeros(1 + LAGS, np.float32), scale_tril=ROOT)
    theta = from_distribution(prior, name="theta")
    Implicit(simulate, theta, name="x")


def example_data() -> np.ndarray:
    """Simulated at offset 0.3 and a filter that falls from 1.5 to 0, seed 2023, to four decimals."""
    theta = np.concatenate([[0.3], np.linspace(1.5, 0.0, LAGS)])
    chance = 1.0 / (1.0 + np.exp(-DESIGN @ theta))
    return np.round((np.random.RandomState(2023).random_sample(STEPS) < chance) @ DESIGN, 4)


model = Model(
    name="bernoulli-glm",
    title="Spikes of a neuron: a generalised linear model by its sufficient statistics",
    description=(
        "In each of 100 steps a neuron fires with probability sigmoid(theta_0 + sum_j theta_j I(t - j + 1)), where I "
        "is a fixed white-noise current. Seen are the number of spikes and, for each of nine lags, the sum of the "
        "current that long before a spike. Prior: theta_0 ~ Normal(0, sqrt 2), the filter smooth."
    ),
    program=program,
    data={"x": Field((1 + LAGS,), description="number of spikes, then the spike-triggered sums of the current")},
    example={"x": example_data()},
    references=(
        "Goncalves et al. (2020), Training deep neural density estimators to identify mechanistic models of neural "
        "dynamics, eLife 9, e56261: the model",
        "Lueckmann, Boelts, Greenberg, Goncalves and Macke (2021), Benchmarking simulation-based inference, AISTATS: "
        "prior, current and summary",
    ),
)
