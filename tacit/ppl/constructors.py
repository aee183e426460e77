"""How a random variable comes to be: from a law, a name, and either a value or a key.

All constructors share these keyword arguments, which interceptors see and may change:

  name: required; unique within a run.
  sample_shape: independent copies, leftmost in the shape.
  value: the value to take instead of sampling (what observing, setting and replaying do).
  key: a PRNG key; `seed` provides it.
  plates: the plates the variable stands in, outermost first; `plate` provides them.
"""

import functools
import inspect
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpyro.distributions as dist

from tacit.errors import InvalidValueError, MissingKeyError, ProgramError
from tacit.ppl.interception import interceptable
from tacit.ppl.random_variable import Meta, Plate, RandomVariable, is_random_variable, unwrap

KEYWORDS = ("name", "sample_shape", "value", "key", "plates")


@interceptable
def from_distribution(
    distribution: dist.Distribution,
    *,
    name: str | None = None,
    sample_shape: tuple[int, ...] = (),
    value: Any = None,
    key: jax.Array | None = None,
    plates: tuple[Plate, ...] = (),
) -> RandomVariable:
    """A random variable that follows a ready-made NumPyro distribution.

    Args:
      distribution: any `numpyro.distributions.Distribution`.

    Raises:
      InvalidValueError: `value` has another shape or dtype than a draw, or lies outside the support.
      MissingKeyError: there is neither a value nor a key.
    """
    name = _required(name)
    sample_shape = tuple(sample_shape)
    distribution = _broadcast(distribution, plates, name)
    if value is None:
        value = distribution.sample(_key(key, name), sample_shape)
    else:
        value = _checked(unwrap(value), distribution, sample_shape, name)
        key = None
    meta = Meta(name, "sample", sample_shape, distribution.event_dim, plates, is_set=key is None)
    return RandomVariable(value, distribution=distribution, support=distribution.support, meta=meta)


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
        have the plate's size (the sampler is vectorised); where it lacks the axis, it is called once per element, each
        with its own key, by vmap.
      support: where draws lie, a NumPyro constraint.
      event_dim: how many of the rightmost axes of a draw belong together.

    Raises:
      InvalidValueError: `value` has another shape or dtype than a draw.
      MissingKeyError: there is neither a value nor a key.
    """
    name = _required(name)
    args = jax.tree.map(unwrap, args, is_leaf=is_random_variable)
    draw = functools.partial(_draw_in_plates, sampler, args, event_dim, plates, name)
    for size in reversed(tuple(sample_shape)):
        draw = functools.partial(_draw_copies, draw, size, 0)
    given = value is not None
    if given:
        expected = jax.eval_shape(draw, jax.eval_shape(lambda: jax.random.key(0)))
        value = _cast(unwrap(value), expected.shape, expected.dtype, name)
        _check_support(value, support, name)
    else:
        value = draw(_key(key, name))
    meta = Meta(name, "implicit", tuple(sample_shape), event_dim, plates, is_set=given)
    return RandomVariable(value, distribution=None, support=support, meta=meta)


@interceptable
def Deterministic(
    computed: Any,
    /,
    *,
    name: str | None = None,
    sample_shape: tuple[int, ...] = (),
    value: Any = None,
    key: jax.Array | None = None,
    plates: tuple[Plate, ...] = (),
) -> RandomVariable:
    """A named function of other variables: recorded, and replaced where an interceptor sets `value`.

    `sample_shape` and `key` are accepted because all constructors are called alike; they have no effect.

    Raises:
      InvalidValueError: the value set has another shape or dtype than the computed one.
    """
    del sample_shape, key
    name = _required(name)
    computed = jnp.asarray(unwrap(computed))
    given = value is not None
    result = _cast(unwrap(value), computed.shape, computed.dtype, name) if given else computed
    meta = Meta(name, "deterministic", (), 0, plates, is_set=given)
    return RandomVariable(result, distribution=None, support=dist.constraints.real, meta=meta)


def make_constructor(law: Callable[..., dist.Distribution], law_name: str) -> Callable[..., RandomVariable]:
    """The random-variable constructor for a NumPyro distribution class (or factory function).

    Args:
      law: builds the distribution from the user's parameters; random variables among them stand for their values.
    """

    def construct(
        *args: Any,
        name: str | None = None,
        sample_shape: tuple[int, ...] = (),
        value: Any = None,
        key: jax.Array | None = None,
        plates: tuple[Plate, ...] = (),
        **parameters: Any,
    ) -> RandomVariable:
        distribution = law(*map(_plain, args), **{k: _plain(v) for k, v in parameters.items()})
        return from_distribution.__wrapped__(
            distribution, name=name, sample_shape=sample_shape, value=value, key=key, plates=plates
        )

    construct.__name__ = construct.__qualname__ = law_name
    construct.__module__ = "tacit.ppl"
    construct.__doc__ = _documentation(law, law_name)
    construct.__signature__ = constructor_signature(law)  # type: ignore[attr-defined]
    construct.law = law  # type: ignore[attr-defined]
    return interceptable(construct)


def constructor_signature(law: Callable[..., dist.Distribution]) -> inspect.Signature:
    """The law's own parameters, then the keywords that all constructors share."""
    own = [
        p.replace(annotation=inspect.Parameter.empty)
        for p in inspect.signature(law).parameters.values()
        if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
    ]
    defaults = {"name": inspect.Parameter.empty, "sample_shape": (), "plates": ()}
    shared = [inspect.Parameter(k, inspect.Parameter.KEYWORD_ONLY, default=defaults.get(k)) for k in KEYWORDS]
    return inspect.Signature([*own, *shared])


