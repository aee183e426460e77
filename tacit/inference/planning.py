"""What a fit is to be, from the problem and what was chosen: its static setup, its rates, and its number of steps."""

from functools import partial
from typing import NamedTuple

import jax.numpy as jnp

from tacit.errors import InferenceError
from tacit.inference import amortized, densities, forward, laws, point_scale, variational
from tacit.inference.options import InferenceOptions, Objective, RatioLossName
from tacit.inference.parts import Parts
from tacit.inference.problem import Layout, Problem, arrays, layout
from tacit.inference.state import Rates, Setup

DEFAULT_PARTS = Parts()


def plan(problem: Problem, options: InferenceOptions, parts: Parts) -> tuple[Setup, Rates, InferenceOptions]:
    """What of a fit is static, what is not, and the options with their number of steps."""
    structure = layout(problem)
    chosen = resolve(options, structure, parts)
    if options.method == "klqp":
        densities.check(problem)
    objective, family, steps, budget = chosen.objective, chosen.family, chosen.steps, chosen.simulations
    if options.start is not None and len(options.start.mean) != structure.global_dim:
        raise InferenceError(
            f"start has {len(options.start.mean)} numbers, and the model {structure.global_dim} global latent numbers"
        )
    if objective == "reverse":
        laws.check(family, structure, program=parts.variational is not None)
    if parts.variational is not None:
        variational.check(parts.variational, problem.program, structure, arrays(problem, structure))
    setup = Setup(
        program=problem.program,
        layout=structure,
        parts=parts,
        family=family,
        disc_optimizer=options.disc_optimizer.resolved(),
        gen_optimizer=options.gen_optimizer.resolved(),
        method=options.method,
        contrast=options.contrast,
        ratio_loss="callable" if parts.ratio_loss is not None else chosen.ratio_loss,
        latent_samples=options.latent_samples,
        points=chosen.points,
        replicates=options.resolved_replicates(structure.num_points),
        disc_updates=options.disc_updates,
        gen_updates=options.gen_updates,
        gen_samples=options.gen_samples,
        gen_points=chosen.gen_points,
        width=chosen.width,
        rank=chosen.rank,
        restarts=options.restarts,
        objective=objective,
        ratio_estimators=chosen.ratio_estimators,
    )
    if setup.calibrated and parts.ratio_estimator is None:
        setup = setup._replace(point_scale=point_scale.suits(structure, arrays(problem, structure)))
    external = bool(structure.external)
    setup = _with_simulations(setup, budget, steps)
    first, fresh = setup.first, setup.fresh
    rates = Rates(
        steps=jnp.float32(steps),
        disc=jnp.float32(chosen.disc_learning_rate),
        gen=jnp.float32(options.gen_learning_rate),
        proposal_width=jnp.float32(options.proposal_width),
        tolerance=jnp.float32(options.flat_tolerance if options.stop_when_flat else -1.0),
        simulations=jnp.int32(budget),
        # External simulations are taken in a round after they were begun.
        rounds=jnp.float32((budget - first) // fresh + (external and objective == "forward") if fresh else 0),
        few=jnp.float32(chosen.few_steps),
        going_on=jnp.int32(chosen.estimators_of_all_steps),
    )
    return setup, rates, options.model_copy(update={"steps": steps})


class Resolved(NamedTuple):
    """What a fit takes for the options that were left open. `simulations`: of the objectives for whole data sets.

    `few_steps`: steps to begin with where these may be enough, else 0. `estimators_of_all_steps`: how many ratio
    estimators there would be if all steps were made at once.
    """

    objective: Objective
    family: str
    ratio_loss: RatioLossName
    points: int
    gen_points: int
    width: int
    rank: int
    simulations: int
    steps: int
    few_steps: int
    disc_learning_rate: float
    ratio_estimators: int
    estimators_of_all_steps: int


def resolve(options: InferenceOptions, structure: Layout, parts: Parts = DEFAULT_PARTS) -> Resolved:
    """What the options are for a problem of this structure.

    Raises:
      InferenceError: they are not for such a problem.
    """
    _check(options, parts, structure)
    objective = _objective(options, parts, structure)
    external, numbers = bool(structure.external), structure.num_observed
    steps = options.resolved_steps(objective=objective, external=external, numbers=numbers)
    few = options.few_steps(objective=objective, external=external, numbers=numbers, latents=structure.global_dim)
    estimators = partial(options.resolved_ratio_estimators, objective=objective, external=external, numbers=numbers)
    families = {"reverse": "full_rank", "forward": forward.AUTOMATIC, "amortized": "mixture"}
    return Resolved(
        objective=objective,
        family=options.family or families[objective],
        ratio_loss=options.resolved_ratio_loss,
        points=options.resolved_points(structure.num_points),
        gen_points=options.resolved_gen_points(structure.num_points),
        width=options.width or (64 if objective == "reverse" else forward.WIDTH),
        rank=options.rank or (16 if objective == "reverse" else forward.RANK),
        simulations=options.resolved_simulations(external=external),
        steps=steps,
        few_steps=few,
        disc_learning_rate=options.resolved_disc_learning_rate(objective=objective, numbers=numbers),
        ratio_estimators=estimators(steps=few or steps),
        estimators_of_all_steps=estimators(steps=steps),
    )


def resolved_options(options: InferenceOptions, structure: Layout) -> dict[str, object]:
    """Every option as a fit takes it, JSON-able; None for one that plays no part in it. Errors as of `resolve`."""
    chosen = resolve(options, structure)
    whole = chosen.objective != "reverse"
    ratio = options.method != "klqp"
    found: dict[str, object] = {
        "objective": chosen.objective,
        "family": chosen.family,
        "steps": chosen.steps,
        "simulations": chosen.simulations if whole else None,
        "points": chosen.points if ratio and not whole else None,
        "gen_points": None if whole else chosen.gen_points,
        "ratio_loss": chosen.ratio_loss if ratio else None,
        "disc_learning_rate": chosen.disc_learning_rate if ratio else None,
        "ratio_estimators": chosen.ratio_estimators if ratio else None,
        "width": chosen.width,
        "rank": chosen.rank if ratio and chosen.objective != "amortized" else None,
        "resample": whole,
    }
    given: dict[str, object] = options.model_dump(mode="json")
    return {**given, **{name: value for name, value in found.items() if given[name] is None}}


def _check(options: InferenceOptions, parts: Parts, structure: Layout) -> None:
    """Refuses parts and contrasts that cannot be had.

    Raises:
      InferenceError: the scale does not suit the ratio estimator, or a local latent without a density the contrast.
    """
    if parts.ratio_estimator is None and set(parts.scales) != {""}:
        raise InferenceError(
            "the default ratio estimator has one output: scale must be one number, or give a ratio_estimator that "
            "returns a dict with scale's keys"
        )
    hidden = [site.name for site in structure.locals if not site.has_density]
    if hidden and (options.contrast == "marginal" or options.method == "klqp"):
        raise InferenceError(
            f"local latent {hidden[0]!r} is implicit: without a density of its own it can be inferred under "
            "contrast 'empirical' only. Or let it be drawn inside the simulator of what is observed, and not inferred."
        )


def _with_simulations(setup: Setup, budget: int, steps: int) -> Setup:
    """The setup with its numbers of simulations: before the first step, at once afterwards, and kept."""
    structure = setup.layout
    external = bool(structure.external)
    if setup.objective == "forward":
        fresh = forward.fresh_simulations(budget, steps, external=external)
        return setup._replace(first=forward.first_simulations(budget), fresh=fresh, ring=min(budget, forward.RING))
    if setup.objective == "amortized":
        ring = amortized.kept(budget, structure.num_observed)
        fresh = min(ring, amortized.fresh_simulations(budget, steps, external=external))
        return setup._replace(first=amortized.held_out(budget), fresh=fresh, ring=ring)
    return setup


def _objective(options: InferenceOptions, parts: Parts, structure: Layout) -> Objective:
    """The one asked for, or the one that suits the problem.

    Raises:
      InferenceError: the problem or the parts are not for the objective that was asked for.
    """
    whole = options.objective if options.objective == "amortized" else "forward"
    wrong = options.unfit_for(whole)
    if wrong is None and structure.locals:
        wrong = f"is for global latents, and {structure.locals[0].name!r} is of each data point"
    if wrong is None and parts != DEFAULT_PARTS:
        wrong = "has a ratio estimator, losses and optimizers of its own: leave `parts` out"
    if options.objective in ("forward", "amortized") and wrong is not None:
        raise InferenceError(f"objective {whole!r} {wrong}; use objective 'reverse'")
    if options.objective is not None:
        return options.objective
    # Of more latents than numbers observed the reverse objective was better (one model, measured); it keeps no budget.
    counted = options.simulations is not None or bool(structure.external)
    enough = structure.global_dim <= structure.num_observed or counted
    whole_data = structure.num_points <= forward.FEW_POINTS and enough
    return "forward" if wrong is None and whole_data else "reverse"
