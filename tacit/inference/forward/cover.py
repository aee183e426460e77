"""q under the forward objective: a Gaussian by weighted moments and a flow by gradients, to cover what has weight."""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from tacit.inference.forward.coordinates import (
    draw,
    draw_prior,
    flow_with,
    log_normal,
    log_prior_of,
    observed_ratio,
    whiten,
)
from tacit.inference.forward.ratio import CLIP_NORM
from tacit.inference.forward.state import Normal, Prepared, State
from tacit.inference.state import Rates, Setup, all_finite, choose

# Draws that q is trained with, the share of them that is of the prior, and by how much q is widened for the others.
WEIGHED, WEIGHED_PRIOR, WEIGHED_WIDTH = 256, 0.2, 1.2
# q is updated after so many updates of r.
EVERY = 2
# No draw weighs more than this.
CAP = 20.0 / 512.0
# The Gaussian follows the moments at its full rate for so many steps, and then ever more slowly, as the average of r
# grows longer: r sees latents as q whitens them, and where q moved on before r had followed, both came to swing
# (docs/experiments.md).
FULL_RATE_FOR = 500.0
# The least rate of the Gaussian's moments, reached at the end.
LAST_RATE = 1e-3
# The flow's Adam, in units of the rate of the moments.
FLOW_RATE = 0.02
# The flow is taken up between these shares of the steps, once the divergence of the Gaussian is above LIMIT.
DECIDE_FROM, DECIDE_UNTIL = 0.3, 0.6
DIVERGENCE_LIMIT = 0.05
# The estimate of the divergence is averaged over about this share of the steps.
ESTIMATED_OVER = 0.05
# Estimates of the divergence above this say only that it is large; they come of a draw where q all but vanishes.
MOST_DIVERGENCE = 20.0
# Of the few steps that a fit begins with, after so many (but half of them) it is decided whether they are enough: up to
# this divergence, averaged over about this share of them. That is soon, so that most simulations are left for the
# others; but after 250 steps q was not yet settled (docs/experiments.md).
DECIDED, ENOUGH, DECIDED_OVER = 500.0, 0.45, 0.1
# The family that is a Gaussian until a flow proves needed.
AUTOMATIC = "automatic"


def decision_step(rates: Rates) -> jax.Array:
    """The step at which it is decided whether the few steps are enough."""
    return jnp.floor(jnp.minimum(DECIDED, 0.5 * rates.few))


def goes_on(rates: Rates) -> jax.Array:
    """Whether the fit makes more steps than the few that it began with."""
    return (rates.few > 0) & (rates.steps > rates.few)


def total_steps(rates: Rates, state: State, total: jax.Array) -> jax.Array:
    """The steps that a fit makes, `total` so far. It begins as one of few steps, and soon it is seen whether a Gaussian
    is nearly enough; else it makes all, for modes and needles are what many steps are for. A posterior that is nearly
    Gaussian is learnt soon, and then r would learn accidents of simulations that are few."""
    steps = jnp.where(state.divergence < ENOUGH, rates.few, rates.steps).astype(int)
    return jnp.where((rates.few > 0) & (state.step == decision_step(rates)), steps, total)


