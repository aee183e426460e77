"""What a model program contains, found by tracing it abstractly: no array is made, nothing is compiled or run.

The program is traced twice, each time with another prime for every dimension symbol. An axis whose size followed a
symbol both times is that symbol; one that stayed the same is a number; "N - 1" and the like are solved for.
"""

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import jax
import jax.numpy as jnp
from numpyro.distributions import constraints

from model_registry.fields import Field, Shape
from tacit.errors import ModelLoadError
from tacit.ppl import RandomVariable, seed, tape

# Sizes no program is likely to contain itself: if one turns up in a shape, it came from the symbol. No two symbols grow
# by the same amount from the first trace to the second.
_PRIMES = (101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157)
_OTHER_PRIMES = (211, 227, 241, 257, 271, 307, 331, 353, 373, 401, 419, 443)


@dataclass(frozen=True)
class Variable:
    """A random variable of a program, as far as it is known before there are data.

    Attributes:
      kind: "sample" has a density, "parameter" a flat one, "implicit" only samples, "deterministic" is a function of
        others.
      shape: a size for each axis: a dimension symbol, a number, an expression such as "N - 1", or "?".
      dtype: "float" or "int".
      support: in words, such as "positive".
      plates: the names of the plates it stands in, outermost first.
    """

    name: str
    kind: Literal["sample", "parameter", "implicit", "deterministic"]
    shape: Shape
    dtype: Literal["float", "int"]
    support: str
    plates: tuple[str, ...]


def parameters(program: Callable[..., Any]) -> tuple[str, ...]:
    """The names of the program's parameters.

    Raises:
      ModelLoadError: one of them cannot be given by name.
    """
    found = inspect.signature(program).parameters.values()
    for parameter in found:
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise ModelLoadError(
                f"the program takes {str(parameter)!r}; name every parameter, so that a field can be given to it."
            )
    return tuple(parameter.name for parameter in found)


def discover(program: Callable[..., Any], fields: Mapping[str, Field]) -> dict[str, Variable]:
    """The random variables of a program, by name, in the order they are made.

    Args:
      program: called with the fields and dimension symbols that are among its parameters.
      fields: the model's data.

    Raises:
      ModelLoadError: the program does not run for some sizes of its dimensions.
    """
    symbols = dimension_symbols(fields)
    sizes, others = dict(zip(symbols, _PRIMES, strict=False)), dict(zip(symbols, _OTHER_PRIMES, strict=False))
    if len(symbols) > len(_PRIMES):
        raise ModelLoadError(f"the model has {len(symbols)} dimension symbols; {len(_PRIMES)} are the most.")
    once, twice = _trace(program, fields, sizes), _trace(program, fields, others)
    if once.keys() != twice.keys():
        raise ModelLoadError(
            f"the program makes other variables at other sizes ({', '.join(sorted(once.keys() ^ twice.keys()))}); "
            "make the same ones always, with shapes that follow the dimensions."
        )
    symbolic = functools.partial(_symbolic_size, sizes=sizes, others=others)
    return {
        name: Variable(
            name=name,
            kind=found.kind,
            shape=_symbolic_shape(name, found.shape, twice[name].shape, symbolic),
            dtype=found.dtype,
            support=found.support,
            plates=found.plates,
        )
        for name, found in once.items()
    }


def dimension_symbols(fields: Mapping[str, Field]) -> tuple[str, ...]:
    """Every dimension symbol of the fields, in order of appearance."""
    return tuple(dict.fromkeys(symbol for field in fields.values() for symbol in field.symbols))


def trace(program: Callable[..., Any], fields: Mapping[str, Field]) -> tuple[Any, list[str]]:
    """What a program computes on the way to its variables, as a jaxpr, and which covariate each argument of it is."""
    arrays, static = _arguments(program, fields, dict(zip(dimension_symbols(fields), _PRIMES, strict=False)))

    def run(arrays: dict[str, jax.Array]) -> list[jax.Array]:
        with seed(jax.random.key(0)), tape() as trace:
            program(**arrays, **static)
        return [rv.value for rv in trace.values()]

    return jax.make_jaxpr(run)(arrays), sorted(arrays)


