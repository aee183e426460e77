"""The most recent simulations of a fit, kept to be learnt from again: a ring that new ones overwrite."""

from typing import Any, NamedTuple

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


def write(ring: Ring, latents: jax.Array, data: jax.Array, there: Any = True) -> Ring:
    """Writes S simulations over the oldest; nothing, where these are not `there`.

    So that a condition need only make the simulations: where one of its branches wrote to the ring, XLA copied the
    whole of it in every step.
    """
    held, size = len(ring.latents), len(latents)
    finite = jnp.all(jnp.isfinite(data), axis=(1, 2))
    # Beyond the ring nothing is written.
    at = jnp.where(there, (ring.written + jnp.arange(size)) % held, held)
    return Ring(
        ring.latents.at[at].set(latents, mode="drop"),
        ring.data.at[at].set(jnp.where(finite[:, None, None], data, 0.0), mode="drop"),
        ring.finite.at[at].set(finite, mode="drop"),
        ring.written + jnp.where(there, size, 0),
    )


def batch(ring: Ring, key: jax.Array, size: int) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Latents, data and `finite` of `size` simulations drawn at random."""
    return _at(ring, jax.random.randint(key, (size,), 0, _held(ring)))


def stretch(ring: Ring, key: jax.Array, size: int) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Latents, data and `finite` of `size` simulations made one after the other; none comes twice where there are so
    many."""
    held = _held(ring)
    return _at(ring, (jax.random.randint(key, (), 0, held) + jnp.arange(size)) % held)


def newest(ring: Ring, size: int) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Latents, data and `finite` of the last `size` simulations; where there are fewer, some of them twice."""
    return _at(ring, (ring.written - 1 - jnp.arange(size)) % _held(ring))


def middle(ring: Ring, size: int) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Latents, data and `finite` of `size` simulations made one after the other, neither the oldest nor the newest."""
    held = _held(ring)
    return _at(ring, (ring.written - (held + size) // 2 + jnp.arange(size)) % held)


def _held(ring: Ring) -> jax.Array:
    return jnp.minimum(ring.written, len(ring.latents))


def _at(ring: Ring, index: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    return ring.latents[index], ring.data[index], ring.finite[index]
