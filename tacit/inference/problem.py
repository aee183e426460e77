"""What is to be inferred: a program, its inputs, and the observed values of some of its random variables."""

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpyro.distributions import biject_to

from tacit.errors import InferenceError
from tacit.ppl import RandomVariable, interceptable, interception, make_value_setter, seed, tape
from tacit.ppl.external import External, external_calls
from tacit.ppl.random_variable import is_missing


@dataclasses.dataclass(frozen=True)
class Problem:
    """A program and its data.

    Attributes:
      program: called with `inputs` as keywords. Variables in the outermost `plate` that holds the observed ones are
        local (one per data point), the others global.
      observed: `{random variable: value}`.
      inputs: `{parameter: array or int}`: covariates, and sizes.
      axes: `{input: symbolic shape}`, as `{"x": ("N", "D")}`: an input with the plate's name among its axes is subset
        along with the data points, an int input of the plate's name is the number of points.
      missing: `{random variable: booleans}` of the shape of the value: True for the numbers that were not observed.
        What stands in their place in `observed` does not matter. The posterior is that given the other numbers.
    """

    program: Callable[..., Any]
    observed: Mapping[str, Any]
    inputs: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    axes: Mapping[str, tuple[str | int, ...]] = dataclasses.field(default_factory=dict)
    missing: Mapping[str, Any] = dataclasses.field(default_factory=dict)


class Site(NamedTuple):
    """A random variable of the program as inference sees it.

    `shape` is that of one data point's part for a local or observed variable in the plate (axis `axis` taken out), else
    the whole; of the unconstrained value for a latent, of the value itself for an observed variable. `plate_axis` is
    the plate's axis in the value itself.
    """

    name: str
    shape: tuple[int, ...]
    axis: int | None
    plate_axis: int | None
    has_density: bool

    @property
    def size(self) -> int:
        return math.prod(self.shape)


class Layout(NamedTuple):
    """The static structure of a problem: hashable, and all that a compiled program depends on besides array values.

    `external`: the simulators that the program calls and that are not written in JAX.
    """

    plate: str | None
    num_points: int
    globals: tuple[Site, ...]
    locals: tuple[Site, ...]
    observed: tuple[Site, ...]
    inputs: tuple[tuple[str, int | None], ...]
    sizes: tuple[tuple[str, int], ...]
    external: tuple[External, ...] = ()

    @property
    def global_dim(self) -> int:
        return sum(site.size for site in self.globals)

    @property
    def local_dim(self) -> int:
        return sum(site.size for site in self.locals)

    @property
    def num_observed(self) -> int:
        """How many observed numbers a data set holds."""
        return self.num_points * sum(site.size for site in self.observed)

    @property
    def latents(self) -> tuple[str, ...]:
        return tuple(site.name for site in self.globals + self.locals)


class Traced(NamedTuple):
    """A random variable of an abstract run: shapes, nothing computed. The unconstrained shape is None where no
    bijection is needed: observed, discrete and deterministic variables."""

    variable: RandomVariable
    unconstrained_shape: tuple[int, ...] | None
    unconstrained_event_dim: int


def trace(problem: Problem) -> dict[str, Traced]:
    """Runs the program abstractly."""
    event_dims: dict[str, int] = {}

    def run(
        key: jax.Array, observed: dict[str, Any], inputs: dict[str, Any]
    ) -> tuple[dict[str, RandomVariable], dict[str, jax.Array]]:
        with seed(key), tape() as recorded, make_value_setter(observed):
            problem.program(**inputs, **sizes)
        unconstrained = {}
        for name, rv in recorded.items():
            if name not in observed and rv.kind != "deterministic" and jnp.issubdtype(rv.dtype, jnp.floating):
                transform = biject_to(rv.support)
                unconstrained[name] = transform.inv(rv.value)
                event_dims[name] = rv.event_dim + transform.domain.event_dim - transform.codomain.event_dim
        return recorded, unconstrained

    sizes = {k: v for k, v in problem.inputs.items() if isinstance(v, int)}
    inputs = {k: jnp.asarray(v) for k, v in problem.inputs.items() if k not in sizes}
    observed = {k: jnp.asarray(v) for k, v in problem.observed.items()}
    variables, unconstrained = jax.eval_shape(run, jax.random.key(0), observed, inputs)
    return {
        name: Traced(rv, unconstrained[name].shape, event_dims[name])
        if name in unconstrained
        else Traced(rv, None, rv.event_dim)
        for name, rv in variables.items()
    }


