"""ImplicitKLqp: likelihood-free variational inference (Tran, Ranganath & Blei, 2017), re-done on JAX.

What is minimised over the variational family q(z, beta) is, up to a constant, KL(q || posterior):

    loss = -( E_q[ log p(beta) - log q ] + sum_n E_q[ r(x_n, z_n, beta) ] )

where r, the ratio estimator, stands in for the log likelihood. Two updates alternate: *Disc* trains r to tell
simulations apart, *Gen* moves q along the reparameterization gradient of `loss` through r at the observed data.

Contrast `marginal` (the default) tells each simulated point's latents from S - 1 others, so that
r = log p(x | z, beta) + a function of x; the densities of the latents' priors enter exactly. Contrast `empirical`
is the original: simulated (x, z) are told from observed x with z ~ q, and r = log p(x, z | beta) - log q(x, z | beta).

The posterior narrows as 1 / sqrt(N), and r must resolve it. So r sees the latents whitened by a *frame*, an earlier q;
simulations are made at latents drawn from the frame, widened. q moves within a trust region of the frame. A fit is a
sequence of *rounds* (`rounds`): r learns; then it rests while its error is measured and removed (`calibration`) and q
moves; then the frame jumps to q.

An algorithm here is `init`, `step`, `sample` over a state that is one pytree; `driver` owns the loop.
"""

import functools
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import optax

from tacit.inference import calibration, constants, contrasts, estimators, families, laws
from tacit.inference.critic import phi, psi
from tacit.inference.families import GaussianBlocks, Latents
from tacit.inference.features import PointScale, feature_scale, fill_gaps, flatten
from tacit.inference.optimizers import NATURAL, Optimizer
from tacit.inference.point_scale import point_scale
from tacit.inference.problem import Arrays, blanked, prior_draw, run_points, take_points
from tacit.inference.rounds import CALIBRATE, Clock, arrival, clock, snapshot_interval
from tacit.inference.state import (
    Data,
    Rates,
    Setup,
    State,
    all_finite,
    choose,
    choose_points,
    run,
    unstandardise,
)

PRIOR_DRAWS = 512
# Within a frame q moves at most TRUST_LOC of its standard deviations, and a factor exp(TRUST_LOG_SCALE); so many times
# further once it no longer travels.
TRUST_LOC = 1.0
TRUST_LOG_SCALE = 0.5
ARRIVED_TRUST = 1.5
# A natural-gradient step is clipped to this many standard deviations (a third of it for scales).
MAX_STEP = 0.3
# The share of steps, at the end, over which q is averaged.
AVERAGED = 0.1
# Scales are read off simulations of at most so many points.
SCALE_POINTS = 256

Update = Literal["Disc", "Gen"]


def prepare(setup: Setup, key: jax.Array, arrays: Arrays) -> Data:
    """Reads the scales off prior draws and the data, and counts the suspects among these."""
    index_key, draw_key = jax.random.split(key)
    index = choose_points(index_key, setup.layout.num_points, SCALE_POINTS)
    points = take_points(setup.layout, arrays, index)
    layout = setup.layout._replace(num_points=index.size)
    draw = jax.vmap(lambda k: prior_draw(k, setup.program, layout, points.inputs))
    prior_globals, prior_locals, simulated = draw(jax.random.split(draw_key, PRIOR_DRAWS))
    centre = Latents(jnp.nanmean(prior_globals, 0), jnp.nanmean(prior_locals, (0, 1)))
    spread = Latents(jnp.nanstd(prior_globals, 0), jnp.nanstd(prior_locals, (0, 1)))
    spread = jax.tree.map(lambda s: jnp.where(s > 0, s, 1.0), spread)
    scale = feature_scale(setup.layout, arrays, jax.vmap(lambda x: blanked(points, x))(simulated))
    arrays = fill_gaps(setup.layout, arrays, scale.centre)
    observed = flatten(layout, {name: value[index] for name, value in arrays.observed.items()})
    left_out = constants.suspects(jax.vmap(lambda x: flatten(layout, x))(simulated), observed)
    return Data(arrays, scale, centre, spread, left_out)


