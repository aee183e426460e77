"""Prior and posterior predictive: a program replayed under a value setter, vectorised over draws.

All of it goes in parts of a bounded size, so that a million draws need no more memory than a thousand:

>>> import jax, jax.numpy as jnp
>>> from tacit.ppl import Normal
>>> def program(x):
...     w = Normal(0.0, 1.0, name="w")
...     Normal(w * x, 0.1, name="y")
>>> parts = predict(jax.random.key(0), program, num_draws=1000, inputs={"x": jnp.ones(3)}, variables=["y"])
>>> sum(len(part["y"]) for part in parts)
1000

Draw i depends on the key, on i and on the given values' row i alone, not on how many are asked for.
"""

import functools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from tacit.errors import UnknownVariableError
from tacit.ppl import RandomVariable, make_value_setter, seed, tape
from tacit.ppl.random_variable import is_missing

# Programs are compiled for this many draws at a time, whatever number is asked for; for fewer where a draw is large.
CHUNK = 256
# Numbers that all variables of a chunk may have together.
_CHUNK_VALUES = 2**23

Program = Callable[..., Any]
Part = dict[str, np.ndarray]
Rows = Callable[[int, int], Mapping[str, np.ndarray]]


class Outline(NamedTuple):
    """A random variable of a program at given inputs, with nothing computed: shape and dtype of one draw."""

    shape: tuple[int, ...]
    dtype: np.dtype
    kind: str

    @property
    def size(self) -> int:
        return math.prod(self.shape)


def outline(
    program: Program, *, inputs: Mapping[str, Any], fixed: Mapping[str, np.ndarray] | None = None
) -> dict[str, Outline]:
    """The random variables of a program, found by running it abstractly.

    Args:
      inputs: keywords of the program: arrays, and ints for sizes.
      fixed: values of variables; they are checked.

    Raises:
      InvalidValueError: a value of `fixed` has another shape or dtype than its variable, or lies outside its support.
      UnknownVariableError: `fixed` names a variable the program does not have.
    """
    sizes, given = _split(inputs)
    found: dict[str, Outline] = {}

    def run(given: dict[str, jax.Array]) -> None:
        with seed(jax.random.key(0)), tape() as recorded, make_value_setter(fixed):
            program(**given, **dict(sizes))
        found.update({name: Outline(rv.shape, np.dtype(rv.dtype), rv.kind) for name, rv in recorded.items()})

    jax.eval_shape(run, given)
    return found


def predict(
    key: jax.Array,
    program: Program,
    *,
    num_draws: int,
    inputs: Mapping[str, Any],
    variables: Sequence[str],
    rows: Rows | None = None,
    fixed: Mapping[str, np.ndarray] | None = None,
) -> Iterator[Part]:
    """Runs `program` once per draw; what is not given is sampled given what is.

    Args:
      inputs: keywords of the program: arrays, and ints for sizes.
      variables: which to return.
      rows: `rows(start, stop)` are the values of variables that differ from draw to draw, along axis 0.
      fixed: values of variables that are the same in every draw (an intervention).

    Yields:
      `{variable: values}`, draws along axis 0: all draws, in order.

    Raises:
      UnknownVariableError: a variable is named that the program does not have.
    """
    sizes, arrays = _split(inputs)
    run = _predictor(program, sizes, _shapes(arrays), tuple(variables))
    held = {name: jnp.asarray(value) for name, value in (fixed or {}).items()}
    for index, given in _chunks(program, inputs, num_draws, rows):
        yield _host(run(key, index.padded, given, held, arrays), index.count)


def log_likelihood(
    program: Program,
    *,
    num_draws: int,
    inputs: Mapping[str, Any],
    observed: Mapping[str, np.ndarray],
    rows: Rows,
    fixed: Mapping[str, np.ndarray] | None = None,
    missing: Mapping[str, np.ndarray] | None = None,
    plate: str | None = None,
) -> Iterator[Part]:
    """Log density of observed variables at each draw of the others, in the parts that `predict` gives.

    Args:
      observed: `{variable: value}`; each needs a density.
      missing: `{variable: booleans}`, which of their numbers are missing, as `inference.densities.check` allows.
      plate: the plate of the data points.

    Yields:
      `{variable: log density}` of shape (draws, points), of what is not missing; nan for a point of which all is.
      Without a plate the points are what the law of the variable takes for independent.

    Raises:
      NoDensityError: an observed variable is implicit.
    """
    sizes, arrays = _split(inputs)
    run = _scorer(program, sizes, _shapes(arrays), tuple(observed), plate)
    held = {name: jnp.asarray(value) for name, value in {**(fixed or {}), **observed}.items()}
    gaps = {name: jnp.asarray(value) for name, value in (missing or {}).items()}
    for index, given in _chunks(program, inputs, num_draws, rows):
        yield _host(run(given, held, arrays, gaps), index.count)


