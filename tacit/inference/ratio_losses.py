"""Losses of the ratio estimator: minimised, they make r a log ratio of densities.

A pointwise loss is a function of (psamples, qsamples): the estimator's outputs at draws of the numerator's and of the
denominator's law, broadcast against each other.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

PointwiseLoss = Callable[[jax.Array, jax.Array], jax.Array]


def log_loss(psamples: jax.Array, qsamples: jax.Array) -> jax.Array:
    """-log sigmoid(r_p) - log sigmoid(-r_q); at its minimum r = log p - log q (Tran et al., 2017, eq. 5)."""
    return jax.nn.softplus(-psamples) + jax.nn.softplus(qsamples)


def hinge_loss(psamples: jax.Array, qsamples: jax.Array) -> jax.Array:
    """max(0, 1 - r_p) + max(0, 1 + r_q); its minimum has the sign of log p - log q, not its size."""
    return jax.nn.relu(1.0 - psamples) + jax.nn.relu(1.0 + qsamples)


POINTWISE: dict[str, PointwiseLoss] = {"log": log_loss, "hinge": hinge_loss}


def multiclass_loss(logits: jax.Array) -> jax.Array:
    """Cross-entropy of telling which of S latents made each point (InfoNCE; van den Oord et al., 2018).

    Args:
      logits: (S, M, S), r of point (s, m) with latent t; the right answer is t = s.

    Returns:
      (S, M). At the minimum r = log p(x | latent) up to a function of x.
    """
    return -own(jax.nn.log_softmax(logits, axis=-1))


def pairwise_loss(logits: jax.Array, loss: PointwiseLoss) -> jax.Array:
    """A pointwise loss with pairs (x, its own latent) for psamples and (x, another latent) for qsamples.

    Args:
      logits: (S, M, S) as above.

    Returns:
      (S, M), averaged over the S - 1 other latents.
    """
    num_latents = logits.shape[0]
    positive = own(logits)
    pairs = loss(positive[..., None], logits)
    return (jnp.sum(pairs, axis=-1) - own(pairs)) / (num_latents - 1)


def own(logits: jax.Array) -> jax.Array:
    """(S, M, S) to (S, M): the entry of each point's own latent."""
    return jnp.diagonal(logits, axis1=0, axis2=2).T
