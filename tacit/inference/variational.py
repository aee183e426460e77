"""The user's own variational program: a program in the language whose random variables are the factors of q.

It makes a random variable for each latent of the model, by the same name; what is trained are its `Parameter`s, which
are common to all data points. It is called with those of the model's inputs, and of the observed variables, that its
signature names, so q may look at the data: an inference network.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from numpyro.distributions import biject_to

from tacit.errors import InferenceError
from tacit.inference.families import Latents
from tacit.inference.problem import Arrays, Layout, program_inputs, unconstrain
from tacit.ppl import RandomVariable, interceptable, interception, seed, tape
from tacit.ppl.parameters import unconstrained_initial

Program = Callable[..., Any]
# So many draws show whether q stays where the model's latents live.
TRIED = 16


def initial(variational: Program, structure: Layout, points: Arrays) -> dict[str, jax.Array]:
    """The unconstrained values that its parameters start from, by name."""
    made = _run(jax.random.key(0), variational, structure, points, {})
    return {name: unconstrained_initial(rv) for name, rv in made.items() if rv.kind == "parameter"}


def draw(
    key: jax.Array,
    variational: Program,
    model: Program,
    structure: Layout,
    points: Arrays,
    trained: Mapping[str, jax.Array],
) -> tuple[Latents, jax.Array, jax.Array]:
    """One draw for the points given: the model's unconstrained latents, (G,) and (M, L), and the log densities of the
    globals and of all these points' locals in that space."""
    made = _run(key, variational, structure, points, trained)
    values = {name: made[name].value for name in structure.latents}
    found, jacobians = unconstrain(key, model, structure, points.inputs, values, _count(points))
    local_names = {site.name for site in structure.locals}
    log_q = {False: jnp.zeros(()), True: jnp.zeros(())}
    for name in structure.latents:
        log_q[name in local_names] += jnp.sum(made[name].log_prob()) + jacobians[name]
    return Latents(*found), log_q[False], log_q[True]


def check(variational: Program, model: Program, structure: Layout, points: Arrays) -> None:
    """Raises InferenceError where the program is no law of the model's latents."""
    with jax.ensure_compile_time_eval():
        _check(variational, model, structure, points)


def _check(variational: Program, model: Program, structure: Layout, points: Arrays) -> None:
    trained = initial(variational, structure, points)
    if not trained:
        raise InferenceError("the variational program has no Parameter: there is nothing to train")
    made = _run(jax.random.key(0), variational, structure, points, trained)
    factors = {name: rv for name, rv in made.items() if rv.kind not in ("parameter", "deterministic")}
    missing, surplus = set(structure.latents) - set(factors), set(factors) - set(structure.latents)
    if missing or surplus:
        raise InferenceError(
            f"the variational program needs one random variable for each latent of the model, by its name: it lacks "
            f"{', '.join(sorted(missing)) or 'none'}, and has in excess {', '.join(sorted(surplus)) or 'none'}"
        )
    for name, rv in factors.items():
        if rv.distribution is None or not rv.distribution.has_rsample or not jnp.issubdtype(rv.dtype, jnp.floating):
            raise InferenceError(
                f"the variational factor of {name!r} is not reparameterizable: use a continuous distribution whose "
                "draws are differentiable in its parameters (has_rsample), such as Normal or LogNormal"
            )
    keys = jax.random.split(jax.random.key(0), TRIED)
    tried = jax.vmap(lambda key: draw(key, variational, model, structure, points, trained))(keys)
    if not all(bool(jnp.all(jnp.isfinite(each))) for each in jax.tree.leaves(tried)):
        raise InferenceError(
            "the variational program draws values outside the support of the model's latents, or of no density: give "
            "each factor the support of its latent, such as LogNormal for a positive one"
        )


def _run(
    key: jax.Array, variational: Program, structure: Layout, points: Arrays, trained: Mapping[str, jax.Array]
) -> dict[str, RandomVariable]:
    """The random variables of a run, with its parameters as they are trained."""

    def constrain(f: Callable[..., Any], *args: Any, **kwargs: Any) -> RandomVariable:
        rv = interceptable(f)(*args, **kwargs)
        if rv.name not in trained:
            return rv
        value = biject_to(rv.support)(trained[rv.name])
        return RandomVariable(value, distribution=rv.distribution, support=rv.support, meta=rv.meta)

    with seed(key), interception(constrain), tape() as recorded:
        variational(**_arguments(variational, structure, points))
    return dict(recorded.items())


def _arguments(variational: Program, structure: Layout, points: Arrays) -> dict[str, Any]:
    """What its signature names, of inputs and observed variables."""
    given = program_inputs(structure, points.inputs, _count(points))
    for site in structure.observed:
        value = points.observed[site.name]
        given[site.name] = value[0] if site.axis is None else jnp.moveaxis(value, 0, site.axis)
    wanted = inspect.signature(variational).parameters
    with_gaps = [name for name in wanted if name in points.missing]
    if with_gaps:
        raise InferenceError(
            f"the variational program asks for {with_gaps[0]!r}, of which numbers are missing: it could not tell them "
            "from others. Let it do without"
        )
    unknown = [name for name in wanted if name not in given]
    if unknown:
        raise InferenceError(
            f"the variational program asks for {unknown[0]!r}; there is {', '.join(sorted(given)) or 'nothing'}"
        )
    return {name: given[name] for name in wanted}


def _count(points: Arrays) -> int:
    return next(iter(points.observed.values())).shape[0]