def init(setup: Setup, key: jax.Array, data: Data) -> State:
    """The state before the first step: q is the prior's Gaussian, r is small and random."""
    key, ratio_key, trained_key = jax.random.split(key, 3)
    estimator = estimators.make(setup, ratio_key, data)
    ratio = estimators.parameters(estimator)
    q, trained = laws.start(setup, trained_key, data)
    frame = laws.frame(setup, data, q, trained)
    zero, count = jnp.zeros(()), jnp.zeros((), int)
    return State(
        step=count,
        key=key,
        ratio=ratio,
        ratio_average=ratio,
        ratio_optimizer=_optimizer(setup.parts.disc_optimizer, setup.disc_optimizer).init(ratio),
        q=q,
        q_average=q,
        q_optimizer=_optimizer(setup.parts.gen_optimizer, setup.gen_optimizer).init(families.zero_tangent(q)),
        trained=trained,
        trained_average=trained,
        trained_optimizer=laws.optimizer().init(trained),
        frame=frame,
        frame_age=count,
        point_scale=point_scale(setup, data, frame),
        arrived=count,
        snapshot=ratio,
        data_features=jnp.zeros(estimator.scale.shape if setup.summed else 0),
        calibration=calibration.empty(setup, estimator),
        loss_disc=zero,
        loss_gen=zero,
        correct=zero,
        skipped=count,
        dropped=count,
    )


def step(setup: Setup, rates: Rates, data: Data, state: State, only: Update | None = None) -> State:
    """`disc_updates` of the ratio estimator, then `gen_updates` of q; a non-finite update is skipped and counted.

    Args:
      only: make just these updates, in the order the caller chooses; there are no rounds and no calibration then.
    """
    key, *keys = jax.random.split(state.key, 1 + setup.disc_updates + setup.gen_updates)
    state = state._replace(key=key)
    now = clock(setup, rates, state)
    implicit = setup.method == "implicit_klqp"
    for disc_key in keys[: setup.disc_updates] if implicit and only != "Gen" else []:
        learn = functools.partial(update_disc, setup, rates, data, disc_key)
        if setup.calibrated and only is None:
            rest = functools.partial(calibration.calibrate, setup, data, disc_key, now)
            state = jax.lax.cond(now.learning, learn, rest, state)
        else:
            state = learn(state)
    if implicit and only != "Disc":
        due = now.learnt if setup.calibrated else state.step % snapshot_interval(setup) == 0
        due |= only == "Gen"
        state = jax.lax.cond(due, functools.partial(take_snapshot, setup, data), lambda state: state, state)
    for gen_key in keys[setup.disc_updates :] if only != "Disc" else []:
        state = update_gen(setup, rates, data, gen_key, now._replace(moving=now.moving | (only == "Gen")), state)
    return _advance(setup, rates, data, now, state)


class Draws(NamedTuple):
    """Draws of q. `values`: every latent and deterministic variable in its own space, draws along axis 0; `log_weight`
    (S,): log target - log q up to a constant, the target being the posterior as r sees it."""

    values: dict[str, jax.Array]
    log_weight: jax.Array


def sample(setup: Setup, data: Data, state: State, key: jax.Array, num_draws: int) -> Draws:
    """Draws from the averaged q."""
    layout = setup.layout
    draw_key, run_key = jax.random.split(key)
    index = jnp.arange(layout.num_points)

    def one(key: jax.Array) -> Draws:
        latents, _, log_qs = laws.draw(setup, data, key, state.q_average, state.trained_average, 1, index)
        raw = unstandardise(data, latents)
        inputs = data.arrays.inputs
        values = run_points(run_key, setup.program, layout, inputs, raw.globals[0], raw.locals[0]).values
        # The empirical contrast has the locals' q inside r.
        log_q = sum(log_qs) if setup.contrast == "marginal" else log_qs[0]
        return Draws(values, (_log_target(setup, data, run_key, state, latents, index) - log_q)[0])

    return jax.lax.map(one, jax.random.split(draw_key, num_draws), batch_size=256)


