"""What comes of a fit under the forward objective: weighed draws, parameters, and how surprising the data are."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from tacit.inference import networks
from tacit.inference.forward.coordinates import (
    draw,
    draw_prior,
    flat,
    flow_with,
    log_normal,
    log_prior_of,
    makers,
    observed_ratio,
    run,
    whiten,
)
from tacit.inference.forward.state import Prepared, State
from tacit.inference.state import Setup

# Draws for the posterior come from q, from q widened so much, and from the prior, in these shares.
DRAWN, DRAWN_WIDTH = (0.5, 0.25, 0.25), 1.5
DRAWN_AT_ONCE = 256


class Draws(NamedTuple):
    """Draws of a mixture of q, q widened and the prior, or of q. `values`: every latent and deterministic variable in
    its own space, draws along axis 0; `log_weight` (S,): log target - log of their density, up to a constant."""

    values: dict[str, jax.Array]
    log_weight: jax.Array


def sample(setup: Setup, data: Prepared, state: State, key: jax.Array, num_draws: int, *, mixed: bool) -> Draws:
    """Draws for the posterior: weighed by target / mixture they are the posterior as r sees it, where q is too narrow
    too. Not `mixed`: draws of q."""
    flow = flow_with(setup, data, state.flow_average)
    widths = jnp.array([1.0, DRAWN_WIDTH])

    def batch(key: jax.Array) -> Draws:
        choice_key, q_key, prior_key, run_key = jax.random.split(key, 4)
        uniform = jax.random.uniform(choice_key, (DRAWN_AT_ONCE, 1))
        width = jnp.where((uniform < DRAWN[0]) | (not mixed), 1.0, DRAWN_WIDTH)
        latents = draw(flow, state, q_key, DRAWN_AT_ONCE, width)
        if mixed:
            of_prior = draw_prior(setup, data, prior_key, DRAWN_AT_ONCE)
            latents = jnp.where(uniform < DRAWN[0] + DRAWN[1], latents, of_prior)
        log_prior = log_prior_of(setup, data, latents)
        eps, bent, log_det = whiten(flow, state, latents)
        log_q = jax.vmap(lambda w: log_normal(bent, w) + log_det)(widths)
        parts = jnp.concatenate([log_q, log_prior[None]]) + jnp.log(jnp.array(DRAWN))[:, None]
        density = jax.nn.logsumexp(parts, axis=0) if mixed else log_q[0]
        target = observed_ratio(setup, data, state, eps, bent) + log_prior
        values = jax.vmap(lambda k, u: run(setup, data, k, u).values)(jax.random.split(run_key, DRAWN_AT_ONCE), latents)
        return Draws(values, target - density)

    many = jax.lax.map(batch, jax.random.split(key, -(-num_draws // DRAWN_AT_ONCE)))
    return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:])[:num_draws], many)


def parameters(setup: Setup, data: Prepared, state: State) -> dict[str, np.ndarray]:
    """The parameters of q by name, with the centre and spread of the space it lives in."""
    bent = []
    if state.bent:
        _, make_flow = makers(setup, data)
        flow = networks.filled(make_flow, np.asarray(state.flow_average))
        bent = jax.tree_util.tree_leaves_with_path(eqx.filter(flow, networks.is_trained))
    named = {
        **state.q._asdict(),
        **{f"flow{jax.tree_util.keystr(path)}": leaf for path, leaf in bent},
        "centre_globals": data.latent_centre,
        "spread_globals": data.latent_spread,
    }
    return {name: np.asarray(value) for name, value in named.items()}


def surprise(setup: Setup, data: Prepared) -> float:
    """The share of data sets simulated at the prior that are at least as far out as the observed one: by the number,
    of all the numbers of a data set, that is furthest from its median among the simulations, in units of its spread."""
    values = np.asarray(data.data)
    finite = np.all(np.isfinite(values), axis=(1, 2))
    observed = np.asarray(flat(setup, data.arrays.observed))
    centre, spread = np.asarray(data.features.centre), np.asarray(data.features.spread)
    furthest = np.max(np.abs((values[finite] - centre) / spread), axis=(1, 2))
    return float(np.mean(furthest >= np.max(np.abs((observed - centre) / spread))))
