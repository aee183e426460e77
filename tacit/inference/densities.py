"""Whether the density of what was observed can be had by leaving out what was not.

A missing number is integrated out. Where the draws of a variable are independent given the others, that is to leave out
the densities of those that are missing. It is not where a draw is missing in part, or where the law of another variable
depends on what is missing: then only simulations tell.
"""

import jax
import jax.numpy as jnp
import numpy as np

from tacit.errors import InferenceError
from tacit.inference.problem import Problem, trace
from tacit.ppl import make_value_setter, seed, tape

_ADVICE = "Use method 'implicit_klqp', which needs no density"


def check(problem: Problem) -> None:
    """Raises InferenceError where the density is needed and cannot be had."""
    gaps = {name: each for name, value in problem.missing.items() if np.any(each := np.asarray(value, bool))}
    if not gaps:
        return
    traced = trace(problem)
    for name, each in gaps.items():
        event_dim = traced[name].variable.event_dim
        axes = tuple(range(each.ndim - event_dim, each.ndim))
        if event_dim and np.any(np.any(each, axis=axes) != np.all(each, axis=axes)):
            law = type(traced[name].variable.distribution).__name__
            raise InferenceError(
                f"of a draw of {name!r} some numbers are missing and others are not: their density is not that of "
                f"{law} with numbers left out. {_ADVICE}; or let all numbers of such a draw be missing"
            )
    for name in gaps:
        dependent = _dependent(problem, name)
        if dependent:
            raise InferenceError(
                f"{dependent[0]!r} depends on the value of {name!r}, of which numbers are missing: leaving out their "
                f"density is not to integrate over them. {_ADVICE}"
            )


def _dependent(problem: Problem, name: str) -> list[str]:
    """The other random variables whose law depends on the value of `name`, by how the program computes it."""
    found: list[str] = []
    inputs = {key: value if isinstance(value, int) else jnp.asarray(value) for key, value in problem.inputs.items()}

    def densities(value: jax.Array, others: dict[str, jax.Array]) -> list[jax.Array]:
        with seed(jax.random.key(0)), tape() as recorded, make_value_setter({**others, name: value}):
            problem.program(**inputs)
        scored = {key: rv for key, rv in recorded.items() if key != name and rv.distribution is not None}
        found.extend(scored)
        return [jnp.sum(rv.log_prob()) for rv in scored.values()]

    shapes = {key: jax.eval_shape(jnp.asarray, value) for key, value in problem.observed.items()}
    jaxpr = jax.make_jaxpr(densities)(shapes.pop(name), shapes).jaxpr
    reached = {id(jaxpr.invars[0])}
    for equation in jaxpr.eqns:
        if any(id(var) in reached for var in equation.invars):
            reached |= {id(var) for var in equation.outvars}
    return [other for other, var in zip(found, jaxpr.outvars, strict=True) if id(var) in reached]
