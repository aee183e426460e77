"""Predator and prey, ten noisy looks at a differential equation: a benchmark of simulation-based inference."""

import jax
import jax.numpy as jnp
import numpy as np

from model_registry import Field, Model
from model_registry.models.lotka_volterra import derivative
from tacit.ppl import Implicit, LogNormal

VISITS, INTERVAL, NOISE = 10, 2.1, 0.1
STEPS = 42  # of the solver between two visits
MAX_LOG = 40.0  # keeps populations finite where the parameters make them explode


def simulate(key: jax.Array, theta: jax.Array) -> jax.Array:
    """Ten sizes of the prey, then of the predators (20,), from (30, 1) on, through log-normal noise."""
    h = INTERVAL / STEPS

    def step(log_z: jax.Array, _: None) -> tuple[jax.Array, None]:
        k1 = derivative(log_z, theta)
        k2 = derivative(log_z + h / 2 * k1, theta)
        k3 = derivative(log_z + h / 2 * k2, theta)
        k4 = derivative(log_z + h * k3, theta)
        return jnp.clip(log_z + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4), -MAX_LOG, MAX_LOG), None

    def visit(log_z: jax.Array, _: None) -> tuple[jax.Array, jax.Array]:
        return jax.lax.scan(step, log_z, length=STEPS)[0], log_z

    _, log_z = jax.lax.scan(visit, jnp.log(jnp.array([30.0, 1.0])), length=VISITS)
    return jnp.exp(log_z.T.reshape(-1) + NOISE * jax.random.normal(key, (2 * VISITS,)))


def program() -> None:
    theta = LogNormal(np.array([-0.125, -3.0, -0.125, -3.0]), 0.5, name="theta")
    Implicit(simulate, theta, name="x")


model = Model(
    name="lotka-volterra-noisy",
    title="Predator and prey seen ten times through noise",
    description=(
        "Prey u and predators v follow u' = (alpha - beta v) u and v' = (-gamma + delta u) v from (30, 1) on, with "
        "theta = (alpha, beta, gamma, delta), and are seen at times 0, 2.1, ..., 18.9 through log-normal noise of "
        "standard deviation 0.1. Priors: alpha, gamma ~ LogNormal(-0.125, 0.5); beta, delta ~ LogNormal(-3, 0.5)."
    ),
    program=program,
    data={"x": Field((2 * VISITS,), support="positive", description="ten sizes of the prey, then of the predators")},
    # Simulated at theta = (0.6, 0.025, 0.8, 0.025), to three significant digits.
    example={
        "x": [
            *[25.9, 86.3, 25.6, 2.22, 4.44, 11.9, 34.6, 101.0, 10.6, 2.57],
            *[0.84, 4.44, 110.0, 30.7, 5.23, 1.72, 1.05, 9.11, 84.5, 23.9],
        ]
    },
    references=(
        "Lotka (1920), Analytical note on certain rhythmic relations in organic systems, PNAS 6: the equations",
        "Lueckmann, Boelts, Greenberg, Goncalves and Macke (2021), Benchmarking simulation-based inference, AISTATS: "
        "the task",
    ),
)
