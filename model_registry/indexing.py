"""Which whole-number covariates a program looks things up by, found in its trace.

JAX does not refuse an index beyond the end: it takes the last element, so level 4 of 3 would be taken for level 3.
Negative ones count from the end.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
from jax.extend.core import Literal

from model_registry.discovery import trace
from model_registry.fields import Field
from model_registry.specification import Model

# The covariates that a value comes from.
Origin = frozenset[str]
_NONE: Origin = frozenset()

# The first of the operands that are indices; those from it on are, or only it.
_LOOKUPS = {"gather": slice(1, 2), "dynamic_slice": slice(1, None), "dynamic_update_slice": slice(2, None)}
# What comes out of these is bounded, or a place and not a value.
_BOUNDED = ("min", "clamp", "rem", "and", "argmax", "argmin", "sort", "iota")


def unbounded_indices(model: Model) -> list[str]:
    """The whole-number covariates that become indices as they are, and may lie outside any array."""
    open_ended = [name for name in model.covariates if _is_open_ended(model.data[name])]
    if not open_ended:
        return []
    traced, names = trace(model.program, model.data)
    found: set[str] = set()
    origins = [frozenset({name}) & frozenset(open_ended) for name in names]
    _follow(traced.jaxpr, origins, found)
    return [name for name in open_ended if name in found]


def _is_open_ended(field: Field) -> bool:
    low = field.lowest is not None or field.support != "real"
    high = field.highest is not None or field.support in ("unit_interval", "boolean")
    return field.dtype == "int" and not (low and high)


def _follow(jaxpr: Any, origins: Sequence[Origin], found: set[str]) -> list[Origin]:
    """Where values come from, through a program; adds to `found` what is used as an index.

    Args:
      jaxpr: of JAX, without its constants.
      origins: of its arguments.

    Returns:
      those of its results.
    """
    known: dict[Any, Origin] = dict(zip(jaxpr.invars, origins, strict=True))

    def of(atom: Any) -> Origin:
        return _NONE if isinstance(atom, Literal) else known.get(atom, _NONE)

    for equation in jaxpr.eqns:
        operands = [of(each) for each in equation.invars]
        name = equation.primitive.name
        indices = _LOOKUPS.get(name, slice(1, 2) if name.startswith("scatter") else slice(0))
        found.update(*operands[indices])
        results = _results(name, equation.params, operands, found, len(equation.outvars))
        for variable, origin in zip(equation.outvars, results, strict=True):
            known[variable] = origin if _is_whole(variable.aval) else _NONE
    return [of(each) for each in jaxpr.outvars]


def _is_whole(aval: Any) -> bool:
    return hasattr(aval, "dtype") and jnp.issubdtype(aval.dtype, jnp.integer)


def _results(
    name: str, params: Mapping[str, Any], operands: Sequence[Origin], found: set[str], count: int
) -> list[Origin]:
    """Where the results of one operation come from."""
    if name in _BOUNDED:
        return [_NONE] * count
    if name == "gather":
        return [operands[0]] * count
    if name == "cond":
        branches = [_follow(each.jaxpr, operands[1:], found) for each in params["branches"]]
        return [_NONE.union(*each) for each in zip(*branches, strict=True)]
    if name == "while":
        tests, constants = params["cond_nconsts"], params["body_nconsts"]
        fixed, carried = operands[tests : tests + constants], operands[tests + constants :]
        carried = _repeated(params["body_jaxpr"].jaxpr, fixed, carried, [], found)
        _follow(params["cond_jaxpr"].jaxpr, [*operands[:tests], *carried], found)
        return carried
    if name == "scan":
        constants, carries = params["num_consts"], params["num_carry"]
        fixed, rows = operands[:constants], operands[constants + carries :]
        body = params["jaxpr"].jaxpr
        carried = _repeated(body, fixed, operands[constants : constants + carries], rows, found)
        return [*carried, *_follow(body, [*fixed, *carried, *rows], found)[carries:]]
    for key in ("jaxpr", "call_jaxpr", "fun_jaxpr"):
        inner = params.get(key)
        if inner is not None:
            return _follow(getattr(inner, "jaxpr", inner), operands, found)
    return [_NONE.union(*operands)] * count


def _repeated(
    body: Any, fixed: Sequence[Origin], carried: Sequence[Origin], rows: Sequence[Origin], found: set[str]
) -> list[Origin]:
    """Where the carried values of a loop come from after any number of turns."""
    before: list[Origin] = []
    after = list(carried)
    while after != before:
        before = after
        results = _follow(body, [*fixed, *before, *rows], found)
        after = [old | new for old, new in zip(before, results, strict=False)]
    return after