def update_disc(setup: Setup, rates: Rates, data: Data, key: jax.Array, state: State) -> State:
    """One update of the ratio estimator on fresh simulations ("Disc")."""
    contrast = contrasts.marginal if setup.contrast == "marginal" else contrasts.empirical

    def loss(ratio: Any) -> tuple[jax.Array, contrasts.Report]:
        report = contrast(setup, rates, data, key, ratio, state)
        total = setup.layout.num_points * report.loss  # of order 1, far above Adam's epsilon
        if setup.parts.disc_regularization is not None:
            total += setup.parts.disc_regularization(estimators.with_parameters(setup, ratio, data))
        return total, report

    gradient, report = jax.grad(loss, has_aux=True)(state.ratio)
    transformation = _optimizer(setup.parts.disc_optimizer, setup.disc_optimizer)
    move, optimizer = transformation.update(gradient, state.ratio_optimizer, state.ratio)
    if setup.parts.disc_optimizer is None:
        rate = rates.disc * setup.disc_optimizer.factor(state.step / (CALIBRATE * rates.steps))
        move = jax.tree.map(lambda m: rate * m, move)
    ratio = optax.apply_updates(state.ratio, move)
    finite = all_finite(gradient)
    ratio, optimizer = choose(finite, (ratio, optimizer), (state.ratio, state.ratio_optimizer))
    share = jnp.minimum(0.999, (1.0 + state.frame_age) / (10.0 + state.frame_age))
    average = jax.tree.map(lambda a, p: share * a + (1.0 - share) * p, state.ratio_average, ratio)
    return state._replace(
        ratio=ratio,
        ratio_optimizer=optimizer,
        ratio_average=average,
        loss_disc=report.loss,
        correct=report.correct,
        skipped=state.skipped + ~finite,
        dropped=state.dropped + report.dropped,
    )


def take_snapshot(setup: Setup, data: Data, state: State) -> State:
    """Takes r's running average over for Gen, and sums the features of all data points under it."""
    state = state._replace(snapshot=state.ratio_average)
    if not setup.summed:
        return state
    estimator = estimators.with_parameters(setup, state.snapshot, data)

    def rows(index: jax.Array) -> jax.Array:
        return phi(estimator, estimators.observed_points(setup, data, state, index[None]).features[0])

    index = jnp.arange(setup.layout.num_points)
    return state._replace(data_features=jnp.sum(jax.lax.map(rows, index, batch_size=8192), axis=0))


def update_gen(setup: Setup, rates: Rates, data: Data, key: jax.Array, now: Clock, state: State) -> State:
    """One update of q within the frame's trust region ("Gen"), by natural gradients unless asked otherwise."""
    here = families.zero_tangent(state.q), state.trained
    loss, gradients = jax.value_and_grad(gen_loss, argnums=4)(setup, data, key, state, here)
    gradient = families.restrict(setup.family, gradients[0])
    rate = rates.gen * setup.gen_optimizer.factor(2.0 * state.step / rates.steps - 1.0)
    if setup.gen_optimizer.name == NATURAL and setup.parts.gen_optimizer is None:
        move, optimizer = families.natural_step(gradient, rate, MAX_STEP), state.q_optimizer
    else:
        transformation = _optimizer(setup.parts.gen_optimizer, setup.gen_optimizer)
        move, optimizer = transformation.update(gradient, state.q_optimizer, families.zero_tangent(state.q))
        if setup.parts.gen_optimizer is None:
            move = jax.tree.map(lambda m: rate * m, move)
    bending = laws.bending(setup, travelling=now.travelling)
    move = choose(bending, families.locals_alone(move), move)
    q = families.retract(state.q, move)
    if setup.method == "implicit_klqp":
        trust = jnp.where(now.travelling, 1.0, ARRIVED_TRUST)
        q = choose(bending, q, families.confine(state.frame, q, trust * TRUST_LOC, trust * TRUST_LOG_SCALE))
    trained, memory = laws.train(setup, rate, gradients[1], state.trained, state.trained_optimizer)
    if setup.family == "flow":
        old_flow = state.trained, state.trained_optimizer
        trained, memory = choose(bending, (trained, memory), old_flow)
    finite = all_finite(gradients)
    old = {"q": state.q, "q_optimizer": state.q_optimizer}
    old |= {"trained": state.trained, "trained_optimizer": state.trained_optimizer}
    new = {"q": q, "q_optimizer": optimizer, "trained": trained, "trained_optimizer": memory}
    moved = choose(finite & now.moving, new, old)
    return state._replace(**moved, loss_gen=loss, skipped=state.skipped + ~finite)