def layout(problem: Problem) -> Layout:
    """Reads the structure off a traced run.

    Raises:
      InferenceError: no latent variables, a variable that the program sets itself, a discrete latent, a global latent
        without density, observed variables that do not share one data plate, or `missing` that is not of them.
    """
    _check_missing(problem)
    with external_calls() as external:
        traced = trace(problem)
    variables = {name: t.variable for name, t in traced.items()}
    observed = [variables[name] for name in problem.observed]
    if not observed:
        raise InferenceError("no observed variables: there is nothing to condition on")
    plates = {rv.plates[0].name if rv.plates else None for rv in observed}
    if len(plates) > 1:
        raise InferenceError(
            f"the observed variables stand in different outermost plates, {sorted(map(str, plates))}: "
            "data points must share one plate, or none"
        )
    (plate,) = plates
    latents = [rv for name, rv in variables.items() if name not in problem.observed and rv.kind != "deterministic"]
    fixed = [rv.name for rv in latents if rv.is_set]
    if fixed:
        raise InferenceError(
            f"the program sets {', '.join(map(repr, fixed))} itself, which inference would not see: give it as "
            "observed data."
        )
    if not latents:
        raise InferenceError("no latent variables: there is nothing to infer")
    for rv in latents:
        if not jnp.issubdtype(rv.dtype, jnp.floating):
            raise InferenceError(
                f"latent {rv.name!r} is discrete ({rv.dtype}): a variational factor must be continuous and "
                "reparameterizable. Sum it out in the program, or make it part of a simulator (Implicit)."
            )
    inputs = []
    for name, value in problem.inputs.items():
        if not isinstance(value, int):
            axes = tuple(problem.axes.get(name, ()))
            inputs.append((name, axes.index(plate) if plate in axes else None))
    is_local = {rv.name: plate is not None and plate in (p.name for p in rv.plates) for rv in latents}
    for rv in latents:
        if not is_local[rv.name] and rv.kind == "implicit":
            raise InferenceError(f"global latent {rv.name!r} is implicit: global latents need a density (log_prob)")
    return Layout(
        plate=plate,
        num_points=observed[0].plates[0].size if plate is not None else 1,
        globals=tuple(_site(traced[rv.name], None) for rv in latents if not is_local[rv.name]),
        locals=tuple(_site(traced[rv.name], plate) for rv in latents if is_local[rv.name]),
        observed=tuple(_site(traced[rv.name], plate) for rv in observed),
        inputs=tuple(inputs),
        sizes=tuple((k, v) for k, v in problem.inputs.items() if isinstance(v, int)),
        external=tuple(external),
    )


def _check_missing(problem: Problem) -> None:
    for name, gaps in problem.missing.items():
        if name not in problem.observed:
            raise InferenceError(f"numbers of {name!r} are said to be missing, and it is not an observed variable")
        if np.shape(gaps) != np.shape(problem.observed[name]):
            raise InferenceError(
                f"{name!r} has shape {np.shape(problem.observed[name])}, and the booleans that say which of its "
                f"numbers are missing have {np.shape(gaps)}: make them alike"
            )
    if problem.observed and all(np.all(problem.missing.get(name, False)) for name in problem.observed):
        raise InferenceError("every observed number is missing: there is nothing to condition on")


