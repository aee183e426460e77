"""A normalising flow over R^d that starts as the identity, for d from 1 on.

Each layer moves one part of the coordinates, given the others, by a sinh-arcsinh transform (Jones & Pewsey, 2009),
which skews a normal and makes its tails heavier or lighter, and then shifts and scales it:

    y = shift + scale * sinh(weight * arcsinh(x) + skew)

The four numbers of each coordinate come from a network of the other part; where there is no other part (d = 1), they
are constants. Every layer has an exact inverse.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

WIDTH = 32
# Bounds of the logarithms of weight and scale, and of the skew: steep enough for a funnel, and never out of hand.
LOG_LIMIT = 1.0
WEIGHT_LIMIT = 0.3
SKEW_LIMIT = 1.0

# A function of coordinates, shift, log scale, skew and log weight, each (d, S).
Move = Callable[
    [jax.Array, jax.Array, jax.Array, jax.Array, jax.Array],
    tuple[jax.Array, jax.Array],
]


class Flow(eqx.Module):
    """Layers one after the other: each split of the coordinates makes two, and each moves one part given the other.

    The layers' arrays are stacked and looped over, so that a program holds one layer, whatever their number.
    """

    networks: eqx.nn.MLP
    moved: tuple[tuple[bool, ...], ...] = eqx.field(static=True)

    def __init__(self, size: int, *, splits: int = 3, width: int = WIDTH, key: jax.Array) -> None:
        moved: list[tuple[bool, ...]] = []
        for i in range(splits):
            # Halves of the coordinates as they stand, even and odd ones, and so on.
            first = tuple((k // max(1, (size + 1) // 2 >> i)) % 2 == 0 for k in range(size))
            moved += [first] if all(first) else [first, tuple(not each for each in first)]
        self.moved = tuple(moved)

        def start(key: jax.Array) -> eqx.nn.MLP:
            # The constant input lets a layer without other coordinates have a network too.
            network = eqx.nn.MLP(size + 1, 4 * size, width, 1, jax.nn.silu, key=key)
            zero = jax.tree.map(jnp.zeros_like, network.layers[-1])
            return eqx.tree_at(lambda n: n.layers[-1], network, replace=zero)

        self.networks = eqx.filter_vmap(start)(jax.random.split(key, len(moved)))

    def forward(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        """(..., d) to (..., d) and the logarithm of the Jacobian's determinant (...,)."""
        return self._through(_forward, x, reverse=False)

    def inverse(self, y: jax.Array) -> tuple[jax.Array, jax.Array]:
        """The inverse of `forward`, and the logarithm of its own Jacobian's determinant."""
        return self._through(_inverse, y, reverse=True)

    def _through(self, move: Move, x: jax.Array, *, reverse: bool) -> tuple[jax.Array, jax.Array]:
        """Points along the last axis within: there are more of them than coordinates, and a processor takes several
        neighbours at once."""
        size, leading = x.shape[-1], x.shape[:-1]

        def one(carry: tuple[jax.Array, jax.Array], layer: Any) -> tuple[tuple[jax.Array, jax.Array], None]:
            (x, total), (own, moved) = carry, layer
            hidden, last = own.layers
            constant = jnp.ones((1, x.shape[1]))
            given = jnp.concatenate([jnp.where(moved[:, None], 0.0, x), constant])
            inner = jnp.concatenate([jax.nn.silu(hidden.weight @ given + hidden.bias[:, None]), constant])
            # In one product with its bias: where a bias taken from a stack is added, as XLA optimises by default,
            # a pass that wants no log_det takes three times as long on a processor.
            numbers = jnp.concatenate([last.weight, last.bias[:, None]], axis=1) @ inner
            shift, log_scale, skew, log_weight = numbers.reshape(4, size, -1)
            new, log_det = move(
                x, shift, _bounded(log_scale, LOG_LIMIT), _bounded(skew, SKEW_LIMIT), _bounded(log_weight, WEIGHT_LIMIT)
            )
            moved = moved[:, None]
            return (jnp.where(moved, new, x), total + jnp.sum(jnp.where(moved, log_det, 0.0), axis=0)), None

        points = x.reshape(-1, size).T
        start = (points, jnp.zeros(points.shape[1]))
        arrays = eqx.filter(self.networks, eqx.is_array)
        new, total = jax.lax.scan(one, start, (arrays, jnp.array(self.moved)), reverse=reverse)[0]
        return new.T.reshape(*leading, size), total.reshape(leading)


def _forward(
    x: jax.Array, shift: jax.Array, log_scale: jax.Array, skew: jax.Array, log_weight: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Each coordinate moved, and the logarithms of the slopes."""
    inner = jnp.exp(log_weight) * _arcsinh(x) + skew
    new = shift + jnp.exp(log_scale) * _sinh(inner)
    return new, log_scale + log_weight + _log_cosh(inner) - jnp.log(x**2 + 1.0) / 2


def _inverse(
    y: jax.Array, shift: jax.Array, log_scale: jax.Array, skew: jax.Array, log_weight: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """The inverse of `_forward`, and the logarithms of its slopes."""
    inner = _arcsinh((y - shift) * jnp.exp(-log_scale))
    old = _sinh((inner - skew) * jnp.exp(-log_weight))
    return old, -(log_scale + log_weight + _log_cosh(inner) - jnp.log(old**2 + 1.0) / 2)


# To within rounding of numbers of order 1, which is what coordinates are: those of the library also hold the relative
# precision of tiny ones, and take longer. Beyond 1e19 these overflow, and their gradient is refused as any that is not
# finite.


def _arcsinh(x: jax.Array) -> jax.Array:
    """By the logarithm of a sum of positive numbers, so that nothing cancels."""
    sign = jnp.where(x < 0.0, -1.0, 1.0)
    return sign * jnp.log(sign * x + jnp.sqrt(x**2 + 1.0))


def _sinh(x: jax.Array) -> jax.Array:
    return (jnp.exp(x) - jnp.exp(-x)) / 2


def _log_cosh(x: jax.Array) -> jax.Array:
    """Written so that it does not overflow."""
    far = jnp.abs(x)
    return far + jnp.log(1.0 + jnp.exp(-2.0 * far)) - jnp.log(2.0)


def _bounded(x: jax.Array, limit: float) -> jax.Array:
    return limit * jnp.tanh(x / limit)
