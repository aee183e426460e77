"""How a random variable comes to be: from a law, a name, and either a value or a key.

All constructors share these keyword arguments, which interceptors see and may change:

  name: required; unique within a run.
  sample_shape: independent copies, leftmost in the shape.
  value: the value to take instead of sampling (what observing, setting and replaying do).
  key: a PRNG key; `seed` provides it.
  plates: the plates the variable stands in, outermost first; `plate` provides them.
"""

import inspect
import operator
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpyro.distributions as dist

from tacit.errors import InvalidValueError, MissingKeyError, ProgramError
from tacit.ppl.interception import interceptable
from tacit.ppl.random_variable import Meta, Plate, RandomVariable, is_random_variable, unwrap
from tacit.ppl.randomness import is_key
from tacit.ppl.values import as_value

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
      distribution: any `numpyro.distributions.Distribution`; random variables among its parameters stand for their
        values.

    Raises:
      InvalidValueError: `value` has another shape or dtype than a draw, or lies outside the support.
      MissingKeyError: there is neither a value nor a key.
      ProgramError: the distribution is none, or cannot be sampled and has no value.

    >>> import numpyro.distributions as dist
    >>> mixture = dist.MixtureSameFamily(dist.Categorical(logits=jnp.zeros(2)), dist.Normal(jnp.arange(2.0), 1.0))
    >>> from_distribution(mixture, name="x", value=0.5)
    RandomVariable('x', MixtureSameFamily, shape=(), dtype=float32)
    """
    name, sample_shape = required_name(name), required_shape(sample_shape, name)
    if not isinstance(distribution, dist.Distribution):
        raise ProgramError(f"{name!r}: from_distribution takes a NumPyro distribution; got {distribution!r}")
    distribution = _broadcast(_plain(distribution), plates, name)
    support = distribution.support
    if value is None:
        result, is_inside = _sample(distribution, required_key(key, name), sample_shape, name), True
    else:
        dtype = jnp.result_type(int if _is_discrete(distribution) else float)
        shape, counted = distribution.shape(sample_shape), _mask(distribution)
        result, is_inside = as_value(value, shape=shape, dtype=dtype, name=name, support=support, counted=counted)
    event_dim = distribution.event_dim
    meta = Meta(name, "sample", sample_shape, event_dim, plates, is_set=value is not None, is_inside=is_inside)
    return RandomVariable(result, distribution=distribution, support=support, meta=meta)


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

    >>> theta = Deterministic(2.0 * jnp.arange(3.0), name="theta")
    >>> theta.kind, theta.shape
    ('deterministic', (3,))
    """
    del sample_shape, key
    name = required_name(name)
    result = jnp.asarray(unwrap(computed))
    if value is not None:
        given, _ = as_value(value, shape=result.shape, dtype=result.dtype, name=name)
        result = given.astype(result.dtype)
    meta = Meta(name, "deterministic", (), 0, plates, is_set=value is not None)
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
        name = required_name(name)
        try:
            distribution = law(*map(_plain, args), **{k: _plain(v) for k, v in parameters.items()})
        except Exception as error:
            error.add_note(f"while making the random variable {name!r} with {law_name}")
            raise
        return from_distribution.__wrapped__(
            distribution, name=name, sample_shape=sample_shape, value=value, key=key, plates=plates
        )

    construct.__name__ = construct.__qualname__ = law_name
    construct.__module__ = "tacit.ppl.distributions"
    construct.__doc__ = _documentation(law, law_name)
    construct.__signature__ = constructor_signature(law)  # type: ignore[attr-defined]
    construct.law = law  # type: ignore[attr-defined]
    return interceptable(construct)


def constructor_signature(law: Callable[..., dist.Distribution]) -> inspect.Signature:
    """The law's own parameters, then the keywords that all constructors share."""
    own = [p.replace(annotation=inspect.Parameter.empty) for p in inspect.signature(law).parameters.values()]
    defaults = {"name": inspect.Parameter.empty, "sample_shape": (), "plates": ()}
    shared = [inspect.Parameter(k, inspect.Parameter.KEYWORD_ONLY, default=defaults.get(k)) for k in KEYWORDS]
    return inspect.Signature([*own, *shared])


def required_name(name: Any) -> str:
    """`name`, or an error if it is none."""
    if not isinstance(name, str) or not name:
        raise ProgramError(f'a random variable needs a name, as in Normal(0.0, 1.0, name="z"); got {name!r}')
    return name


def required_shape(sample_shape: Sequence[int], name: str) -> tuple[int, ...]:
    """`sample_shape` as a tuple of ints, or an error."""
    try:
        return tuple(operator.index(size) for size in sample_shape)
    except TypeError as error:
        raise ProgramError(f"{name!r}: sample_shape is a tuple of sizes, as in (3,); got {sample_shape!r}") from error


def required_key(key: Any, name: str) -> jax.Array:
    """`key`, or an error if it is none."""
    if key is None:
        raise MissingKeyError(
            f"{name!r} has to be sampled and there is no randomness: run the program inside "
            "`with seed(jax.random.key(...)):`, pass key=, or set its value."
        )
    if not is_key(key):
        raise ProgramError(f"{name!r}: key= takes a PRNG key, as in jax.random.key(0); got {key!r}")
    return key


def _documentation(law: Callable[..., Any], law_name: str) -> str:
    summary = f"A random variable that follows `numpyro.distributions.{law_name}`, with the same parameters."
    own = (inspect.getdoc(law) or "").split("\n\n")[0]
    shared = (
        "Keyword arguments shared by all constructors: name (required), sample_shape, value (taken instead of\n"
        "sampling), key (given by `seed`), plates (given by `plate`)."
    )
    return "\n\n".join(part for part in (summary, own, shared) if part)


def _plain(parameter: Any) -> Any:
    """A law's parameter with values in place of random variables: in lists and in distributions too."""
    if isinstance(parameter, (list, tuple, dist.Distribution)):
        leaves, structure = jax.tree.flatten(parameter, is_leaf=is_random_variable)
        if any(map(is_random_variable, leaves)):
            return jax.tree.unflatten(structure, map(unwrap, leaves))
        return parameter
    return unwrap(parameter)


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


def _sample(distribution: dist.Distribution, key: jax.Array, sample_shape: tuple[int, ...], name: str) -> jax.Array:
    """A draw, of the dtype and shape that a value of the law has."""
    try:
        draw = jnp.asarray(distribution.sample(key, sample_shape))
    except NotImplementedError as error:
        law = type(distribution).__name__
        raise ProgramError(f"{name!r} follows {law}, which cannot be sampled: set its value.") from error
    if draw.shape != distribution.shape(sample_shape):
        raise ProgramError(
            f"{name!r} follows {type(distribution).__name__}, whose draws (shape {draw.shape}) are no values of it "
            f"(shape {distribution.shape(sample_shape)}): set its value."
        )
    # A few discrete laws of NumPyro draw whole numbers as floats.
    return draw.astype(jnp.result_type(int)) if _is_discrete(distribution) else draw


def _is_discrete(distribution: dist.Distribution) -> bool:
    return distribution.support is not None and distribution.is_discrete


def _mask(distribution: dist.Distribution) -> Any:
    """Which batch elements count in the density; True for all."""
    inner = distribution
    while isinstance(inner, dist.ExpandedDistribution):
        inner = inner.base_dist
    masked = isinstance(inner, dist.MaskedDistribution)
    return jnp.broadcast_to(inner._mask, distribution.batch_shape) if masked else True