def _site(traced: Traced, plate: str | None) -> Site:
    rv = traced.variable
    shape = rv.shape if traced.unconstrained_shape is None else traced.unconstrained_shape
    axis = plate_axis = None
    if plate is not None:
        dim = next(p.dim for p in rv.plates if p.name == plate)
        axis = len(shape) - traced.unconstrained_event_dim + dim
        plate_axis = len(rv.shape) - rv.event_dim + dim
        shape = shape[:axis] + shape[axis + 1 :]
    return Site(rv.name, tuple(shape), axis, plate_axis, rv.kind != "implicit")


class Arrays(NamedTuple):
    """The values that go with a layout, data points along axis 0 of `observed`, `missing` and the plate's inputs.

    `missing`: for each observed variable with gaps, which of its numbers are missing. In their place `observed` has
    numbers that mean nothing; `with_gaps` puts the same into simulations.
    """

    observed: dict[str, jax.Array]
    inputs: dict[str, jax.Array]
    missing: dict[str, jax.Array]


def arrays(problem: Problem, structure: Layout) -> Arrays:
    """The problem's data with the data axis in front (of length 1 where there is no plate)."""
    observed, missing = {}, {}
    for site in structure.observed:
        value = np.asarray(problem.observed[site.name])
        gaps = np.asarray(problem.missing.get(site.name, False), bool)
        if np.any(gaps):
            value = np.where(gaps, np.zeros((), value.dtype), value)
            missing[site.name] = _points_first(jnp.asarray(gaps), site)
        observed[site.name] = _points_first(jnp.asarray(value), site)
    inputs = {}
    for name, axis in structure.inputs:
        value = jnp.asarray(np.asarray(problem.inputs[name]))
        inputs[name] = value if axis is None else jnp.moveaxis(value, axis, 0)
    return Arrays(observed, inputs, missing)


