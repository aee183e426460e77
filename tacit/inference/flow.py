"""A normalising flow over R^d that starts as the identity, for d from 1 on.

Each layer moves one part of the coordinates, given the others, by a sinh-arcsinh transform (Jones & Pewsey, 2009),
which skews a normal and makes its tails heavier or lighter, and then shifts and scales it:

    y = shift + scale * sinh(weight * arcsinh(x) + skew)

The four numbers of each coordinate come from a network of the other part; where there is no other part (d = 1), they
are constants. Every layer has an exact inverse.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

WIDTH = 32
# Bounds of the logarithms of weight and scale, and of the skew: steep enough for a funnel, and never out of hand.
LOG_LIMIT = 1.0
WEIGHT_LIMIT = 0.3
SKEW_LIMIT = 1.0


class Layer(eqx.Module):
    """One layer; `moved` and `kept` are indices of coordinates."""

    network: eqx.nn.MLP
    moved: tuple[int, ...] = eqx.field(static=True)
    kept: tuple[int, ...] = eqx.field(static=True)

    def __init__(self, moved: tuple[int, ...], kept: tuple[int, ...], *, key: jax.Array) -> None:
        # The constant input lets a layer without other coordinates have a network too.
        network = eqx.nn.MLP(len(kept) + 1, 4 * len(moved), WIDTH, 1, jax.nn.silu, key=key)
        self.network = eqx.tree_at(
            lambda n: n.layers[-1], network, replace_fn=lambda x: jax.tree.map(jnp.zeros_like, x)
        )
        self.moved, self.kept = moved, kept

    def numbers(self, x: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
        """shift, log scale, skew and log weight of the coordinates that move."""
        given = jnp.concatenate([x[np.array(self.kept, int)], jnp.ones(1)])
        shift, log_scale, skew, log_weight = self.network(given).reshape(4, -1)
        return shift, _bounded(log_scale, LOG_LIMIT), _bounded(skew, SKEW_LIMIT), _bounded(log_weight, WEIGHT_LIMIT)

    def forward(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        """(d,) to (d,) and the logarithm of the Jacobian's determinant."""
        shift, log_scale, skew, log_weight = self.numbers(x)
        old = x[np.array(self.moved)]
        inner = jnp.exp(log_weight) * jnp.arcsinh(old) + skew
        # log cosh, written so that it does not overflow
        log_cosh = jnp.logaddexp(inner, -inner) - jnp.log(2.0)
        log_det = log_scale + log_weight + log_cosh - jnp.log1p(old**2) / 2
        new = shift + jnp.exp(log_scale) * jnp.sinh(inner)
        return x.at[np.array(self.moved)].set(new), jnp.sum(log_det)

    def inverse(self, y: jax.Array) -> jax.Array:
        """The inverse of `forward`."""
        shift, log_scale, skew, log_weight = self.numbers(y)
        inner = jnp.arcsinh((y[np.array(self.moved)] - shift) * jnp.exp(-log_scale))
        return y.at[np.array(self.moved)].set(jnp.sinh((inner - skew) * jnp.exp(-log_weight)))


class Flow(eqx.Module):
    """Layers one after the other: each splits the coordinates another way, and moves each half given the other."""

    layers: tuple[Layer, ...]

    def __init__(self, size: int, *, splits: int = 3, key: jax.Array) -> None:
        keys = jax.random.split(key, (splits, 2))
        layers = []
        for i in range(splits):
            # Halves of the coordinates as they stand, even and odd ones, and so on.
            first = tuple(k for k in range(size) if (k // max(1, (size + 1) // 2 >> i)) % 2 == 0)
            second = tuple(k for k in range(size) if k not in first)
            pairs = ((first, second), (second, first)) if second else ((first, ()),)
            layers += [Layer(moved, kept, key=key) for (moved, kept), key in zip(pairs, keys[i], strict=False)]
        self.layers = tuple(layers)

    def forward(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        """(d,) to (d,) and the logarithm of the Jacobian's determinant."""
        total = jnp.zeros(())
        for layer in self.layers:
            x, log_det = layer.forward(x)
            total += log_det
        return x, total

    def inverse(self, y: jax.Array) -> jax.Array:
        """The inverse of `forward`."""
        for layer in reversed(self.layers):
            y = layer.inverse(y)
        return y


def _bounded(x: jax.Array, limit: float) -> jax.Array:
    return limit * jnp.tanh(x / limit)
