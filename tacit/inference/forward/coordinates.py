"""Latents and data as q and r see them under the forward objective, and the networks with their parameters."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.scipy.linalg import solve_triangular

from tacit.inference import networks
from tacit.inference.data_network import MOST_NUMBERS
from tacit.inference.features import flatten, gaps, robust
from tacit.inference.flow import Flow
from tacit.inference.forward import ring as rings
from tacit.inference.forward.pair_critic import PairCritic
from tacit.inference.forward.ring import Ring
from tacit.inference.forward.state import Prepared, State
from tacit.inference.problem import Layout, Run, prior_draw, run_points, with_gaps
from tacit.inference.state import Setup
from tacit.inference.summary import FEW_NUMBERS, Variable, ordered

# Data points told apart by covariates, of so many numbers together at most, are learnt as one.
MOST_JOINED = 256
# Hidden units of the layer over pairs; splits of the flow (two layers each) and its hidden units.
PAIRS = 32
SPLITS = 4
FLOW_WIDTH = 64
# Further out than this in eps, where q has no mass, the flow is taken to be as it is there: lest it overflow.
FAR = 30.0


def joined(structure: Layout) -> bool:
    """Whether data points are learnt together as one. They are told apart by covariates, which are the same in all
    simulations, so what r has to know of each differs; many points are left to the sum over them nevertheless."""
    told_apart = any(axis is not None for _, axis in structure.inputs)
    return told_apart and structure.num_observed <= MOST_JOINED


def flat(setup: Setup, observed: dict[str, jax.Array]) -> jax.Array:
    """(N, D): all observed variables of each point side by side; of points that are joined, (1, N D)."""
    values = flatten(setup.layout, observed)
    return values.reshape(1, -1) if joined(setup.layout) else values


def run(setup: Setup, data: Prepared, key: jax.Array, latents: jax.Array) -> Run:
    raw = data.latent_centre + data.latent_spread * latents
    none = jnp.zeros((setup.layout.num_points, 0))
    return run_points(key, setup.program, setup.layout, data.arrays.inputs, raw, none)


def simulated(setup: Setup, data: Prepared, key: jax.Array, latents: jax.Array) -> jax.Array:
    """(S, N, D): a data set at each of the latents (S, G), with the gaps of the observed one."""
    runs = jax.vmap(lambda k, u: run(setup, data, k, u))(jax.random.split(key, len(latents)), latents)
    return jax.vmap(lambda x: flat(setup, with_gaps(data.arrays, x)))(runs.observed)


def log_prior_of(setup: Setup, data: Prepared, latents: jax.Array) -> jax.Array:
    """(S,): log density of standardised latents under the prior."""
    logs = jax.vmap(lambda u: run(setup, data, jax.random.key(0), u).log_prior_global)(latents)
    return logs + jnp.sum(jnp.log(data.latent_spread))


def draw_prior(setup: Setup, data: Prepared, key: jax.Array, num_draws: int) -> jax.Array:
    draw = jax.vmap(lambda k: prior_draw(k, setup.program, setup.layout, data.arrays.inputs)[0])
    return (draw(jax.random.split(key, num_draws)) - data.latent_centre) / data.latent_spread


def draw(flow: Flow, state: State, key: jax.Array, num_draws: int, width: Any) -> jax.Array:
    base = width * jax.random.normal(key, (num_draws, state.q.loc.size))
    bent = jax.lax.cond(state.bent, lambda e: flow.forward(e)[0], lambda e: e, base)
    return state.q.loc + bent @ state.q.tril.T


def straighten(state: State, latents: jax.Array) -> jax.Array:
    """(S, G): latents as eps of the Gaussian."""
    return solve_triangular(state.q.tril, (latents - state.q.loc).T, lower=True).T


def whiten(flow: Flow, state: State, latents: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """(S, G): latents as eps of the Gaussian, as eps of the flow; (S,) the log determinant from latents to these."""
    eps = straighten(state, latents)
    straight = -jnp.sum(jnp.log(jnp.diagonal(state.q.tril)))

    def bend(eps: jax.Array) -> tuple[jax.Array, jax.Array]:
        return flow.inverse(jnp.clip(eps, -FAR, FAR))

    bent, log_det = jax.lax.cond(state.bent, bend, lambda e: (e, jnp.zeros(len(e))), eps)
    return eps, bent, log_det + straight


def log_normal(eps: jax.Array, width: Any) -> jax.Array:
    """Log density of independent normals of standard deviation `width`: (S, d) to (S,)."""
    return -jnp.sum((eps / width) ** 2, axis=-1) / 2 - eps.shape[-1] * (jnp.log(width) + jnp.log(2 * jnp.pi) / 2)


def comes_near(structure: Layout) -> bool:
    """Whether there are so few observed numbers that some simulations come near them, and the finest scale tells."""
    return structure.num_observed <= FEW_NUMBERS


def local_scale(setup: Setup, data: Prepared, ring: Ring, size: int) -> tuple[jax.Array, jax.Array]:
    """(D,), (D,): a centre, and the logarithm of a spread, of the data of the `size` newest simulations, for all points
    alike; not numbers where all of them failed.

    Of few numbers, what was observed and the median distance from it. Of many no simulation comes near what was
    observed, in all of them, so the distance from it would be without example: their own median and spread.
    """
    _, recent, finite = rings.newest(ring, size)
    recent = flat_blanked(setup, data, jnp.where(finite[:, None, None], recent, jnp.nan))
    least = 1e-3 * data.features.spread
    if comes_near(setup.layout):
        observed = flat_blanked(setup, data, flat(setup, data.arrays.observed))
        distance = jnp.nanmedian(jnp.abs(recent - observed), axis=0)
        local = jnp.nanmean(observed, axis=0), jnp.nanmean(jnp.log(jnp.maximum(distance, least)), axis=0)
    else:
        centre, spread = robust(recent.reshape(-1, recent.shape[-1]))
        local = jnp.where(jnp.any(finite), centre, jnp.nan), jnp.log(jnp.maximum(spread, least))
    if not data.arrays.missing:
        return local
    # Of a number that is missing of all points there is no other scale.
    common = data.features.centre, jnp.log(data.features.spread)
    return jax.tree.map(lambda x, of_all: jnp.where(_never_observed(setup, data), of_all, x), local, common)


def flat_blanked(setup: Setup, data: Prepared, values: jax.Array) -> jax.Array:
    """(..., N, D): the same, and nan where the data have gaps."""
    if not data.arrays.missing:
        return values
    return jnp.where(_gaps(setup, data), jnp.nan, values)


def _gaps(setup: Setup, data: Prepared) -> jax.Array:
    """(N, D): which of the observed numbers are missing; of points that are joined, (1, N D)."""
    found = gaps(setup.layout, data.arrays)
    return found.reshape(1, -1) if joined(setup.layout) else found


def _never_observed(setup: Setup, data: Prepared) -> jax.Array:
    """(D,): which numbers are missing of all points."""
    return jnp.all(_gaps(setup, data), axis=0)


def features_of(setup: Setup, data: Prepared, state: State, values: jax.Array, failed: jax.Array) -> jax.Array:
    """(..., N, F): data (..., N, D) on the scale of the prior and on that of recent simulations; covariates; and
    whether the simulation failed (...,).

    A failure is an outcome like others: so the posterior is that of latents at which the simulator works and makes the
    data, and where it always fails there is none.
    """
    columns = [jnp.arcsinh((values - data.features.centre) / data.features.spread)]
    centre, log_spread = state.local
    columns.append(jnp.arcsinh((values - centre) * jnp.exp(-log_spread)))
    covariates = data.features.covariates
    columns.append(jnp.broadcast_to(covariates, (*values.shape[:-1], covariates.shape[-1])))
    columns.append(jnp.broadcast_to(failed[..., None, None], (*values.shape[:-1], 1)).astype(float))
    return jnp.concatenate(columns, axis=-1)


def beside_now(state: State) -> jax.Array:
    """1 or 0: whether what is summarised is seen number by number too."""
    return (state.judged.beside > 0.0).astype(float)


def observed_ratio(setup: Setup, data: Prepared, state: State, eps: jax.Array, bent: jax.Array) -> jax.Array:
    """(S,): r of the data and each draw."""
    features = features_of(setup, data, state, flat(setup, data.arrays.observed), jnp.asarray(False))

    def of_one(ratio: jax.Array) -> jax.Array:
        critic = critic_with(setup, data, ratio)
        return critic.pairs(critic.of_data(features, beside_now(state))[None], critic.of_latents(eps, bent))[0]

    return mean_ratio(state, of_one)


def mean_ratio(state: State, of_one: Callable[[jax.Array], jax.Array], ratio: jax.Array | None = None) -> jax.Array:
    """The mean of what each of the learning ratio estimators says: `of_one` of its parameters, a row of `ratio`, by
    default of the averages."""
    rows = state.ratio_average if ratio is None else ratio
    if len(rows) == 1:
        return of_one(rows[0])
    none = jnp.zeros(jax.eval_shape(of_one, rows[0]).shape)
    return jax.lax.fori_loop(0, state.learning, lambda i, total: total + of_one(rows[i]), none) / state.learning


def variables(structure: Layout) -> tuple[Variable, ...]:
    """The observed variables that are summarised."""
    if joined(structure):
        return ordered([(structure.num_points, sum(site.size for site in structure.observed))])
    return ordered([site.shape for site in structure.observed])


def has_choice(structure: Layout) -> bool:
    """Whether an observed variable is summarised that could be seen number by number too."""
    return any(variable.size <= MOST_NUMBERS for variable in variables(structure))


def makers(setup: Setup, data: Prepared) -> tuple[Callable[[], PairCritic], Callable[[], Flow]]:
    values = jax.eval_shape(lambda: data.data[0])
    num_features = 2 * values.shape[-1] + data.features.covariates.shape[-1] + 1
    size, key = setup.layout.global_dim, jax.random.key(0)
    ordered_ones = variables(setup.layout)

    def critic() -> PairCritic:
        return PairCritic(
            num_features,
            size,
            width=setup.width,
            rank=setup.rank,
            pairs=PAIRS,
            numbers=values.shape[-1],
            variables=ordered_ones,
            key=key,
        )

    return (
        critic,
        lambda: Flow(size, splits=SPLITS, width=FLOW_WIDTH, key=key),
    )


def critic_with(setup: Setup, data: Prepared, ratio: jax.Array) -> PairCritic:
    """A ratio estimator with these parameters (P,)."""
    return networks.filled(makers(setup, data)[0], ratio)


def flow_with(setup: Setup, data: Prepared, flow: jax.Array) -> Flow:
    """The flow with these parameters (P,)."""
    return networks.filled(makers(setup, data)[1], flow)