def gen_loss(
    setup: Setup, data: Data, key: jax.Array, state: State, at: tuple[GaussianBlocks, laws.Trained]
) -> jax.Array:
    """The variational loss at the member of the family that `at` leads to, a tangent of q and what is trained beside
    it; the ratio estimator is held fixed."""
    layout = setup.layout
    point_key, draw_key, run_key = jax.random.split(key, 3)
    # Points that enter by their summed features need no run; the program runs for its priors alone.
    summed = setup.summed and setup.method == "implicit_klqp"
    index = choose_points(point_key, layout.num_points, 1 if summed else setup.gen_points)
    q = families.retract(state.q, at[0])
    draws = laws.draw(setup, data, draw_key, q, at[1], setup.gen_samples, index)
    target = _log_target(setup, data, run_key, state, draws.latents, index)
    entropy, local_entropy = draws.entropy
    loss = -(jnp.mean(target) + entropy + (local_entropy if setup.contrast == "marginal" else 0.0))
    return loss if setup.parts.gen_regularization is None else loss + setup.parts.gen_regularization(q)


def _log_target(
    setup: Setup, data: Data, key: jax.Array, state: State, latents: Latents, index: jax.Array
) -> jax.Array:
    """(S,): what q is fitted to, up to a constant; sums over points are estimated from those of `index`."""
    share = setup.layout.num_points / index.size
    exact = setup.method == "klqp"
    priors = run(setup, data, key, latents, index, observed=exact)
    if exact:
        return priors.log_prior_global + share * (priors.log_prior_local + priors.log_likelihood)
    ratio = _observed_ratio(setup, data, state, latents, index)
    if setup.contrast == "marginal":
        ratio += share * priors.log_prior_local
    return priors.log_prior_global + ratio


def _observed_ratio(setup: Setup, data: Data, state: State, latents: Latents, index: jax.Array) -> jax.Array:
    """(S,): r summed over all observed points, corrected; where points have latents of their own, the sum is estimated
    from the points `index`."""
    estimator = estimators.with_parameters(setup, state.snapshot, data)
    eps = families.whiten(families.at_points(state.frame, index), latents)
    error = calibration.correction(setup, estimator, state.calibration, eps.globals)
    if setup.summed:
        # Data enter only through their summed features, whatever their number.
        return setup.parts.scales[""] * (psi(estimator, eps.globals) @ state.data_features) - error
    points = estimators.observed_points(setup, data, state, index)
    ratios = estimators.aligned(setup, data, state, estimator, points, latents)
    share = setup.layout.num_points / index.size
    return share * sum(scale * jnp.sum(ratios[name], axis=1) for name, scale in setup.parts.scales.items()) - error


def _optimizer(own: optax.GradientTransformation | None, chosen: Optimizer) -> optax.GradientTransformation:
    if own is not None:
        return own
    return optax.identity() if chosen.name == NATURAL else chosen.transformation()


def jump(setup: Setup, data: Data, state: State) -> tuple[GaussianBlocks, PointScale]:
    """The frame at q, and the scales of the points there."""
    frame = laws.frame(setup, data, state.q, state.trained)
    return frame, point_scale(setup, data, frame)


def _advance(setup: Setup, rates: Rates, data: Data, now: Clock, state: State) -> State:
    """Lets the frame follow q, and averages q over the last steps."""
    averaged = state.step - (1.0 - AVERAGED) * rates.steps
    share = jnp.where(averaged < 0, 0.0, jnp.minimum(0.998, averaged / (10.0 + averaged)))
    at_rest = state.frame, state.point_scale
    frame, scale = jax.lax.cond(now.due, lambda: jump(setup, data, state), lambda: at_rest)
    alone = setup.calibrated and setup.restarts == 1
    moved = families.distance(state.frame, frame, TRUST_LOC, TRUST_LOG_SCALE) if alone else None
    averages, now_at = (state.q_average, state.trained_average), (state.q, state.trained)
    q_average, trained_average = jax.tree.map(lambda a, p: share * a + (1.0 - share) * p, averages, now_at)
    return state._replace(
        step=state.step + 1,
        frame=frame,
        frame_age=jnp.where(now.due, 0, state.frame_age + 1),
        point_scale=scale,
        arrived=arrival(rates, state, now.due, moved),
        q_average=q_average,
        trained_average=trained_average,
        calibration=choose(now.due, jax.tree.map(jnp.zeros_like, state.calibration), state.calibration),
    )
