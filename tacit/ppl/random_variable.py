"""Random variables: a value, the law it was drawn from, and a name.

A random variable acts as the array of its value: arithmetic, comparison, indexing, `jnp` functions, `len`, iteration.
`jax.lax` functions, and plain arrays indexed by it, want arrays proper: write `table[k.value]`.

>>> from tacit.ppl import Normal
>>> z = Normal(jnp.zeros(3), 1.0, name="z", value=jnp.arange(3.0))
>>> print(2.0 * z + 1.0, z[-1], jnp.sum(z), z.mean())
[1. 3. 5.] 2.0 3.0 1.0
>>> z
RandomVariable('z', Normal, shape=(3,), dtype=float32)

It is a pytree (value, law and support are its children), so it passes through `jit`, `vmap`, `grad`, `scan` and
`jax.checkpoint`.
"""

import copy
import math
import operator
from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpyro.distributions as dist

from tacit.errors import NoDensityError, ProgramError

Kind = Literal["sample", "parameter", "implicit", "deterministic"]


class Plate(NamedTuple):
    """An axis along which random variables are independent given what lies outside it.

    `dim` counts from the right end of the batch shape and is negative, as in NumPyro.
    """

    name: str
    size: int
    dim: int


class Meta(NamedTuple):
    """What of a random variable is static under JAX's transformations."""

    name: str
    kind: Kind
    sample_shape: tuple[int, ...]
    event_dim: int
    plates: tuple[Plate, ...]
    is_set: bool
    is_inside: bool = False  # the value is known to lie in the support: drawn from the law, or checked when it was set


def _binary(function: Callable[[Any, Any], Any]) -> Callable[["RandomVariable", Any], jax.Array]:
    def method(self: "RandomVariable", other: Any) -> Any:
        return function(jnp.asarray(self.value), unwrap(other)) if _is_operand(other) else NotImplemented

    return method


def _reflected(function: Callable[[Any, Any], Any]) -> Callable[["RandomVariable", Any], jax.Array]:
    def method(self: "RandomVariable", other: Any) -> Any:
        return function(unwrap(other), jnp.asarray(self.value)) if _is_operand(other) else NotImplemented

    return method


def _unary(function: Callable[[Any], Any]) -> Callable[["RandomVariable"], jax.Array]:
    def method(self: "RandomVariable") -> Any:
        return function(jnp.asarray(self.value))

    return method


def _is_operand(x: Any) -> bool:
    return isinstance(x, (RandomVariable, jax.typing.ArrayLike))


