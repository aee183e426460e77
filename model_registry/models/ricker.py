"""A population that rises and crashes by itself: the Ricker map with noise, counted through Poisson sampling."""

import jax
import jax.numpy as jnp

from model_registry import Field, Model
from tacit.ppl import Implicit, Uniform

YEARS = 50


def simulate(key: jax.Array, log_r: jax.Array, sigma: jax.Array, phi: jax.Array) -> jax.Array:
    """Counts (50,) of a population that starts from size 1, without the start itself.

    Sizes are in units of the one at which crowding cuts growth by e; `phi` animals are counted for each unit.
    """
    noise_key, count_key = jax.random.split(key)

    # On the log scale a crash from a size of 300 to e^-290, far below the smallest float32, loses nothing.
    def step(log_size: jax.Array, noise: jax.Array) -> tuple[jax.Array, jax.Array]:
        log_size = log_r + log_size - jnp.exp(log_size) + noise
        return log_size, log_size

    _, log_size = jax.lax.scan(step, jnp.zeros(()), sigma * jax.random.normal(noise_key, (YEARS,)))
    # No size exceeds exp(log r - 1 + noise), so that within the priors no expected count passes 40,000.
    return jax.random.poisson(count_key, phi * jnp.exp(log_size)).astype(int)


def program() -> None:
    log_r = Uniform(3.0, 5.0, name="log_r")
    sigma = Uniform(0.0, 0.6, name="sigma")
    phi = Uniform(5.0, 15.0, name="phi")
    Implicit(simulate, log_r, sigma, phi, name="y")


model = Model(
    name="ricker",
    title="The Ricker map: counts of a chaotic population",
    description=(
        "N_(t+1) = r N_t exp(-N_t + e_t) with e_t ~ Normal(0, sigma), from N_0 = 1 on, and counts y_t ~ Poisson(phi "
        "N_t) at t = 1, ..., 50. The likelihood is an integral over 50 unseen sizes, and chaos makes it rugged. "
        "Priors: log r ~ Uniform(3, 5), where the map without noise is mostly chaotic; sigma ~ Uniform(0, 0.6); phi ~ "
        "Uniform(5, 15)."
    ),
    program=program,
    data={
        "y": Field(
            (YEARS,), dtype="int", support="nonnegative", description="counts in successive years", unit="animal"
        )
    },
    # Simulated at log r = 3.8, sigma = 0.3, phi = 10 with jax.random.key(2010).
    example={
        "y": [
            *[109, 0, 1, 79, 0, 20, 172, 0, 0, 1, 17, 94, 0, 7, 117, 0, 5, 100, 1, 36, 40, 16, 97, 0, 3],
            *[95, 0, 10, 187, 0, 0, 0, 1, 117, 0, 0, 120, 0, 2, 43, 7, 124, 0, 0, 4, 96, 1, 10, 133, 0],
        ]
    },
    references=(
        "Ricker (1954), Stock and recruitment, Journal of the Fisheries Research Board of Canada 11, 559-623: the map",
        "Wood (2010), Statistical inference for noisy nonlinear ecological dynamic systems, Nature 466, 1102-1104: the "
        "noise, the counts, and the parameter values of the example; the start and the priors are our own",
    ),
)
