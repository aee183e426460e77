"""Random variables that can be sampled but have no density: simulators."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpyro.distributions as dist

from tacit.errors import InvalidValueError
from tacit.ppl.constructors import required_key, required_name, required_shape
from tacit.ppl.interception import interceptable, isolation
from tacit.ppl.random_variable import Meta, Plate, RandomVariable, is_random_variable, unwrap
from tacit.ppl.values import as_value


@interceptable
def Implicit(
    sampler: Callable[..., jax.Array],
    *args: Any,
    support: dist.constraints.Constraint = dist.constraints.real,
    event_dim: int = 0,
    name: str | None = None,
    sample_shape: tuple[int, ...] = (),
    value: Any = None,
    key: jax.Array | None = None,
    plates: tuple[Plate, ...] = (),
) -> RandomVariable:
    """A random variable that can be sampled but has no density: a simulator.

    Args:
      sampler: called as `sampler(key, *args)`, pure; returns a draw. Along the axis of a plate the draw may already
        have the plate's size: the sampler is called once, with one key, and makes all elements, their noise included.
        Where it lacks the axis, it is called once per element, each with its own key, by vmap. In both cases `args` are
        passed whole: they are not mapped over the plate, whatever shape they have. It may run programs of its own
        (inside `seed(key)`): no interceptor sees them.
      support: where draws lie, a NumPyro constraint.
      event_dim: how many of the rightmost axes of a draw belong together.

    Raises:
      InvalidValueError: `value` has another shape or dtype than a draw; or a draw does not fit a plate.
      MissingKeyError: there is neither a value nor a key.

    >>> from tacit.ppl import Implicit, plate, seed
    >>> def simulate(key, loc):
    ...     return loc + jax.random.normal(key) ** 3
    >>> with seed(jax.random.key(0)), plate("N", 5):
    ...     x = Implicit(simulate, 1.0, name="x")
    >>> x.shape, x.kind
    ((5,), 'implicit')
    """
    name, sample_shape = required_name(name), required_shape(sample_shape, name)
    args = jax.tree.map(unwrap, args, is_leaf=is_random_variable)
    draw = functools.partial(_draw_in_plates, sampler, args, event_dim, plates, name)
    for size in reversed(sample_shape):
        draw = functools.partial(_draw_copies, draw, size, 0)
    if value is None:
        result = draw(required_key(key, name))
    else:
        expected = jax.eval_shape(draw, jax.eval_shape(lambda: jax.random.key(0)))
        result, _ = as_value(value, shape=expected.shape, dtype=expected.dtype, name=name, support=support)
        result = result.astype(expected.dtype)
    meta = Meta(name, "implicit", sample_shape, event_dim, plates, is_set=value is not None)
    return RandomVariable(result, distribution=None, support=support, meta=meta)


def _draw_in_plates(
    sampler: Callable[..., jax.Array],
    args: tuple[Any, ...],
    event_dim: int,
    plates: tuple[Plate, ...],
    name: str,
    key: jax.Array,
) -> jax.Array:
    """A draw with every plate's axis in place."""
    draw = functools.partial(_call, sampler, args)
    # From the rightmost axis leftwards, so that each new axis is the leftmost of those present.
    for plate in sorted(plates, key=lambda p: -p.dim):
        shape = jax.eval_shape(draw, key).shape
        batch = shape[: len(shape) - event_dim]
        if len(batch) < -plate.dim:
            draw = functools.partial(_draw_copies, draw, plate.size, -plate.dim - 1 - len(batch))
        elif batch[plate.dim] != plate.size:
            raise InvalidValueError(
                f"{name!r}: its sampler returned shape {shape}, which does not fit plate {plate.name!r} of size "
                f"{plate.size} at axis {plate.dim} (event_dim is {event_dim}). It has to return one element, and is "
                "then called once for each, with its own key and the same arguments; or all of them, along that axis."
            )
    return draw(key)


def _call(sampler: Callable[..., jax.Array], args: tuple[Any, ...], key: jax.Array) -> jax.Array:
    with isolation():
        return jnp.asarray(sampler(key, *args))


def _draw_copies(draw: Callable[[jax.Array], jax.Array], copies: int, padding: int, key: jax.Array) -> jax.Array:
    """Independent draws along a new leftmost axis, with `padding` axes of size 1 between it and the rest."""
    draws = jax.vmap(draw)(jax.random.split(key, copies))
    return draws.reshape(copies, *(1,) * padding, *draws.shape[1:])
