"""Predator and prey with noise inside the dynamics: a stochastic differential equation that can only be simulated."""

import jax
import jax.numpy as jnp
import numpy as np

from model_registry import Field, Model
from model_registry.models.lotka_volterra import PELTS, derivative
from tacit.ppl import Implicit, LogNormal, TruncatedNormal, plate

STEPS = 10  # of the solver between two observations
MAX_LOG = 40.0  # keeps populations finite where the parameters make them explode


def simulate(key: jax.Array, start: jax.Array, theta: jax.Array, sigma: jax.Array) -> jax.Array:
    """Both populations (N, 2) one unit of time after `start` (N, 2), by the method of Euler and Maruyama.

    The path in between is noise that nobody sees: summing over it is what a density would need and no one can write.
    """
    h = 1.0 / STEPS

    def step(log_z, noise):
        drift = jax.vmap(derivative, (0, None))(log_z, theta)
        return jnp.clip(log_z + h * drift + sigma * jnp.sqrt(h) * noise, -MAX_LOG, MAX_LOG), None

    log_z, _ = jax.lax.scan(step, jnp.log(start), jax.random.normal(key, (STEPS, *start.shape)))
    return jnp.exp(log_z)


def program(start: jax.Array) -> None:
    theta = TruncatedNormal(np.array([1.0, 0.05, 1.0, 0.05]), np.array([0.5, 0.05, 0.5, 0.05]), low=0.0, name="theta")
    sigma = LogNormal(-1.0, 1.0, name="sigma", sample_shape=(2,))
    # Seen without error, the process starts afresh at every observation: given the parameters, transitions are
    # independent, and a series of N + 1 observations is N data points.
    with plate("N", len(start)):
        Implicit(simulate, start, theta, sigma, event_dim=1, name="end")


model = Model(
    name="lotka-volterra-sde",
    title="Stochastic Lotka-Volterra equations of predator and prey",
    description=(
        "Prey u and predators v follow d log u = (alpha - beta v) dt + sigma[0] dW and d log v = (-gamma + delta u) dt "
        "+ sigma[1] dW', with theta = (alpha, beta, gamma, delta), and are seen without error. A data point is a "
        "transition over one unit of time: rows of a series in `start`, the rows that follow them in `end`; several "
        "series can stand below each other. Priors: alpha, gamma ~ Normal(1, 0.5) and beta, delta ~ Normal(0.05, "
        "0.05), all positive; sigma ~ LogNormal(-1, 1). Choose units in which these make sense."
    ),
    program=program,
    data={
        "start": Field(("N", 2), support="positive", description="prey and predators at the start of each transition"),
        "end": Field(("N", 2), support="positive", description="prey and predators one unit of time later"),
    },
    example={"start": PELTS[:-1], "end": PELTS[1:]},
    references=(
        "Tran, Ranganath and Blei (2017), Hierarchical implicit models and likelihood-free variational inference, "
        "Advances in Neural Information Processing Systems 30: the equation as an implicit model, solved by Euler and "
        "Maruyama's method; its noise is of constant size, ours is proportional, so that populations stay positive",
        "Data: Hewitt (1921), Conservation of the Wild Life of Canada, after the books of the Hudson's Bay Company; "
        "the numbers are those of Howard (2009), Modeling Basics, and of posteriordb",
    ),
)