@jax.tree_util.register_pytree_node_class
class RandomVariable:
    """A named value and the law it comes from. Made by the constructors of `tacit.ppl`, not by hand.

    Attributes:
      name: unique within a run of a program.
      value: the array.
      distribution: NumPyro's distribution; None for `Implicit` and `Deterministic`.
      support: a NumPyro constraint.
      kind: "sample" has a density, "parameter" a flat one, "implicit" only samples, "deterministic" is a function of
        others.
      is_set: whether the value was given (observed, set by an interceptor) rather than sampled.
      plates: the plates it stands in, outermost first.
      sample_shape: the independent copies asked for, leftmost in the shape.
      event_dim: how many of the rightmost axes make up one draw.
    """

    __slots__ = ("distribution", "meta", "support", "value")
    __hash__ = None  # type: ignore[assignment]  # arrays are compared element by element, so neither hashes
    __array_priority__ = 1000  # NumPy arrays leave `array + rv` to us, which works while JAX traces

    def __init__(
        self,
        value: jax.Array,
        *,
        distribution: dist.Distribution | None,
        support: dist.constraints.Constraint,
        meta: Meta,
    ) -> None:
        self.value = value
        self.distribution = distribution
        self.support = support
        self.meta = meta

    @property
    def name(self) -> str:
        return self.meta.name

    @property
    def kind(self) -> Kind:
        return self.meta.kind

    @property
    def is_set(self) -> bool:
        return self.meta.is_set

    @property
    def plates(self) -> tuple[Plate, ...]:
        return self.meta.plates

    @property
    def sample_shape(self) -> tuple[int, ...]:
        return self.meta.sample_shape

    @property
    def event_dim(self) -> int:
        return self.meta.event_dim

    @property
    def shape(self) -> tuple[int, ...]:
        return jnp.shape(self.value)

    @property
    def dtype(self) -> jnp.dtype:
        return jnp.result_type(self.value)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def T(self) -> jax.Array:
        return jnp.transpose(self.value)

    @property
    def at(self) -> Any:
        return jnp.asarray(self.value).at

    def log_prob(self, value: Any = None) -> jax.Array:
        """Log density (mass) at `value`, by default at the variable's own; one number per independent draw.

        Raises:
          NoDensityError: the variable is implicit or deterministic.
        """
        if self.distribution is None:
            raise NoDensityError(
                f"{self.name!r} is {self.kind}: it can be sampled but has no density, so log_prob does not exist. "
                "Likelihood-free inference (ImplicitKLqp) needs none."
            )
        if value is not None:
            return self.distribution.log_prob(unwrap(value))
        law = _unchecked(self.distribution) if self.meta.is_inside else self.distribution
        return law.log_prob(self.value)

    def tree_flatten(self) -> tuple[tuple[Any, ...], Any]:
        return (self.value, self.distribution, self.support), self.meta

    @classmethod
    def tree_unflatten(cls, meta: Meta, children: tuple[Any, ...]) -> "RandomVariable":
        value, distribution, support = children
        return cls(value, distribution=distribution, support=support, meta=meta)

    def __jax_array__(self) -> jax.Array:
        return jnp.asarray(self.value)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        array = jnp.asarray(self.value).__array__()
        return array.astype(dtype, copy=bool(copy)) if dtype is not None else (array.copy() if copy else array)

    def __getitem__(self, index: Any) -> jax.Array:
        return jnp.asarray(self.value)[jax.tree.map(unwrap, index, is_leaf=is_random_variable)]

    def __len__(self) -> int:
        return len(jnp.asarray(self.value))

    def __iter__(self) -> Iterator[jax.Array]:
        return iter(jnp.asarray(self.value))

    def __bool__(self) -> bool:
        return bool(self._concrete())

    def __int__(self) -> int:
        return int(self._concrete())

    def __float__(self) -> float:
        return float(self._concrete())

    def __complex__(self) -> complex:
        return complex(self._concrete())

    def __index__(self) -> int:
        return operator.index(self._concrete())

    def __round__(self, ndigits: int | None = None) -> Any:
        return round(jnp.asarray(self.value), ndigits)

    def __format__(self, spec: str) -> str:
        return format(self.value, spec) if spec else repr(self)

    def __repr__(self) -> str:
        law = type(self.distribution).__name__ if self.distribution is not None else self.kind
        return f"RandomVariable({self.name!r}, {law}, shape={self.shape}, dtype={self.dtype})"

    def __getattr__(self, attribute: str) -> Any:
        # Array methods (`sum`, `reshape`, `astype`, ...); dunder and private names must fail as on any object.
        if attribute.startswith("_") or attribute in RandomVariable.__slots__:
            raise AttributeError(attribute)
        return getattr(jnp.asarray(self.value), attribute)

    def _concrete(self) -> Any:
        """The value, where Python needs a number."""
        if isinstance(self.value, jax.core.Tracer):
            raise ProgramError(
                f"Python code of the program (`if`, float(), range, ...) needs the value of {self.name!r}, which is "
                "not known while JAX traces it. Use jnp.where(condition, a, b) or jax.lax.cond instead of `if`."
            )
        return self.value

    __lt__, __le__ = _binary(operator.lt), _binary(operator.le)
    __gt__, __ge__ = _binary(operator.gt), _binary(operator.ge)
    __eq__, __ne__ = _binary(operator.eq), _binary(operator.ne)  # type: ignore[assignment]
    __add__, __radd__ = _binary(operator.add), _reflected(operator.add)
    __sub__, __rsub__ = _binary(operator.sub), _reflected(operator.sub)
    __mul__, __rmul__ = _binary(operator.mul), _reflected(operator.mul)
    __truediv__, __rtruediv__ = _binary(operator.truediv), _reflected(operator.truediv)
    __floordiv__, __rfloordiv__ = _binary(operator.floordiv), _reflected(operator.floordiv)
    __mod__, __rmod__ = _binary(operator.mod), _reflected(operator.mod)
    __divmod__, __rdivmod__ = _binary(divmod), _reflected(divmod)
    __pow__, __rpow__ = _binary(operator.pow), _reflected(operator.pow)
    __matmul__, __rmatmul__ = _binary(operator.matmul), _reflected(operator.matmul)
    __and__, __rand__ = _binary(operator.and_), _reflected(operator.and_)
    __or__, __ror__ = _binary(operator.or_), _reflected(operator.or_)
    __xor__, __rxor__ = _binary(operator.xor), _reflected(operator.xor)
    __lshift__, __rlshift__ = _binary(operator.lshift), _reflected(operator.lshift)
    __rshift__, __rrshift__ = _binary(operator.rshift), _reflected(operator.rshift)
    __neg__, __pos__, __abs__ = _unary(operator.neg), _unary(operator.pos), _unary(operator.abs)
    __invert__ = _unary(operator.invert)


def _unchecked(law: dist.Distribution) -> dist.Distribution:
    """The law, whose log density does not look at the support: NumPyro compiles that look into every evaluation."""
    law = copy.copy(law)
    law._validate_args = False
    # Only where law and base have one support: a component of a mixture has to look for itself.
    if isinstance(law, (dist.ExpandedDistribution, dist.Independent)):
        law.base_dist = _unchecked(law.base_dist)
    return law


def is_random_variable(x: Any) -> bool:
    """Whether `x` is a random variable; a leaf test for `jax.tree.map`."""
    return isinstance(x, RandomVariable)


def is_missing(rv: RandomVariable, gaps: jax.Array) -> jax.Array:
    """Which of the variable's independent draws have something missing, in the shape of its log density.

    Args:
      gaps: which of its numbers are missing, in the shape of its value.
    """
    return jnp.any(gaps, axis=tuple(range(gaps.ndim - rv.meta.event_dim, gaps.ndim)))


def unwrap(x: Any) -> Any:
    """The value of a random variable; anything else unchanged."""
    return x.value if isinstance(x, RandomVariable) else x