def _documentation(law: Callable[..., Any], law_name: str) -> str:
    summary = f"A random variable that follows `numpyro.distributions.{law_name}`, with the same parameters."
    own = (inspect.getdoc(law) or "").split("\n\n")[0]
    shared = (
        "Keyword arguments shared by all constructors: name (required), sample_shape, value (taken instead of\n"
        "sampling), key (given by `seed`), plates (given by `plate`)."
    )
    return "\n\n".join(part for part in (summary, own, shared) if part)


def _plain(parameter: Any) -> Any:
    if isinstance(parameter, (list, tuple)):
        return type(parameter)(map(_plain, parameter))
    return unwrap(parameter)


def _required(name: str | None) -> str:
    if not isinstance(name, str) or not name:
        raise ProgramError(f'a random variable needs a name, as in Normal(0.0, 1.0, name="z"); got {name!r}')
    return name


def _key(key: jax.Array | None, name: str) -> jax.Array:
    if key is None:
        raise MissingKeyError(
            f"{name!r} has to be sampled and there is no randomness: run the program inside "
            "`with seed(jax.random.key(...)):`, pass key=, or set its value."
        )
    return key


def _broadcast(distribution: dist.Distribution, plates: tuple[Plate, ...], name: str) -> dist.Distribution:
    shape = list(distribution.batch_shape)
    for plate in plates:
        shape = [1] * (-plate.dim - len(shape)) + shape
        if shape[plate.dim] not in (1, plate.size):
            raise InvalidValueError(
                f"{name!r} has batch shape {distribution.batch_shape}, which does not fit plate {plate.name!r} of size "
                f"{plate.size} at axis {plate.dim}: its parameters need size {plate.size} or 1 there."
            )
        shape[plate.dim] = plate.size
    return distribution if tuple(shape) == distribution.batch_shape else distribution.expand(tuple(shape))


def _checked(value: Any, distribution: dist.Distribution, sample_shape: tuple[int, ...], name: str) -> jax.Array:
    """`value` as an array like a draw of `distribution`, or a clear error."""
    dtype = jnp.result_type(int) if distribution.is_discrete else None
    value = _cast(value, distribution.shape(sample_shape), dtype, name)
    _check_support(value, distribution.support, name)
    return value


def _cast(value: Any, shape: tuple[int, ...], dtype: Any, name: str) -> jax.Array:
    """`value` as an array of `shape`; `dtype` None means floating, of whatever width the value has."""
    value = jnp.asarray(value)
    if value.shape != tuple(shape):
        raise InvalidValueError(f"{name!r} was given a value of shape {value.shape}; expected {tuple(shape)}.")
    exact = jnp.issubdtype(value.dtype, jnp.integer) or value.dtype == jnp.bool_
    if dtype is None:
        return value.astype(jnp.result_type(float)) if exact else value
    if jnp.issubdtype(dtype, jnp.integer):
        if not exact:
            raise InvalidValueError(f"{name!r} was given a value of dtype {value.dtype}; expected integers.")
        return value.astype(dtype) if value.dtype == jnp.bool_ else value
    return value.astype(dtype)


def _check_support(value: jax.Array, support: dist.constraints.Constraint, name: str) -> None:
    """Raises if a concrete `value` lies outside `support`; what JAX is tracing cannot be looked at and passes."""
    if isinstance(value, jax.core.Tracer):
        return
    inside = support(value)
    if isinstance(inside, jax.core.Tracer) or bool(jnp.all(inside)):
        return
    index = tuple(int(i) for i in jnp.argwhere(~jnp.atleast_1d(jnp.asarray(inside)))[0]) if value.ndim else ()
    got = value[index] if value.ndim else value
    raise InvalidValueError(f"{name!r} was given {got} at index {index}; expected a value in {support}.")


def _draw_in_plates(
    sampler: Callable[..., jax.Array],
    args: tuple[Any, ...],
    event_dim: int,
    plates: tuple[Plate, ...],
    name: str,
    key: jax.Array,
) -> jax.Array:
    """A draw of an implicit variable with every plate's axis in place."""
    draw = functools.partial(_call_sampler, sampler, args)
    # From the rightmost axis leftwards, so that each new axis is the leftmost of those present.
    for plate in sorted(plates, key=lambda p: -p.dim):
        shape = jax.eval_shape(draw, key).shape
        batch = shape[: len(shape) - event_dim]
        present = batch[plate.dim] if len(batch) >= -plate.dim else None
        if present == plate.size:
            continue
        if present is not None:
            raise InvalidValueError(
                f"{name!r}: its sampler returned shape {shape}, which does not fit plate {plate.name!r} of size "
                f"{plate.size} at axis {plate.dim} (event_dim is {event_dim})."
            )
        missing = -plate.dim - 1 - len(batch)
        draw = functools.partial(_draw_copies, draw, plate.size, missing)
    return draw(key)


def _call_sampler(sampler: Callable[..., jax.Array], args: tuple[Any, ...], key: jax.Array) -> jax.Array:
    return jnp.asarray(sampler(key, *args))


def _draw_copies(draw: Callable[[jax.Array], jax.Array], copies: int, padding: int, key: jax.Array) -> jax.Array:
    """Independent draws along a new leftmost axis, with `padding` axes of size 1 between it and the rest."""
    draws = jax.vmap(draw)(jax.random.split(key, copies))
    return draws.reshape(copies, *(1,) * padding, *draws.shape[1:]) if math.prod(draws.shape) else draws