def posterior_predictive(
    key: jax.Array,
    program: Program,
    samples: Mapping[str, Any],
    *,
    inputs: Mapping[str, Any],
    variables: Sequence[str] | None = None,
) -> Part:
    """`predict` in one piece, at all of the draws `samples`.

    Args:
      samples: `{variable: draws}`, draws along axis 0, all the same number of them.
      inputs: keywords of the program: arrays, and ints for sizes.
      variables: which to return; by default all random variables not in `samples`.

    Raises:
      UnknownVariableError: `samples` or `variables` name a variable the program does not have.
    """
    stacked = {name: np.asarray(value) for name, value in samples.items()}
    if variables is None:
        found = outline(program, inputs=inputs)
        variables = [name for name, each in found.items() if name not in samples and each.kind != "deterministic"]
    parts = list(
        predict(
            key,
            program,
            num_draws=len(next(iter(stacked.values()))),
            inputs=inputs,
            variables=variables,
            rows=lambda start, stop: {name: values[start:stop] for name, values in stacked.items()},
        )
    )
    return {name: np.concatenate([part[name] for part in parts]) for name in variables}


class _Index(NamedTuple):
    """The draws of a chunk; where fewer are left than it has room for, the last is repeated."""

    padded: np.ndarray
    count: int


def _chunks(
    program: Program, inputs: Mapping[str, Any], num_draws: int, rows: Rows | None
) -> Iterator[tuple[_Index, Part]]:
    size = sum(each.size for each in outline(program, inputs=inputs).values())
    length = CHUNK
    while length > 1 and length * size > _CHUNK_VALUES:
        length //= 2
    for start in range(0, num_draws, length):
        count = min(length, num_draws - start)
        padded = np.minimum(np.arange(length), count - 1)
        given = rows(start, start + count) if rows is not None else {}
        yield _Index(start + padded, count), {name: np.asarray(values)[padded] for name, values in given.items()}


# The shapes are part of the key, so that programs compiled for shapes nobody asks for any more are forgotten.
@functools.lru_cache(maxsize=64)
def _predictor(
    program: Program, sizes: tuple[tuple[str, int], ...], shapes: tuple[Any, ...], variables: tuple[str, ...]
) -> Callable[..., dict[str, jax.Array]]:
    def one(
        key: jax.Array,
        index: jax.Array,
        given: dict[str, jax.Array],
        fixed: dict[str, jax.Array],
        inputs: dict[str, jax.Array],
    ) -> dict[str, jax.Array]:
        with seed(jax.random.fold_in(key, index)), tape() as recorded, make_value_setter({**given, **fixed}):
            program(**inputs, **dict(sizes))
        unknown = [name for name in variables if name not in recorded]
        if unknown:
            raise UnknownVariableError(
                f"the program has no random variable {', '.join(unknown)}; it has {', '.join(recorded)}"
            )
        return {name: recorded[name].value for name in variables}

    return jax.jit(jax.vmap(one, in_axes=(None, 0, 0, None, None)))


@functools.lru_cache(maxsize=64)
def _scorer(
    program: Program,
    sizes: tuple[tuple[str, int], ...],
    shapes: tuple[Any, ...],
    observed: tuple[str, ...],
    plate: str | None,
) -> Callable[..., dict[str, jax.Array]]:
    def one(
        given: dict[str, jax.Array],
        fixed: dict[str, jax.Array],
        inputs: dict[str, jax.Array],
        missing: dict[str, jax.Array],
    ) -> dict[str, jax.Array]:
        # Nothing is sampled: every variable that is not computed has a value.
        with tape() as recorded, make_value_setter({**given, **fixed}):
            program(**inputs, **dict(sizes))
        return {name: _by_point(recorded[name], missing.get(name), plate) for name in observed}

    return jax.jit(jax.vmap(one, in_axes=(0, None, None, None)))


def _by_point(rv: RandomVariable, gaps: jax.Array | None, plate: str | None) -> jax.Array:
    log_prob = rv.log_prob() if gaps is None else jnp.where(is_missing(rv, gaps), jnp.nan, rv.log_prob())
    dims = [each.dim for each in rv.plates if each.name == plate]
    if not dims:
        return log_prob.reshape(-1)
    by_point = jnp.moveaxis(log_prob, dims[0], 0).reshape(log_prob.shape[dims[0]], -1)
    if gaps is None:
        return by_point.sum(axis=1)
    return jnp.where(jnp.all(jnp.isnan(by_point), axis=1), jnp.nan, jnp.nansum(by_point, axis=1))


def _split(inputs: Mapping[str, Any]) -> tuple[tuple[tuple[str, int], ...], dict[str, jax.Array]]:
    """Sizes, which are static, and arrays."""
    sizes = tuple(sorted((name, value) for name, value in inputs.items() if isinstance(value, int)))
    return sizes, {name: jnp.asarray(value) for name, value in inputs.items() if not isinstance(value, int)}


def _shapes(arrays: Mapping[str, jax.Array]) -> tuple[Any, ...]:
    return tuple((name, array.shape, array.dtype.name) for name, array in sorted(arrays.items()))


def _host(values: Mapping[str, jax.Array], count: int) -> Part:
    return {name: np.asarray(value)[:count] for name, value in values.items()}
