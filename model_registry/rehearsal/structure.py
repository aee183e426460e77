"""What a model consists of: fields, variables, densities, and what the variational family will be of."""

from collections.abc import Iterator

import jax
import jax.numpy as jnp

from model_registry.fields import Field, shape_words
from model_registry.indexing import unbounded_indices
from model_registry.rehearsal.findings import Finding, good, listed, note, problem
from model_registry.specification import Model
from tacit.errors import InferenceError
from tacit.inference import InferenceOptions, Problem
from tacit.inference.forward import FEW_POINTS
from tacit.inference.planning import DEFAULT_PARTS, plan
from tacit.inference.problem import Layout, arrays, layout, prior_draw, run_points

_TRIED = 16


def look(model: Model) -> Iterator[Finding]:
    """The parts of a model that can be served."""
    wanted = [f"{name} ({shape_words(field.shape)}, {_numbers(field)})" for name, field in model.data.items()]
    yield good(
        f"Data: {listed(wanted)}. Given: {listed(model.covariates) or 'nothing'}; observed: {listed(model.observed)}."
    )
    variables = [f"{name} ({shape_words(model.variables[name].shape)})" for name in model.latents]
    local = [name for name in model.latents if model.is_local(name)]
    yield good(f"Inferred: {listed(variables)}. Of each data point: {listed(local) or 'none'}.")
    yield from _indices(model)
    yield from _densities(model)
    yield from _factors(model)


def _numbers(field: Field) -> str:
    """The support in a word, and what else is said of the numbers."""
    return field.support if field.lowest is None and field.highest is None else field.words


def _indices(model: Model) -> Iterator[Finding]:
    for name in unbounded_indices(model):
        yield note(
            f"Data: {name} is used as an index and is not bounded on both sides. JAX does not refuse an index that is "
            "out of bounds, it takes another element: write Field(levels=...), or minimum and maximum."
        )


def _densities(model: Model) -> Iterator[Finding]:
    without = [name for name in (*model.observed, *model.latents) if model.variables[name].kind == "implicit"]
    if without:
        yield good(
            f"Densities: {listed(without)} only simulated, all others have one. It is fitted without a likelihood."
        )
    else:
        yield good('Densities: every variable has one, so method="klqp" is there to compare with.')


def _factors(model: Model) -> Iterator[Finding]:
    """Whether q can be had: continuous latents that have an unconstrained form, where the log prior has a gradient."""
    try:
        task = model.problem(model.resolve(model.example))
        structure = layout(task)
    except InferenceError as error:
        yield problem(f"Variational factors: {error}.")
        return
    finite = _log_prior_is_smooth(model, structure)
    if not finite:
        yield problem(
            "Variational factors: the log prior, or its gradient, is not finite at draws of the prior itself; look for "
            "scales that can be 0, and for supports that depend on other variables."
        )
        return
    yield from _default_fit(model, task)
    sizes = f"{structure.global_dim} numbers for all data"
    if structure.local_dim:
        sizes += f" and {structure.local_dim} for each of {structure.num_points} data points"
    yield good(f"Variational factors: reparameterizable, {sizes} at the example; the log prior has a gradient.")


def _default_fit(model: Model, task: Problem) -> Iterator[Finding]:
    """What is learnt when nothing but the model's own defaults is asked for, and what it costs."""
    wanted = InferenceOptions.model_validate(dict(model.defaults))
    setup, rates, options = plan(task, wanted, DEFAULT_PARTS)
    budget, steps = f"{int(rates.simulations):,}", f"{options.steps:,} steps"
    if int(rates.few):
        steps += f", or {int(rates.few):,} if the posterior is nearly Gaussian"
    if setup.objective == "forward":
        what = (
            f"a ratio estimator learns, from at most {budget} simulated data sets, how likely latents make whole data "
            f'sets; {steps} (objective="forward").'
        )
        if model.data_plate is not None and wanted.objective is None:
            what += f' Of more than {FEW_POINTS} data points it learns one at a time (objective="reverse").'
    elif setup.objective == "amortized":
        what = (
            "the posteriors of all data sets that the model can make are learnt at once, from at most "
            f'{budget} simulated ones; {steps} (objective="amortized").'
        )
    elif setup.method == "klqp":
        what = f'nothing is simulated: the density of the data is computed; {steps} (method="klqp").'
    else:
        each = setup.latent_samples * setup.points * setup.replicates * setup.disc_updates
        one, many = ("data set", "data sets") if model.data_plate is None else ("data point", "data points")
        what = (
            f"a ratio estimator learns how likely latents make a {one}; {steps}, each with {each:,} newly simulated "
            f'{many} (objective="reverse").'
        )
    whole = "" if model.data_plate else "no plate holds the observed variables, so all data are one observation; "
    yield good(f"Default fit of the example: {whole}{what}")


def _log_prior_is_smooth(model: Model, structure: Layout) -> bool:
    """At most draws of the prior: single ones may lie where numbers overflow."""
    data = arrays(model.problem(model.resolve(model.example)), structure)

    def once(key: jax.Array) -> jax.Array:
        draw_key, run_key = jax.random.split(key)
        global_latents, local_latents, _ = prior_draw(draw_key, model.program, structure, data.inputs)

        def log_prior(latents: tuple[jax.Array, jax.Array]) -> jax.Array:
            found = run_points(run_key, model.program, structure, data.inputs, *latents)
            return found.log_prior_global + found.log_prior_local

        value, gradient = jax.value_and_grad(log_prior)((global_latents, local_latents))
        parts = [jnp.isfinite(value), *(jnp.isfinite(part).all() for part in gradient)]
        return jnp.stack(parts).all()

    finite = jax.jit(jax.vmap(once))(jax.random.split(jax.random.key(0), _TRIED))
    return bool(finite.mean() > 0.5)