def _arguments(
    program: Callable[..., Any], fields: Mapping[str, Field], sizes: Mapping[str, int]
) -> tuple[dict[str, jax.ShapeDtypeStruct], dict[str, int]]:
    """The covariates and the sizes that a program takes."""
    names = parameters(program)
    arrays = {
        name: jax.ShapeDtypeStruct(tuple(sizes.get(s, s) for s in field.shape), field.numpy_dtype)
        for name, field in fields.items()
        if name in names
    }
    return arrays, {symbol: size for symbol, size in sizes.items() if symbol in names}


def _trace(program: Callable[..., Any], fields: Mapping[str, Field], sizes: Mapping[str, int]) -> dict[str, Variable]:
    """The variables of the program at these sizes, with numbers for shapes."""
    arrays, static = _arguments(program, fields, sizes)
    found: dict[str, Variable] = {}

    def run(arrays: dict[str, jax.Array]) -> None:
        # The key is made in here, so that it is abstract too and no device is touched.
        with seed(jax.random.key(0)), tape() as trace:
            program(**arrays, **static)
        found.update({name: _look_at(rv) for name, rv in trace.items()})

    try:
        jax.eval_shape(run, arrays)
    except Exception as error:  # whatever the user's program raises
        at_sizes = ", ".join(f"{symbol} = {size}" for symbol, size in sizes.items())
        raise ModelLoadError(
            f"the program does not run{f' with {at_sizes}' if sizes else ''}; it must for every size of its "
            f"dimensions. {type(error).__name__}: {error}"
        ) from error
    return found


def _look_at(rv: RandomVariable) -> Variable:
    # What JAX is tracing must not leave the trace: shapes and words do.
    integer = jnp.issubdtype(rv.dtype, jnp.integer) or rv.dtype == jnp.bool_
    return Variable(
        name=rv.name,
        kind=rv.kind,
        shape=tuple(rv.shape),
        dtype="int" if integer else "float",
        support=support_words(rv.support),
        plates=tuple(plate.name for plate in rv.plates),
    )


def support_words(constraint: constraints.Constraint) -> str:
    """A NumPyro constraint in words: "real", "positive", "interval(0.0, 10.0)"; bounds only where they are known."""
    if isinstance(constraint, constraints.independent):
        return support_words(constraint.base_constraint)
    name = type(constraint).__name__.lstrip("_")
    words = "".join("_" + c.lower() if c.isupper() else c for c in name).lstrip("_")
    bounds = [getattr(constraint, bound, None) for bound in ("lower_bound", "upper_bound")]
    known = [_number(bound) for bound in bounds if bound is not None]
    if words in _BOUNDS_SAID or not known or None in known:
        return words
    return f"{words}({', '.join(f'{bound:g}' for bound in known)})"


_BOUNDS_SAID = ("positive", "nonnegative", "unit_interval", "integer_positive", "integer_nonnegative")


def _number(bound: Any) -> float | None:
    return float(bound) if isinstance(bound, int | float) else None


def _symbolic_shape(
    name: str, once: Iterable[int], twice: Iterable[int], symbolic: Callable[[int, int], str | int]
) -> Shape:
    once, twice = tuple(once), tuple(twice)
    if len(once) != len(twice):
        raise ModelLoadError(
            f"{name!r} has {len(once)} axes at some sizes of the dimensions and {len(twice)} at others; "
            "give it always as many."
        )
    return tuple(map(symbolic, once, twice))


def _symbolic_size(size: int, other: int, *, sizes: Mapping[str, int], others: Mapping[str, int]) -> str | int:
    """The expression whose value was `size` in one trace and `other` in the next."""
    if size == other:
        return size
    for symbol, first in sizes.items():
        if (size, other) == (first, others[symbol]):
            return symbol
    for symbol, first in sizes.items():
        times, rest = divmod(other - size, others[symbol] - first)
        plus = size - times * first
        if rest == 0 and 1 <= times <= 16 and abs(plus) <= 16:
            return _expression(symbol, times, plus)
    for symbol, first in sizes.items():
        for factor, second in sizes.items():
            if size == first * second and other == others[symbol] * others[factor]:
                return f"{symbol} * {factor}"
    return "?"


def _expression(symbol: str, times: int, plus: int) -> str:
    product = symbol if times == 1 else f"{times} * {symbol}"
    return product if plus == 0 else f"{product} {'+' if plus > 0 else '-'} {abs(plus)}"
