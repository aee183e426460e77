"""What simulations are told apart from: the two losses of the ratio estimator ("Disc")."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from tacit.inference import estimators, families, laws
from tacit.inference.estimators import Points
from tacit.inference.families import Latents
from tacit.inference.problem import prior_draw, take_points, with_gaps
from tacit.inference.ratio_losses import POINTWISE, PointwiseLoss, multiclass_loss, own, pairwise_loss
from tacit.inference.state import Data, Rates, Setup, State, choose_points, noise, run, unstandardise


class Report(NamedTuple):
    """`loss` per point; `correct`, the share of simulated points told rightly; `dropped`, how many were not finite."""

    loss: jax.Array
    correct: jax.Array
    dropped: jax.Array


def marginal(setup: Setup, rates: Rates, data: Data, key: jax.Array, ratio: Any, state: State) -> Report:
    """Which of S latents, drawn from the widened frame, made each of M simulated points? The S share their noise."""
    keys = jax.random.split(key, 3)
    index = choose_points(keys[0], setup.layout.num_points, setup.points)
    eps = jax.tree.map(lambda e: rates.proposal_width * e, noise(setup, keys[1], setup.latent_samples, index.size))
    latents = families.transform(families.at_points(state.frame, index), eps)
    runs = jax.random.split(keys[2], setup.replicates)
    simulated = jax.vmap(lambda key: run(setup, data, key, latents, index).observed, out_axes=1)(runs)
    simulated = jax.tree.map(lambda x: x.reshape(x.shape[0], -1, *x.shape[3:]), simulated)
    index, latents = (
        jnp.tile(index, setup.replicates),
        Latents(latents.globals, jnp.tile(latents.locals, (1, setup.replicates, 1))),
    )
    points = simulated_points(setup, data, state, simulated, index)
    estimator = estimators.with_parameters(setup, ratio, data)
    logits = estimators.pairs(setup, data, state, estimator, points, latents)
    losses = sum(
        multiclass_loss(each) if setup.ratio_loss == "multiclass" else pairwise_loss(each, pointwise(setup))
        for each in logits.values()
    )
    count = jnp.maximum(jnp.sum(points.finite), 1)
    total = sum(logits.values())
    best = own(total) >= jnp.max(total, axis=-1)
    return Report(
        jnp.sum(jnp.where(points.finite, losses, 0.0)) / count,
        jnp.sum(best & points.finite) / count,
        jnp.sum(~points.finite),
    )


def empirical(setup: Setup, rates: Rates, data: Data, key: jax.Array, ratio: Any, state: State) -> Report:
    """Simulated (x, z) at beta against observed x with z ~ q(z | beta), at the same beta: drawn from q, widened, since
    whatever its law is r is the same, and its slope is learnt from latents that differ.

    (z, x) is drawn jointly from the program; pairing z of the prior with x simulated at z of q, as the original
    implementation does, would make the numerator's law neither.
    """
    keys = jax.random.split(key, 3)
    layout = setup.layout
    index = choose_points(keys[0], layout.num_points, setup.points)
    count, width = setup.latent_samples, rates.proposal_width
    latents = laws.draw(setup, data, keys[1], state.q, state.trained, count, index, width=width).latents
    given = take_points(layout, data.arrays, index)
    raw = unstandardise(data, latents)

    def simulate(key: jax.Array, global_latents: jax.Array) -> tuple[dict[str, jax.Array], jax.Array]:
        here = layout._replace(num_points=index.size)
        _, local_latents, made = prior_draw(key, setup.program, here, given.inputs, global_latents=global_latents)
        return with_gaps(given, made), local_latents

    simulated, local_latents = jax.vmap(simulate)(jax.random.split(keys[2], setup.latent_samples), raw.globals)
    local_latents = (local_latents - data.latent_centre.locals) / data.latent_spread.locals
    points = simulated_points(setup, data, state, simulated, index)
    finite = points.finite & jnp.all(jnp.isfinite(local_latents), axis=-1)
    drawn = Latents(latents.globals, jnp.where(finite[..., None], local_latents, 0.0))
    estimator = estimators.with_parameters(setup, ratio, data)
    ours = estimators.observed_points(setup, data, state, index)
    r_p = estimators.aligned(setup, data, state, estimator, points, drawn)
    r_q = estimators.aligned(setup, data, state, estimator, ours, latents)
    losses = sum(pointwise(setup)(r_p[name], r_q[name]) for name in r_p)
    made = jnp.maximum(jnp.sum(finite), 1)
    correct = jnp.sum(finite & (sum(r_p.values()) > 0)) / made / 2 + jnp.mean(sum(r_q.values()) < 0) / 2
    return Report(jnp.sum(jnp.where(finite, losses, 0.0)) / made, correct, jnp.sum(~finite))


def simulated_points(
    setup: Setup, data: Data, state: State, observed: dict[str, jax.Array], index: jax.Array
) -> Points:
    """S batches of simulations of the points `index`."""
    points = jax.vmap(lambda x: estimators.data_points(setup, data, state, x, index))(observed)
    return points._replace(index=index)


def pointwise(setup: Setup) -> PointwiseLoss:
    """The ratio loss of psamples and qsamples."""
    return setup.parts.ratio_loss or POINTWISE[setup.ratio_loss]
