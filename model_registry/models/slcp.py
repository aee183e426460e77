"""SLCP, a simple likelihood with a complex posterior: a benchmark of simulation-based inference."""

import jax
import jax.numpy as jnp
import numpy as np

from model_registry import Field, Model
from tacit.ppl import Implicit, Uniform, plate


def simulate(key: jax.Array, theta: jax.Array) -> jax.Array:
    """One point (2,) of a normal law whose means, scales and correlation are functions of theta (5,)."""
    first, second = jax.random.normal(key, (2,))
    scale = theta[2:4] ** 2
    correlation = jnp.tanh(theta[4])
    along = jnp.sqrt(jnp.maximum(1.0 - correlation**2, 0.0))
    return theta[:2] + scale * jnp.stack([first, correlation * first + along * second])


def program(N: int) -> None:
    theta = Uniform(np.full(5, -3.0), np.full(5, 3.0), name="theta")
    with plate("N", N):
        Implicit(simulate, theta, event_dim=1, name="x")


def example_data() -> np.ndarray:
    """Four points simulated at theta = (0.7, -2.9, -1, -0.9, 0.6), seed 2019, to four decimals."""
    theta = np.array([0.7, -2.9, -1.0, -0.9, 0.6])
    first, second = np.random.RandomState(2019).standard_normal((2, 4))
    correlation = np.tanh(theta[4])
    noise = np.stack([first, correlation * first + np.sqrt(1 - correlation**2) * second], axis=1)
    return np.round(theta[:2] + theta[2:4] ** 2 * noise, 4)


model = Model(
    name="slcp",
    title="SLCP: a simple likelihood with a complex posterior",
    description=(
        "Points of a normal law in the plane with means theta_1 and theta_2, standard deviations theta_3^2 and "
        "theta_4^2 and correlation tanh theta_5. The squares give the posterior four modes. Prior: theta ~ "
        "Uniform(-3, 3). The benchmark has four points."
    ),
    program=program,
    data={"x": Field(("N", 2), description="points")},
    example={"x": example_data()},
    references=(
        "Papamakarios, Sterratt and Murray (2019), Sequential neural likelihood, AISTATS: the simulator, and about the "
        "parameter values of the example",
        "Lueckmann, Boelts, Greenberg, Goncalves and Macke (2021), Benchmarking simulation-based inference, AISTATS: "
        "the prior",
    ),
)
