"""What comes of a fit under the amortized objective: posteriors of any data set, and how well they are calibrated."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from tacit.errors import DivergedError
from tacit.inference import constants, resampling
from tacit.inference.amortized.networks import Mixture
from tacit.inference.amortized.state import Prepared, State
from tacit.inference.amortized.steps import features_of, law_of, measuring, ratio_of
from tacit.inference.features import FeatureScale
from tacit.inference.forward import Normal
from tacit.inference.forward.coordinates import flat, run
from tacit.inference.forward.draws import Draws
from tacit.inference.problem import Arrays
from tacit.inference.state import Setup

# Ranks of the truth are out of so many draws; they fall into so many bins.
RANKED, BINS = 99, 10
# So many draws of q are weighed for these.
WEIGHED = 400
# Posteriors are offered where the intervals of every latent number cover at most so much less than they say, beyond
# twice the standard error of what was measured.
MOST_SHORT = 0.05
AT_ONCE, WEIGHED_AT_ONCE = 256, 4096


class Rows(NamedTuple):
    """The parameters of q and of r, in one row each."""

    law: jax.Array
    ratio: jax.Array


def rows(state: State) -> Rows:
    """Those that lost least on held-out simulations."""
    return Rows(state.law_best.parameters, state.ratio_best.parameters)


def sample(
    setup: Setup, data: Prepared, learnt: Rows, observed: dict[str, jax.Array], key: jax.Array, num_draws: int
) -> Draws:
    """Draws of q given observed variables, points along axis 0; weighed by what q lacks they are the posterior."""
    draw_key, run_key = jax.random.split(key)
    features = features_of(data, flat(setup, observed))
    q, critic = law_of(setup, data, learnt.law)(features), ratio_of(setup, data, learnt.ratio)
    latents = q.draw(draw_key, num_draws)
    values = jax.lax.map(lambda u: run(setup, data, run_key, u).values, latents, batch_size=AT_ONCE)
    log_weight = jax.lax.map(lambda u: critic(features, q, u[None])[0], latents, batch_size=WEIGHED_AT_ONCE)
    return Draws(values, log_weight)


class Held(NamedTuple):
    """Draws of q at held-out simulations: `latents` (H, S, G) with `log_weight` (H, S) of what q lacks; the `truth`
    (H, G), and whether the simulation was `finite` (H,)."""

    latents: jax.Array
    log_weight: jax.Array
    truth: jax.Array
    finite: jax.Array


def held(setup: Setup, data: Prepared, learnt: Rows, key: jax.Array) -> Held:
    """Draws at the held-out simulations of which nothing was learnt."""
    truth, values, finite = measuring(setup, data)
    law, critic = law_of(setup, data, learnt.law), ratio_of(setup, data, learnt.ratio)

    def one(at: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        key, features = at
        q: Mixture = law(features)
        latents = q.draw(key, WEIGHED)
        return latents, critic(features, q, latents)

    keys = jax.random.split(key, len(truth))
    latents, log_weight = jax.lax.map(one, (keys, features_of(data, values)), batch_size=16)
    return Held(latents, log_weight, truth, finite)


def calibration(found: Held, names: Mapping[str, int], seed: int, *, resample: bool) -> dict[str, Any]:
    """How posteriors of held-out simulations hold the latents that made them (Talts et al., 2018).

    Args:
      names: of the latents, in the order of their numbers, with how many each has.
      resample: whether draws are resampled by what q lacks, where weights can be trusted.

    Returns:
      JSON-able figures: `held_out`, how many were asked; `p_value`, that ranks are uniform, of the worst latent number,
      times how many numbers there are; `coverage_50` and `coverage_90` by latent, of central intervals, of its worst
      number; and whether posteriors are `offered`.

    Raises:
      DivergedError: none of the held-out simulations was finite.
    """
    # Here, since it is slow to import, and only an amortized fit needs it.
    from scipy import stats

    if not np.any(np.asarray(found.finite)):
        raise DivergedError(
            "none of the held-out simulations was finite, so calibration cannot be measured: the program's simulations "
            "fail at plausible latents. Try draws from its prior, or give the fit more simulations."
        )
    uniform = np.random.default_rng(seed)
    ranks = []
    for latents, log_weight, truth in zip(*(np.asarray(x)[np.asarray(found.finite)] for x in found[:3]), strict=True):
        index = np.arange(RANKED)
        if resample and resampling.usable(weighed := resampling.importance(log_weight)):
            assert weighed.weights is not None
            index = resampling.resampled(uniform.random(1 + RANKED), weighed.weights)
        ranks.append(np.sum(latents[index] < truth, axis=0))
    rank, size = np.stack(ranks), len(ranks)
    counts = np.stack([np.bincount(each * BINS // (RANKED + 1), minlength=BINS) for each in rank.T])
    p_value = min(1.0, float(stats.chisquare(counts, axis=1).pvalue.min()) * len(counts))
    figures: dict[str, Any] = {"held_out": size, "p_value": p_value}
    offered, ends = True, np.cumsum(list(names.values()))[:-1]
    for share in (0.5, 0.9):
        low = round((1.0 - share) / 2 * (RANKED + 1))
        covered = np.mean((rank >= low) & (rank <= RANKED - low), axis=0)
        each = dict(zip(names, np.split(covered, ends), strict=True))
        figures[f"coverage_{share:.0%}".rstrip("%")] = {name: float(values.min()) for name, values in each.items()}
        offered &= bool(covered.min() >= share - MOST_SHORT - 2.0 * (share * (1.0 - share) / size) ** 0.5)
    return figures | {"offered": offered}


def parameters(data: Prepared, learnt: Rows) -> dict[str, np.ndarray]:
    """All that is needed for posteriors of other data sets, by name."""
    named = {
        **learnt._asdict(),
        **{f"features_{name}": value for name, value in data.features._asdict().items()},
        "centre_globals": data.latent_centre,
        "spread_globals": data.latent_spread,
        "furthest": np.sort(furthest(data, np.asarray(data.data))),
        "constants": constants.constants(np.asarray(data.data)),
    }
    return {name: np.asarray(value) for name, value in named.items()}


def restored(arrays: Arrays, shape: tuple[int, ...], named: Mapping[str, np.ndarray]) -> tuple[Prepared, Rows]:
    """What `parameters` named.

    Args:
      arrays: of the fit's own data.
      shape: (N, D) of one data set.
    """
    scale = FeatureScale(*(jnp.asarray(named[f"features_{name}"]) for name in FeatureScale._fields))
    centre, spread = (jnp.asarray(named[f"{name}_globals"]) for name in ("centre", "spread"))
    nothing = jnp.zeros((0, centre.size)), jnp.zeros((0, *shape))
    prior = Normal(jnp.zeros_like(centre), jnp.eye(centre.size))
    return Prepared(arrays, scale, centre, spread, *nothing, prior, constants.none()), Rows(
        *(jnp.asarray(named[n]) for n in Rows._fields)
    )


def moments(setup: Setup, data: Prepared, learnt: Rows, observed: dict[str, jax.Array]) -> Normal:
    """Those of q given observed variables, of unconstrained latents: mean (G,), Cholesky factor (G, G)."""
    mean, root = law_of(setup, data, learnt.law)(features_of(data, flat(setup, observed))).moments()
    return Normal(data.latent_centre + data.latent_spread * mean, data.latent_spread[:, None] * root)


def surprise(setup: Setup, data: Prepared, known: np.ndarray, observed: dict[str, jax.Array]) -> float:
    """The share of the `known` simulations that are at least as far out as what was observed; see `furthest`."""
    return float(np.mean(known >= furthest(data, np.asarray(flat(setup, observed))[None])))


def furthest(data: Prepared, values: np.ndarray) -> np.ndarray:
    """How far out data sets (S, N, D) are: their number that is furthest from its median among simulations, in units of
    its spread. Those that are not finite are left out."""
    finite = np.all(np.isfinite(values), axis=(1, 2))
    centre, spread = np.asarray(data.features.centre), np.asarray(data.features.spread)
    return np.asarray(np.max(np.abs((values[finite] - centre) / spread), axis=(1, 2)))
