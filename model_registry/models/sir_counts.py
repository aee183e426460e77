"""An epidemic by the SIR equations, seen in samples of a thousand people."""

import jax
import jax.numpy as jnp
import numpy as np

from model_registry import Field, Model
from tacit.ppl import Implicit, LogNormal

PEOPLE, SAMPLED, VISITS, DAYS = 1e6, 1000, 10, 17.0
STEPS = 34  # of the solver between two visits


def simulate(key: jax.Array, rates: jax.Array) -> jax.Array:
    """How many of 1,000 people were infected at each of ten visits, 17 days apart, from day 0 on: (10,)."""
    beta, gamma = rates
    h = DAYS / STEPS

    def derivative(z: jax.Array) -> jax.Array:
        """Of the susceptible and the infected, as shares of all."""
        new = beta * z[0] * z[1]
        return jnp.stack([-new, new - gamma * z[1]])

    def step(z: jax.Array, _: None) -> tuple[jax.Array, None]:
        k1 = derivative(z)
        k2 = derivative(z + h / 2 * k1)
        k3 = derivative(z + h / 2 * k2)
        k4 = derivative(z + h * k3)
        return z + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4), None

    def visit(z: jax.Array, _: None) -> tuple[jax.Array, jax.Array]:
        return jax.lax.scan(step, z, length=STEPS)[0], z[1]

    start = jnp.array([1.0 - 1.0 / PEOPLE, 1.0 / PEOPLE])
    _, infected = jax.lax.scan(visit, start, length=VISITS)
    return jax.random.binomial(key, SAMPLED, jnp.clip(infected, 0.0, 1.0)).astype(int)


def program() -> None:
    # Contact rate beta and recovery rate gamma, per day.
    rates = LogNormal(np.log(np.array([0.4, 0.125])), np.array([0.5, 0.2]), name="rates")
    Implicit(simulate, rates, name="infected")


model = Model(
    name="sir-counts",
    title="An epidemic by the SIR equations, seen in samples of a thousand",
    description=(
        "One person of a million starts an epidemic: S' = -beta S I / N, I' = beta S I / N - gamma I. At days 0, 17, "
        "..., 153 a thousand people are tested. rates = (beta, gamma), per day; priors LogNormal(log 0.4, 0.5) and "
        "LogNormal(log 0.125, 0.2)."
    ),
    program=program,
    data={
        "infected": Field(
            (VISITS,),
            dtype="int",
            support="nonnegative",
            description="infected among the thousand tested, at each visit",
        )
    },
    # What is expected at beta = 0.35, gamma = 0.11, rounded.
    example={"infected": [0, 0, 3, 142, 260, 67, 15, 3, 1, 0]},
    references=(
        "Kermack and McKendrick (1927), A contribution to the mathematical theory of epidemics, Proceedings of the "
        "Royal Society A 115, 700-721: the equations",
        "Lueckmann, Boelts, Greenberg, Goncalves and Macke (2021), Benchmarking simulation-based inference, AISTATS: "
        "the task",
    ),
)
