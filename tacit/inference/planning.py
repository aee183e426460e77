"""What a fit is to be, from the problem and what was chosen: its static setup, its rates, and its number of steps."""

from functools import partial

import jax.numpy as jnp

from tacit.errors import InferenceError
from tacit.inference import amortized, densities, forward, laws, point_scale, variational
from tacit.inference.options import InferenceOptions, Objective
from tacit.inference.parts import Parts
from tacit.inference.problem import Layout, Problem, arrays, layout
from tacit.inference.state import Rates, Setup

DEFAULT_PARTS = Parts()


def plan(problem: Problem, options: InferenceOptions, parts: Parts) -> tuple[Setup, Rates, InferenceOptions]:
    """What of a fit is static, what is not, and the options with their number of steps."""
    structure = layout(problem)
    _check(options, parts, structure)
    if options.method == "klqp":
        densities.check(problem)
    objective = _objective(options, parts, structure)
    if options.start is not None and len(options.start.mean) != structure.global_dim:
        raise InferenceError(
            f"start has {len(options.start.mean)} numbers, and the model {structure.global_dim} global latent numbers"
        )
    family = options.family or {"reverse": "full_rank", "forward": forward.AUTOMATIC, "amortized": "mixture"}[objective]
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
        ratio_loss="callable" if parts.ratio_loss is not None else options.resolved_ratio_loss,
        latent_samples=options.latent_samples,
        points=options.resolved_points(structure.num_points),
        replicates=options.resolved_replicates(structure.num_points),
        disc_updates=options.disc_updates,
        gen_updates=options.gen_updates,
        gen_samples=options.gen_samples,
        gen_points=options.resolved_gen_points(structure.num_points),
        width=options.width or (64 if objective == "reverse" else forward.WIDTH),
        rank=options.rank or (16 if objective == "reverse" else forward.RANK),
        restarts=options.restarts,
        objective=objective,
    )
    if setup.calibrated and parts.ratio_estimator is None:
        setup = setup._replace(point_scale=point_scale.suits(structure, arrays(problem, structure)))
    external, numbers = bool(structure.external), structure.num_observed
    steps = options.resolved_steps(objective=objective, external=external, numbers=numbers)
    budget = options.resolved_simulations(external=external)
    setup = _with_simulations(setup, budget, steps)
    few = options.few_steps(objective=objective, external=external, numbers=numbers, latents=structure.global_dim)
    estimators = partial(options.resolved_ratio_estimators, objective=objective, external=external, numbers=numbers)
    setup = setup._replace(ratio_estimators=estimators(steps=few or steps))
    first, fresh = setup.first, setup.fresh
    rates = Rates(
        steps=jnp.float32(steps),
        disc=jnp.float32(options.resolved_disc_learning_rate(objective=objective, numbers=numbers)),
        gen=jnp.float32(options.gen_learning_rate),
        proposal_width=jnp.float32(options.proposal_width),
        tolerance=jnp.float32(options.flat_tolerance if options.stop_when_flat else -1.0),
        simulations=jnp.int32(budget),
        # External simulations are taken in a round after they were begun.
        rounds=jnp.float32((budget - first) // fresh + (external and objective == "forward") if fresh else 0),
        few=jnp.float32(few),
        going_on=jnp.int32(estimators(steps=steps)),
    )
    return setup, rates, options.model_copy(update={"steps": steps})


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
