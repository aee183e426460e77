"""The most recent simulations of a fit, kept to be learnt from again: a ring that new ones overwrite."""

from typing import NamedTuple

import jax
import jax.numpy as jnp


class Ring(NamedTuple):
    """Simulations, the oldest overwritten first.

    Attributes:
      latents: (R, G) standardised globals.
      data: (R, N, D) what was simulated at them; zero where that was not finite.
      finite: (R,) whether it was.
      written: () simulations ever written.
    """

    latents: jax.Array
    data: jax.Array
    finite: jax.Array
    written: jax.Array


def start(size: int, latents: jax.Array, data: jax.Array) -> Ring:
    """A ring of `size` with the first simulations in it, at most `size` of them."""
    empty = Ring(
        jnp.zeros((size, *latents.shape[1:])),
        jnp.zeros((size, *data.shape[1:])),
        jnp.zeros(size, bool),
        jnp.zeros((), int),
    )
    return write(empty, latents, data)


def write(ring: Ring, latents: jax.Array, data: jax.Array) -> Ring:
    """Writes S simulations over the oldest."""
    finite = jnp.all(jnp.isfinite(data), axis=(1, 2))
    at = (ring.written + jnp.arange(len(latents))) % len(ring.latents)
    return Ring(
        ring.latents.at[at].set(latents),
        ring.data.at[at].set(jnp.where(finite[:, None, None], data, 0.0)),
        ring.finite.at[at].set(finite),
        ring.written + len(latents),
    )


def batch(ring: Ring, key: jax.Array, newest: int, replayed: int) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Latents, data and `finite` of the `newest` simulations and of as many `replayed` older ones drawn at random."""
    held = jnp.minimum(ring.written, len(ring.latents))
    older = newest + jax.random.randint(key, (replayed,), 0, held - newest)
    age = jnp.concatenate([jnp.arange(newest), older])
    at = (ring.written - 1 - age) % len(ring.latents)
    return ring.latents[at], ring.data[at], ring.finite[at]
