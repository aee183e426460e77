"""Summaries of an observation that has an order: a time series or an image, learnt with the ratio estimator.

A pyramid: each level sees windows of three neighbours along every axis, two apart, so the next has half as many
positions. The summary holds the mean over positions of each level, which is what a stationary series or a texture is
told by at that scale, and the few positions of the last, which is where things are.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp

from tacit.inference import networks

# Axes at least this long have an order to learn from. A shorter last axis counts the numbers at each position.
FEWEST = 12
# Of so few numbers there is nothing to summarise.
FEW_NUMBERS = 32
# At most so many axes are taken for positions.
MOST_AXES = 3
# The last level has at most so many positions along an axis.
LAST = 4
WINDOW = 3


class Variable(NamedTuple):
    """Where an observed variable's numbers stand among those of a data point, and their order: `axes` of positions,
    with `depth` numbers at each."""

    start: int
    axes: tuple[int, ...]
    depth: int

    @property
    def size(self) -> int:
        return math.prod(self.axes) * self.depth


def ordered(shapes: Sequence[tuple[int, ...]]) -> tuple[Variable, ...]:
    """Which of the observed variables, of these shapes, have an order."""
    found, start = [], 0
    for shape in shapes:
        axes = shape if not shape or shape[-1] >= FEWEST else shape[:-1]
        long = axes and min(axes) >= FEWEST and math.prod(shape) > FEW_NUMBERS
        if long and len(axes) <= MOST_AXES:
            found.append(Variable(start, axes, math.prod(shape) // math.prod(axes)))
        start += math.prod(shape)
    return tuple(found)


class Summary(eqx.Module):
    """Of one variable, of which there are `views`: that many arrays of its numbers, on different scales."""

    levels: tuple[eqx.nn.Linear, ...]
    last: eqx.nn.Linear
    axes: tuple[int, ...] = eqx.field(static=True)
    depth: int = eqx.field(static=True)

    def __init__(self, variable: Variable, views: int, channels: int, learnt: int, *, key: jax.Array) -> None:
        self.axes, self.depth = variable.axes, variable.depth
        count = max(1, math.ceil(math.log2(max(variable.axes) / LAST)))
        sizes = [views * variable.depth] + [channels] * count
        key, last_key = jax.random.split(key)
        self.levels = tuple(
            eqx.nn.Linear(WINDOW ** len(self.axes) * into, out, key=each)
            for each, into, out in zip(jax.random.split(key, count), sizes[:-1], sizes[1:], strict=True)
        )
        positions = math.prod(_after(axis, count) for axis in self.axes)
        self.last = eqx.nn.Linear(channels * (count + positions), learnt, key=last_key)

    def __call__(self, views: jax.Array) -> jax.Array:
        """(..., V, size of the variable) to (..., learnt)."""
        *leading, count, _ = views.shape
        at = jnp.moveaxis(views.reshape(-1, count, *self.axes, self.depth), 1, -1).reshape(
            -1, *self.axes, count * self.depth
        )
        means = []
        for level in self.levels:
            at = jax.nn.silu(networks.linear(level, _windows(at, len(self.axes))))
            means.append(jnp.mean(at, axis=tuple(range(1, at.ndim - 1))))
        learnt = jnp.concatenate([*means, at.reshape(len(at), -1)], axis=-1)
        return jax.nn.silu(networks.linear(self.last, learnt)).reshape(*leading, -1)


def _after(axis: int, levels: int) -> int:
    """Positions along an axis after so many levels."""
    for _ in range(levels):
        axis = -(-axis // 2)
    return axis


def _windows(at: jax.Array, num_axes: int) -> jax.Array:
    """(S, A, ..., C) to (S, A / 2, ..., WINDOW ** axes * C): each second position with its neighbours, zero beyond."""
    for axis in range(1, 1 + num_axes):
        size = _after(at.shape[axis], 1)
        padded = jnp.pad(at, [(1, 2) if i == axis else (0, 0) for i in range(at.ndim)])
        shifted = [jax.lax.slice_in_dim(padded, k, k + 2 * size, 2, axis) for k in range(WINDOW)]
        at = jnp.concatenate(shifted, axis=-1)
    return at