def with_gaps(points: Arrays, simulated: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
    """Data simulated for these points, with their gaps: what is missing there has the same number in all simulations as
    in the data, so it tells nothing of the latents."""
    filled = dict(simulated)
    for name, gaps in points.missing.items():
        filled[name] = jnp.where(gaps, points.observed[name].astype(simulated[name].dtype), simulated[name])
    return filled


def blanked(points: Arrays, observed: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
    """The same with nan for what is missing, floats: for scales, which leave out what is not finite."""
    blank = dict(observed)
    for name, gaps in points.missing.items():
        blank[name] = jnp.where(gaps, jnp.nan, observed[name].astype(jnp.float32))
    return blank


class Run(NamedTuple):
    """What one run of the program at given latents gives.

    Attributes:
      observed: simulated data, points along axis 0.
      log_prior_global, log_prior_local: log density of the unconstrained latents, Jacobians included; the local one
        summed over the points run. Zero for locals without density.
      log_likelihood: summed over the points run, at the data given without what of them is missing; zero where none
        was given.
      values: every latent and deterministic variable, in its own space and shape.
    """

    observed: dict[str, jax.Array]
    log_prior_global: jax.Array
    log_prior_local: jax.Array
    log_likelihood: jax.Array
    values: dict[str, jax.Array]


def run_points(
    key: jax.Array,
    program: Callable[..., Any],
    structure: Layout,
    inputs: Mapping[str, jax.Array],
    global_latents: jax.Array,
    local_latents: jax.Array,
    *,
    observed: Mapping[str, jax.Array] | None = None,
    missing: Mapping[str, jax.Array] | None = None,
) -> Run:
    """Runs the program for M data points at unconstrained latents.

    What is not asked of the result costs nothing under `jit`.

    Args:
      key: for what is sampled.
      inputs: covariates, points (M) along axis 0 for those in the plate.
      global_latents: (G,) unconstrained.
      local_latents: (M, L) unconstrained.
      observed: data to score instead of simulating, points along axis 0.
      missing: which of these are missing, by variable with gaps, points along axis 0.
    """
    num_points = local_latents.shape[0]
    unconstrained = _split(structure, global_latents, local_latents)
    log_priors = {False: jnp.zeros(()), True: jnp.zeros(())}
    local_names = {site.name for site in structure.locals}
    sites = {site.name: site for site in structure.observed}
    gaps = {name: _points_back(each, sites[name]) for name, each in (missing or {}).items()}

    def constrain(f: Callable[..., Any], *args: Any, **kwargs: Any) -> RandomVariable:
        name = kwargs["name"]
        if observed is not None and name in sites:
            kwargs["value"] = _points_back(observed[name], sites[name])
        rv = interceptable(f)(*args, **kwargs)
        if name in gaps:
            return possible(rv, gaps[name])
        if name not in unconstrained:
            return rv
        # The draw just made only told the support; compiled programs drop it.
        transform = biject_to(rv.support)
        value = transform(unconstrained[name])
        if rv.distribution is not None:
            jacobian = transform.log_abs_det_jacobian(unconstrained[name], value)
            log_priors[name in local_names] += jnp.sum(rv.distribution.log_prob(value)) + jnp.sum(jacobian)
        return RandomVariable(value, distribution=rv.distribution, support=rv.support, meta=rv.meta)

    with seed(key), interception(constrain), tape() as recorded:
        program(**program_inputs(structure, inputs, num_points))
    simulated, log_likelihood = {}, jnp.zeros(())
    for site in structure.observed:
        rv = recorded[site.name]
        simulated[site.name] = _points_first(rv.value, site)
        if observed is not None:
            log_likelihood += jnp.sum(log_prob_of_observed(rv, gaps.get(site.name)))
    values = {name: rv.value for name, rv in recorded.items() if name not in sites}
    return Run(simulated, log_priors[False], log_priors[True], log_likelihood, values)


def possible(rv: RandomVariable, gaps: jax.Array) -> RandomVariable:
    """The variable with numbers of its support where they are missing: there its log density has a gradient, which
    `log_prob_of_observed` leaves out."""
    value = jnp.where(gaps, rv.support.feasible_like(rv.value).astype(rv.dtype), rv.value)
    return RandomVariable(value, distribution=rv.distribution, support=rv.support, meta=rv.meta)


def log_prob_of_observed(rv: RandomVariable, gaps: jax.Array | None) -> jax.Array:
    """The log density of each independent draw; zero where it is missing. `densities.check` has seen to it that no draw
    is missing in part."""
    return rv.log_prob() if gaps is None else jnp.where(is_missing(rv, gaps), 0.0, rv.log_prob())


def unconstrain(
    key: jax.Array,
    program: Callable[..., Any],
    structure: Layout,
    inputs: Mapping[str, jax.Array],
    values: Mapping[str, jax.Array],
    num_points: int,
) -> tuple[tuple[jax.Array, jax.Array], dict[str, jax.Array]]:
    """The unconstrained latents, (G,) and (M, L), of a run of the program at `values` of all latents, in their own
    space and shape; and by latent the logarithm of the Jacobian's determinant of the way back, summed.

    Args:
      key: for what is sampled beside; it does not enter.
      inputs: covariates, points (M) along axis 0 for those in the plate.
    """
    raw: dict[str, jax.Array] = {}
    jacobians: dict[str, jax.Array] = {}

    def replace(f: Callable[..., Any], *args: Any, **kwargs: Any) -> RandomVariable:
        name = kwargs["name"]
        if name not in values:
            return interceptable(f)(*args, **kwargs)
        rv = interceptable(f)(*args, **{**kwargs, "value": values[name]})
        transform = biject_to(rv.support)
        raw[name] = transform.inv(rv.value)
        jacobians[name] = jnp.sum(transform.log_abs_det_jacobian(raw[name], rv.value))
        return rv

    with seed(key), interception(replace):
        program(**program_inputs(structure, inputs, num_points))
    return _join(structure._replace(num_points=num_points), raw), jacobians


def local_values(structure: Layout, values: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
    """The local latents of a run, in their own space, points along axis 0."""
    return {site.name: jnp.moveaxis(values[site.name], site.plate_axis, 0) for site in structure.locals}


def program_inputs(structure: Layout, inputs: Mapping[str, jax.Array], num_points: int) -> dict[str, Any]:
    """The keywords to call the program with for `num_points` points."""
    axes = dict(structure.inputs)
    sizes = {k: num_points if k == structure.plate else v for k, v in structure.sizes}
    moved = {k: v if axes[k] is None else jnp.moveaxis(v, 0, axes[k]) for k, v in inputs.items()}
    return {**sizes, **moved}


def take_points(structure: Layout, data: Arrays, index: jax.Array) -> Arrays:
    """The data of the points `index`."""
    axes = dict(structure.inputs)
    return Arrays(
        {k: v[index] for k, v in data.observed.items()},
        {k: v if axes[k] is None else v[index] for k, v in data.inputs.items()},
        {k: v[index] for k, v in data.missing.items()},
    )


def prior_draw(
    key: jax.Array,
    program: Callable[..., Any],
    structure: Layout,
    inputs: Mapping[str, jax.Array],
    *,
    global_latents: jax.Array | None = None,
) -> tuple[jax.Array, jax.Array, dict[str, jax.Array]]:
    """Draws latents and data jointly from the program, at given globals or at globals drawn from their prior.

    Args:
      inputs: covariates, `structure.num_points` points along axis 0 for those in the plate.
      global_latents: (G,) unconstrained.

    Returns:
      Unconstrained globals (G,) and locals (N, L), and the data, points along axis 0.
    """
    fixed = {} if global_latents is None else _split(structure._replace(locals=()), global_latents, jnp.zeros((0, 0)))

    def constrain(f: Callable[..., Any], *args: Any, **kwargs: Any) -> RandomVariable:
        rv = interceptable(f)(*args, **kwargs)
        if rv.name not in fixed:
            return rv
        value = biject_to(rv.support)(fixed[rv.name])
        return RandomVariable(value, distribution=rv.distribution, support=rv.support, meta=rv.meta)

    with seed(key), interception(constrain), tape() as recorded:
        program(**program_inputs(structure, inputs, structure.num_points))
    unconstrained = {
        site.name: biject_to(recorded[site.name].support).inv(recorded[site.name].value)
        for site in structure.globals + structure.locals
    }
    data = {site.name: _points_first(recorded[site.name].value, site) for site in structure.observed}
    return *_join(structure, unconstrained), data


def _points_first(value: jax.Array, site: Site) -> jax.Array:
    return value[None] if site.axis is None else jnp.moveaxis(value, site.axis, 0)


def _points_back(value: jax.Array, site: Site) -> jax.Array:
    """The inverse of `_points_first`."""
    return value[0] if site.axis is None else jnp.moveaxis(value, 0, site.axis)


def _split(structure: Layout, global_latents: jax.Array, local_latents: jax.Array) -> dict[str, jax.Array]:
    values, start = {}, 0
    for site in structure.globals:
        values[site.name] = global_latents[start : start + site.size].reshape(site.shape)
        start += site.size
    start = 0
    for site in structure.locals:
        flat = local_latents[:, start : start + site.size]
        values[site.name] = jnp.moveaxis(flat.reshape(-1, *site.shape), 0, site.axis)
        start += site.size
    return values


def _join(structure: Layout, values: Mapping[str, jax.Array]) -> tuple[jax.Array, jax.Array]:
    global_parts = [values[site.name].reshape(-1) for site in structure.globals]
    local_parts = [
        jnp.moveaxis(values[site.name], site.axis, 0).reshape(structure.num_points, -1) for site in structure.locals
    ]
    empty = jnp.zeros((structure.num_points, 0))
    return (
        jnp.concatenate(global_parts) if global_parts else jnp.zeros(0),
        jnp.concatenate(local_parts, axis=1) if local_parts else empty,
    )
