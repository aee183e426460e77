"""Values given to random variables: made arrays, and checked against what a draw would be."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpyro.distributions import constraints

from tacit.errors import InvalidValueError
from tacit.ppl.random_variable import unwrap

# Each kind can be read as any later one without loss: False as 0, 0 as 0.0.
_KINDS = {jnp.bool_: "booleans", jnp.integer: "integers", jnp.floating: "real numbers", jnp.complexfloating: "numbers"}


def as_value(
    value: Any, *, shape: tuple[int, ...], dtype: Any, name: str, support: Any = None, counted: Any = True
) -> tuple[jax.Array, bool]:
    """`value` as an array of `shape` whose elements are of the kind of `dtype`; its own width is kept.

    Args:
      value: array-like, or a random variable.
      shape, dtype: those of a draw.
      name: of the variable, for the error.
      support, counted: see `check_support`.

    Returns:
      The array, and whether all of it is known to lie in the support.

    Raises:
      InvalidValueError: no array, another shape, elements that `dtype` cannot hold (0.5 for an integer), or one outside
        the support.
    """
    value = unwrap(value)
    if not isinstance(value, jax.Array):
        value = _read(value, name)
    if value.shape != shape:
        raise InvalidValueError(f"{name!r} was given a value of shape {value.shape}; expected {shape}.")
    given, expected = _rank(value.dtype), _rank(dtype)
    if given is None or given > expected:
        kind = list(_KINDS.values())[expected]
        raise InvalidValueError(f"{name!r} was given a value of dtype {value.dtype}; expected {kind}.")
    # Before it becomes a JAX array: inside jit even a constant would then be a tracer.
    inside = check_support(value, support, name, counted=counted)
    return jnp.asarray(value if given == expected else value.astype(dtype)), inside


def check_support(value: jax.Array | np.ndarray, support: Any, name: str, *, counted: Any = True) -> bool:
    """Raises if a concrete `value` lies outside a concrete `support`; what JAX is tracing passes.

    Args:
      support: a NumPyro constraint; None checks nothing.
      counted: boolean, of the value's batch shape; what a mask leaves out may be anything.

    Returns:
      Whether all of the value is known to lie inside. Every number is a real one; a NaN that turns up when the compiled
      program runs is left to show in the density.

    Raises:
      InvalidValueError: naming the first offending element.
    """
    if support is None or constraints.is_dependent(support):
        return False
    if _is_traced((value, support, counted)):
        return _is_unbounded(support)
    concrete = np.asarray(value)
    with jax.ensure_compile_time_eval(), np.errstate(all="ignore"):
        inside = support(concrete)
        if counted is not True:
            inside = inside | ~counted
    if np.all(inside):
        return counted is True
    index = tuple(int(i) for i in np.argwhere(~np.asarray(inside))[0])
    where = f" at index {index}" if index else ""
    raise InvalidValueError(f"{name!r} was given {concrete[index]}{where}; expected a value in {support}.")


def _read(value: Any, name: str) -> jax.Array | np.ndarray:
    try:
        array = jnp.asarray(value) if _holds_jax(value) else np.asarray(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidValueError(f"{name!r} was given {value!r}, which cannot be read as an array: {error}") from error
    if _rank(array.dtype) is None:
        raise InvalidValueError(f"{name!r} was given {value!r}, which cannot be read as an array of numbers.")
    narrow = jax.dtypes.canonicalize_dtype(array.dtype)
    if isinstance(array, np.ndarray) and jnp.issubdtype(narrow, jnp.integer) and (array != array.astype(narrow)).any():
        raise InvalidValueError(f"{name!r} was given an integer that does not fit {narrow}: see JAX's jax_enable_x64.")
    return array


def _is_unbounded(support: Any) -> bool:
    return isinstance(getattr(support, "base_constraint", support), type(constraints.real))


def _is_traced(tree: Any) -> bool:
    return any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(tree))


def _holds_jax(value: Any) -> bool:
    return any(hasattr(leaf, "__jax_array__") or isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(value))


def _rank(dtype: Any) -> int | None:
    return next((rank for rank, kind in enumerate(_KINDS) if jnp.issubdtype(dtype, kind)), None)
