"""Networks as one row of parameters, drawn in one go; under the forward objective also updated and averaged so.

A program that treats every array of a network by itself is several times as long, and it is compilation that a short
fit waits for.
"""

import math
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

is_trained = eqx.is_inexact_array


def row(module: Any) -> jax.Array:
    """(P,): all that is trained."""
    return ravel_pytree(eqx.filter(module, is_trained))[0]


def filled(make: Callable[[], Any], parameters: jax.Array | np.ndarray) -> Any:
    """What `make` makes, with a row of parameters in the place of its own. Of a row of numpy, arrays of numpy: outside
    of a compiled program, each one of JAX would have to be compiled for."""
    shapes, static = eqx.partition(eqx.filter_eval_shape(make), _is_shape)
    leaves, structure = jax.tree.flatten(shapes)
    ends = np.cumsum([math.prod(leaf.shape) for leaf in leaves])[:-1]
    parts = np.split(parameters, ends) if isinstance(parameters, np.ndarray) else jnp.split(parameters, ends)
    arrays = [part.reshape(leaf.shape) for part, leaf in zip(parts, leaves, strict=True)]
    return eqx.combine(jax.tree.unflatten(structure, arrays), static)


class Gains(eqx.Module):
    """A factor for each of a network's inputs; drawn, it is 1."""

    factors: jax.Array

    def __call__(self, x: jax.Array) -> jax.Array:
        return x * self.factors


def drawn(key: jax.Array, make: Callable[[], Any], *, still: Callable[[Any], Any] | None = None) -> Any:
    """What `make` makes, with parameters drawn as linear layers draw them, uniform within 1 / sqrt(inputs); those of
    the layers `still` are zero. All trained arrays must be of linear layers or gains."""
    skeleton = eqx.filter_eval_shape(make)

    def filled_with(of_linear: Callable[[eqx.nn.Linear], float], of_gains: float) -> Any:
        def fill(part: Any) -> Any:
            if not isinstance(part, eqx.nn.Linear | Gains):
                assert not _is_shape(part), f"{type(skeleton).__name__} has an array outside its linear layers"
                return part
            value = of_gains if isinstance(part, Gains) else of_linear(part)
            return jax.tree.map(lambda leaf: jnp.full(leaf.shape, value) if _is_shape(leaf) else leaf, part)

        return jax.tree.map(fill, skeleton, is_leaf=lambda part: isinstance(part, eqx.nn.Linear | Gains))

    centres = filled_with(lambda _: 0.0, 1.0)
    limits = filled_with(lambda layer: layer.in_features**-0.5, 0.0)
    if still is not None:
        limits = eqx.tree_at(still, limits, replace_fn=lambda part: jax.tree.map(jnp.zeros_like, part))
    centre, limit = row(centres), row(limits)
    return filled(make, centre + limit * jax.random.uniform(key, limit.shape, minval=-1.0, maxval=1.0))


def linear(layer: eqx.nn.Linear, x: jax.Array) -> jax.Array:
    """(..., in) to (..., out). All rows in one product: mapped over, the layer would lay them out anew twice."""
    return x @ layer.weight.T + (0.0 if layer.bias is None else layer.bias)


def layers(network: eqx.nn.MLP, x: jax.Array) -> jax.Array:
    """(..., in) to (..., out), as `linear`."""
    for layer in network.layers[:-1]:
        x = network.activation(linear(layer, x))
    return network.final_activation(linear(network.layers[-1], x))


def _is_shape(leaf: Any) -> bool:
    return isinstance(leaf, jax.ShapeDtypeStruct)