def update_gen(setup: Setup, rates: Rates, data: Prepared, key: jax.Array, state: State) -> State:
    """One update of q by draws weighed with r ("Gen"): the Gaussian's moments, and the flow by gradients."""
    q_key, prior_key = jax.random.split(key)
    flow, flow_average = flow_with(setup, data, state.flow), flow_with(setup, data, state.flow_average)
    of_prior = round(WEIGHED_PRIOR * WEIGHED)
    drawn = draw(flow, state, q_key, WEIGHED - of_prior, WEIGHED_WIDTH)
    latents = jnp.concatenate([drawn, draw_prior(setup, data, prior_key, of_prior)])
    log_prior = log_prior_of(setup, data, latents)
    eps, bent, _ = whiten(flow_average, state, latents)
    target = observed_ratio(setup, data, state, eps, bent) + log_prior

    def loss(bend: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
        _, base, log_det = whiten(flow_with(setup, data, bend), state, latents)
        log_q = log_normal(base, 1.0) + log_det
        wide = jnp.log(1.0 - WEIGHED_PRIOR) + log_normal(base, WEIGHED_WIDTH) + log_det
        log_weight = jax.lax.stop_gradient(target - jnp.logaddexp(wide, jnp.log(WEIGHED_PRIOR) + log_prior))
        log_weight = jnp.where(jnp.isfinite(log_weight), log_weight, -jnp.inf)
        weight = jax.nn.softmax(log_weight)
        used = jnp.where(weight > 0, jnp.minimum(weight, CAP), 0.0)
        log_total = jax.nn.logsumexp(log_weight) - jnp.log(WEIGHED)
        gap = jnp.where(weight > 0, weight * (target - log_q), 0.0)
        divergence = jnp.sum(jax.lax.stop_gradient(gap)) - log_total
        return -jnp.sum(jnp.where(used > 0, used * log_q, 0.0)), (used, divergence)

    (value, (weight, estimate)), gradient = jax.value_and_grad(loss, has_aux=True)(state.flow)
    progress = state.step / rates.steps
    q, good = _follow(state.q, eps, weight, moments_rate(rates, state.step))
    good &= jnp.isfinite(value)

    def bend() -> tuple[jax.Array, Any]:
        move, optimizer = flow_optimizer().update(gradient, state.flow_optimizer, state.flow)
        rate = FLOW_RATE * rates.gen * setup.gen_optimizer.factor(progress)
        return state.flow + rate * move, optimizer

    trained, optimizer = jax.lax.cond(
        state.bent & good & all_finite(gradient), bend, lambda: (state.flow, state.flow_optimizer)
    )
    seen = jnp.where(jnp.isfinite(estimate), jnp.minimum(estimate, MOST_DIVERGENCE), state.divergence)
    undecided = state.step < decision_step(rates)
    over = jnp.where(undecided, DECIDED_OVER * decision_step(rates), ESTIMATED_OVER * rates.steps)
    fresh = jnp.minimum(1.0, EVERY / over)
    divergence = state.divergence + fresh * (seen - state.divergence)
    poor = (progress > DECIDE_FROM) & (progress < DECIDE_UNTIL) & (divergence > DIVERGENCE_LIMIT)
    # While few steps may be enough, the Gaussian is what that is judged by.
    poor &= ~undecided
    # Under a flow the Gaussian is its frame, and stands still for it and for r.
    framed = state.bent & (progress > DECIDE_FROM)
    return state._replace(
        q=choose(good & ~framed, q, state.q),
        flow=trained,
        flow_optimizer=optimizer,
        bent=state.bent | (poor & (setup.family == AUTOMATIC)),
        divergence=divergence,
        loss_gen=value,
        skipped=state.skipped + ~good,
    )


def moments_rate(rates: Rates, step: jax.Array) -> jax.Array:
    """The share of the way to the weighted moments that an update moves the Gaussian."""
    slower = jnp.minimum(1.0, FULL_RATE_FOR / (step + 1.0))
    return rates.gen * (1.0 - step / rates.steps) ** 2 * slower + LAST_RATE


def _follow(q: Normal, eps: jax.Array, weight: jax.Array, rate: jax.Array) -> tuple[Normal, jax.Array]:
    """The Gaussian a step closer to the weighted moments of eps, in its own coordinates; and whether that is finite."""
    total, size = jnp.sum(weight), eps.shape[1]
    near = jnp.where(weight[:, None] > 0, eps, 0.0)
    rate = rate * total
    mean = weight @ near / total
    moved = jnp.einsum("s,si,sj->ij", weight, near, near) / total - rate * jnp.outer(mean, mean)
    root = jnp.linalg.cholesky((1.0 - rate) * jnp.eye(size) + rate * moved + 1e-6 * jnp.eye(size))
    new = Normal(q.loc + rate * (q.tril @ mean), q.tril @ root)
    return new, all_finite(new)


def flow_optimizer() -> optax.GradientTransformation:
    return optax.chain(optax.clip_by_global_norm(CLIP_NORM), optax.adam(1.0))
