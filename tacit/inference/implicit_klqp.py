"""ImplicitKLqp: likelihood-free variational inference (Tran, Ranganath & Blei, 2017), re-done on JAX.

What is minimised over the variational family q(z, beta) is, up to a constant, KL(q || posterior):

    loss = -( E_q[ log p(beta) - log q ] + sum_n E_q[ r(x_n, z_n, beta) ] )

where r, the ratio estimator, stands in for the log likelihood. Two updates alternate: *Disc* trains r to tell
simulations apart, *Gen* moves q along the reparameterization gradient of `loss` through r at the observed data.

Contrast `marginal` (the default) tells each simulated point's latents from S - 1 others, so that
r = log p(x | z, beta) + a function of x; the densities of the latents' priors enter exactly. Contrast `empirical`
is the original: simulated (x, z) are told from observed x with z ~ q, and r = log p(x, z | beta) - log q(x, z | beta).

The posterior narrows as 1 / sqrt(N), and r must resolve it. So r sees the latents whitened by a *frame*, an earlier q;
simulations are made at latents drawn from the frame, widened. q moves within a trust region of the frame. A fit has
three phases: *travel*, while the frame follows q in jumps; *learn*, while it rests and r converges on a problem that
stands still; *calibrate*, while r rests too and what is left of its error is measured and removed, as follows.

Summed over N points, a small error of r in the mean drowns the signal. But a true log likelihood obeys Bartlett's first
identity, E[ d log p(x | eps) / d eps ] = 0 over x ~ p(x | eps), at every eps. So simulations at eps near q tell the
slope of r's error, regressed on eps: slope(eps) = c + C eps; r is corrected by -(c eps + eps' C eps / 2), all N points
together. This takes no training, only simulations.

An algorithm here is `init`, `step`, `sample` over a state that is one pytree; `driver` owns the loop.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax

from tacit.inference import families
from tacit.inference.critic import Critic, phi, psi
from tacit.inference.families import GaussianBlocks, Latents
from tacit.inference.features import FeatureScale, feature_scale, num_features, point_features
from tacit.inference.problem import Arrays, Layout, Run, prior_draw, run_points, take_points
from tacit.inference.ratio_losses import POINTWISE, multiclass_loss, own, pairwise_loss

PRIOR_DRAWS = 512
# The frame jumps to q every REFRESH steps during the first TRAVEL share of the steps; after a jump r learns alone for
# SETTLE steps, the last CALIBRATED_BEFORE of them with calibration, which forgets by MEMORY a step.
# Within a frame q moves at most TRUST_LOC of its standard deviations, and a factor exp(TRUST_LOG_SCALE).
REFRESH = 100
SETTLE = 50
TRAVEL = 0.3
CALIBRATED_BEFORE = 20
MEMORY = 0.97
# At the end, when only q moves, calibration forgets slowly.
RESTING_MEMORY = 0.999
TRUST_LOC = 1.0
TRUST_LOG_SCALE = 0.5
# Once r is calibrated around q itself, q may go so many times further.
CALIBRATED_TRUST = 8.0
# A natural-gradient step is clipped to this many standard deviations (a third of it for scales).
MAX_STEP = 0.3
# The share of steps after which r rests and is calibrated, at latents drawn from q widened by CALIBRATION_WIDTH.
CALIBRATE = 0.75
CALIBRATION_WIDTH = 1.3
# Calibrating simulates so many times the points of a training step: nothing is differentiated.
EXTRA_POINTS = 4
# The share of steps, at the end, over which q is averaged.
AVERAGED = 0.1
# Every so many steps r's running average is taken over for Gen, and the data's features are summed anew.
SNAPSHOT = 25
# Scales are read off simulations of at most so many points.
SCALE_POINTS = 256


class Setup(NamedTuple):
    """All that is static: two fits with equal setups and shapes share one compiled program."""

    program: Callable[..., Any]
    layout: Layout
    method: str
    contrast: str
    ratio_loss: str
    latent_samples: int
    points: int
    disc_updates: int
    gen_updates: int
    gen_samples: int
    gen_points: int
    width: int
    rank: int


class Rates(NamedTuple):
    """What may change without compiling anew: number of steps, learning rates, proposal width."""

    steps: jax.Array
    disc: jax.Array
    gen: jax.Array
    proposal_width: jax.Array


class Data(NamedTuple):
    """A problem's arrays and the scales read off them. `latent_centre`, `latent_spread`: prior mean and standard
    deviation of the unconstrained latents, globals (G,) and locals (L,); q lives in units of these."""

    arrays: Arrays
    features: FeatureScale
    latent_centre: Latents
    latent_spread: Latents


class Calibration(NamedTuple):
    """Running sums for the regression of r's slope d r / d eps (summed over all points) on (1, eps): `weight` (),
    `design` (1 + G, 1 + G), `response` (1 + G, G)."""

    weight: jax.Array
    design: jax.Array
    response: jax.Array


class State(NamedTuple):
    """All that changes during a fit, and all that is needed to go on with it in another process."""

    step: jax.Array
    key: jax.Array
    ratio: Any
    ratio_average: Any
    ratio_optimizer: Any
    q: GaussianBlocks
    q_average: GaussianBlocks
    frame: GaussianBlocks
    frame_age: jax.Array
    snapshot: Any
    data_features: jax.Array
    calibration: Calibration
    loss_disc: jax.Array
    loss_gen: jax.Array
    correct: jax.Array
    skipped: jax.Array
    dropped: jax.Array


def prepare(setup: Setup, key: jax.Array, arrays: Arrays) -> Data:
    """Reads the scales off prior draws and the data."""
    index_key, draw_key = jax.random.split(key)
    index = _choose_points(index_key, setup.layout.num_points, SCALE_POINTS)
    points = take_points(setup.layout, arrays, index).inputs
    layout = setup.layout._replace(num_points=index.size)
    draw = jax.vmap(lambda k: prior_draw(k, setup.program, layout, points))
    prior_globals, prior_locals, simulated = draw(jax.random.split(draw_key, PRIOR_DRAWS))
    centre = Latents(jnp.nanmean(prior_globals, 0), jnp.nanmean(prior_locals, (0, 1)))
    spread = Latents(jnp.nanstd(prior_globals, 0), jnp.nanstd(prior_locals, (0, 1)))
    spread = jax.tree.map(lambda s: jnp.where(s > 0, s, 1.0), spread)
    return Data(arrays, feature_scale(setup.layout, arrays, simulated), centre, spread)


def init(setup: Setup, key: jax.Array, data: Data) -> State:
    """The state before the first step: q is the prior's Gaussian, r is small and random."""
    key, critic_key = jax.random.split(key)
    critic = _critic(setup, critic_key, data)
    ratio, _ = eqx.partition(critic, eqx.is_inexact_array)
    num_globals = setup.layout.global_dim
    q = families.init_gaussian(setup.layout.global_dim, setup.layout.num_points, setup.layout.local_dim)
    zero, count = jnp.zeros(()), jnp.zeros((), int)
    return State(
        step=count,
        key=key,
        ratio=ratio,
        ratio_average=ratio,
        ratio_optimizer=optax.scale_by_adam().init(ratio),
        q=q,
        q_average=q,
        frame=q,
        frame_age=count,
        snapshot=ratio,
        data_features=jnp.zeros(critic.scale.shape),
        calibration=Calibration(
            zero, jnp.zeros((1 + num_globals, 1 + num_globals)), jnp.zeros((1 + num_globals, num_globals))
        ),
        loss_disc=zero,
        loss_gen=zero,
        correct=zero,
        skipped=count,
        dropped=count,
    )


def step(setup: Setup, rates: Rates, data: Data, state: State) -> State:
    """`disc_updates` of the ratio estimator, then `gen_updates` of q; a non-finite update is skipped and counted."""
    key, *keys = jax.random.split(state.key, 1 + setup.disc_updates + setup.gen_updates)
    state = state._replace(key=key)
    calibrated = _is_calibrated(setup)
    implicit = setup.method == "implicit_klqp"
    progress = state.step / rates.steps
    resting = calibrated & (progress >= CALIBRATE)
    moving = (progress < TRAVEL) & (state.frame_age >= SETTLE - CALIBRATED_BEFORE)
    for disc_key in keys[: setup.disc_updates] if implicit else []:
        state = jax.lax.cond(
            resting,
            functools.partial(
                calibrate, setup, data, disc_key, points=EXTRA_POINTS * setup.points, memory=RESTING_MEMORY
            ),
            functools.partial(update_disc, setup, rates, data, disc_key),
            state,
        )
        if calibrated:
            state = jax.lax.cond(
                moving,
                functools.partial(calibrate, setup, data, disc_key, points=setup.points, memory=MEMORY),
                lambda state: state,
                state,
            )
    state = jax.lax.cond(
        implicit & (state.step % SNAPSHOT == 0),
        functools.partial(take_snapshot, setup, data),
        lambda state: state,
        state,
    )
    for gen_key in keys[setup.disc_updates :]:
        state = update_gen(setup, rates, data, gen_key, state)
    return _advance(rates, state)


class Draws(NamedTuple):
    """Draws of q. `values`: every latent and deterministic variable in its own space, draws along axis 0; `log_weight`
    (S,): log target - log q up to a constant, the target being the posterior as r sees it."""

    values: dict[str, jax.Array]
    log_weight: jax.Array


def sample(setup: Setup, data: Data, state: State, key: jax.Array, num_draws: int) -> Draws:
    """Draws from the averaged q."""
    layout = setup.layout
    noise_key, run_key = jax.random.split(key)
    state = state._replace(q=state.q_average)
    index = jnp.arange(layout.num_points)

    def one(eps: Latents) -> Draws:
        batch = jax.tree.map(lambda e: e[None], eps)
        latents = families.transform(state.q, batch)
        raw = _unstandardise(data, latents)
        inputs = data.arrays.inputs
        values = run_points(run_key, setup.program, layout, inputs, raw.globals[0], raw.locals[0]).values
        log_q = -jnp.sum(eps.globals**2) / 2
        if setup.contrast == "marginal":  # the empirical contrast has the locals' q inside r
            log_q += -jnp.sum(eps.locals**2) / 2
        return Draws(values, _log_target(setup, data, run_key, state, latents, index)[0] - log_q)

    return jax.lax.map(one, _noise(setup, noise_key, num_draws, layout.num_points), batch_size=256)


class DiscReport(NamedTuple):
    loss: jax.Array
    correct: jax.Array
    dropped: jax.Array


def update_disc(setup: Setup, rates: Rates, data: Data, key: jax.Array, state: State) -> State:
    """One update of the ratio estimator on fresh simulations ("Disc")."""
    loss_fn = disc_loss if setup.contrast == "marginal" else empirical_disc_loss

    def loss(ratio: Any) -> tuple[jax.Array, DiscReport]:
        report = loss_fn(setup, rates, data, key, ratio, state)
        return setup.layout.num_points * report.loss, report  # of order 1, far above Adam's epsilon

    gradient, report = jax.grad(loss, has_aux=True)(state.ratio)
    direction, optimizer = optax.scale_by_adam().update(gradient, state.ratio_optimizer)
    rate = rates.disc * _cosine(state.step / (CALIBRATE * rates.steps))
    ratio = jax.tree.map(lambda p, d: p - rate * d, state.ratio, direction)
    finite = _all_finite(gradient)
    ratio, optimizer = _choose(finite, (ratio, optimizer), (state.ratio, state.ratio_optimizer))
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


def disc_loss(setup: Setup, rates: Rates, data: Data, key: jax.Array, ratio: Any, state: State) -> DiscReport:
    """Marginal contrast: which of S latents, drawn from the widened frame, made each of the M simulated points?"""
    critic = _with_parameters(setup, ratio, data)
    features, finite, eps = _simulate_features(setup, rates, data, key, state, setup.points)
    logits = _logits(setup, phi(critic, features), _latent_rows(setup, critic, eps))
    losses = (
        multiclass_loss(logits)
        if setup.ratio_loss == "multiclass"
        else pairwise_loss(logits, POINTWISE[setup.ratio_loss])
    )
    count = jnp.maximum(jnp.sum(finite), 1)
    best = own(logits) >= jnp.max(logits, axis=-1)
    return DiscReport(jnp.sum(jnp.where(finite, losses, 0.0)) / count, jnp.sum(best & finite) / count, jnp.sum(~finite))


def _simulate_features(
    setup: Setup, rates: Rates, data: Data, key: jax.Array, state: State, num_points: int
) -> tuple[jax.Array, jax.Array, Latents]:
    """Features (S, M, D) of points simulated, with the same noise, at S latents drawn from the widened frame; which of
    them are finite (S, M), the others' features being zero; and the whitened latents."""
    keys = jax.random.split(key, 3)
    index = _choose_points(keys[0], setup.layout.num_points, num_points)
    eps = jax.tree.map(lambda e: rates.proposal_width * e, _noise(setup, keys[1], setup.latent_samples, index.size))
    latents = families.transform(families.at_points(state.frame, index), eps)
    simulated = _run(setup, data, keys[2], latents, index).observed
    features = jax.vmap(lambda x: point_features(setup.layout, data.features, x, state.frame, index))(simulated)
    finite = jnp.all(jnp.isfinite(features), axis=-1)
    return jnp.where(finite[..., None], features, 0.0), finite, eps


def _latent_rows(setup: Setup, critic: Critic, eps: Latents) -> jax.Array:
    """psi of the latents, (S, F), or (S, M, F) where points have latents of their own."""
    return psi(critic, _per_point(eps) if setup.layout.local_dim else eps.globals)


def _logits(setup: Setup, rows: jax.Array, latent_rows: jax.Array) -> jax.Array:
    """(S, M, S): r of each simulated point with each latent."""
    return jnp.einsum("smf,tmf->smt" if setup.layout.local_dim else "smf,tf->smt", rows, latent_rows)


def calibrate(setup: Setup, data: Data, key: jax.Array, state: State, *, points: int, memory: float) -> State:
    """Adds simulations to the regression that `correction` reads: slopes of r at the latents that made the data.

    Args:
      points: simulated per latent draw.
      memory: the weight that earlier simulations keep; below 1 while r still learns.
    """
    keys = jax.random.split(key, 3)
    num_points = setup.layout.num_points
    index = _choose_points(keys[0], num_points, points)
    critic = _with_parameters(setup, state.snapshot, data)
    eps = jax.tree.map(lambda e: CALIBRATION_WIDTH * e, _noise(setup, keys[1], setup.latent_samples, index.size))
    latents = families.transform(families.at_points(state.q, index), eps)
    eps = families.whiten(families.at_points(state.frame, index), latents)
    raw = _unstandardise(data, latents)
    inputs = take_points(setup.layout, data.arrays, index).inputs

    def one(key: jax.Array, raw: Latents, eps: Latents) -> tuple[jax.Array, jax.Array]:
        """The slope of r summed over all points, (G,), at data simulated with noise of its own."""
        run = run_points(key, setup.program, setup.layout, inputs, raw.globals, raw.locals)
        features = point_features(setup.layout, data.features, run.observed, state.frame, index)
        finite = jnp.all(jnp.isfinite(features), axis=-1)
        rows = jnp.where(finite[:, None], phi(critic, jnp.where(finite[:, None], features, 0.0)), 0.0)
        share = num_points / jnp.maximum(jnp.sum(finite), 1)

        def total(eps_globals: jax.Array) -> jax.Array:
            if setup.layout.local_dim:
                here = _per_point(Latents(eps_globals[None], eps.locals[None]))[0]
                return share * jnp.sum(rows * psi(critic, here))
            return share * jnp.sum(rows, axis=0) @ psi(critic, eps_globals)

        return jax.grad(total)(eps.globals), jnp.sum(~finite)

    slopes, dropped = jax.vmap(one)(jax.random.split(keys[2], setup.latent_samples), raw, eps)
    design = jnp.concatenate([jnp.ones((len(slopes), 1)), eps.globals], axis=1)
    usable = jnp.all(jnp.isfinite(slopes), axis=1)
    slopes, design = jnp.where(usable[:, None], slopes, 0.0), jnp.where(usable[:, None], design, 0.0)
    sums = jax.tree.map(lambda s: memory * s, state.calibration)
    sums = Calibration(
        sums.weight + jnp.sum(usable), sums.design + design.T @ design, sums.response + design.T @ slopes
    )
    return state._replace(calibration=sums, dropped=state.dropped + jnp.sum(dropped))


def correction(sums: Calibration) -> tuple[jax.Array, jax.Array]:
    """The slope of r's error: c (G,), C (G, G) symmetric, in the frame's eps; zero before calibration."""
    count = jnp.maximum(sums.weight, 1.0)
    # One pseudo-draw of zero error per coefficient keeps the first steps tame and is nothing later.
    coefficients = jnp.linalg.solve(sums.design / count + jnp.eye(sums.design.shape[0]) / count, sums.response / count)
    slope = coefficients[1:]
    return coefficients[0], (slope + slope.T) / 2


def take_snapshot(setup: Setup, data: Data, state: State) -> State:
    """Takes r's running average over for Gen, and sums the features of all data points under it."""
    if setup.layout.local_dim:
        return state._replace(snapshot=state.ratio_average)
    critic = _with_parameters(setup, state.ratio_average, data)
    index = jnp.arange(setup.layout.num_points)

    def rows(index: jax.Array) -> jax.Array:
        observed = {name: value[index][None] for name, value in data.arrays.observed.items()}
        return phi(critic, point_features(setup.layout, data.features, observed, state.frame, index[None])[0])

    total = jnp.sum(jax.lax.map(rows, index, batch_size=8192), axis=0)
    return state._replace(snapshot=state.ratio_average, data_features=total)


def empirical_disc_loss(setup: Setup, rates: Rates, data: Data, key: jax.Array, ratio: Any, state: State) -> DiscReport:
    """Empirical contrast: simulated (x, z) at beta ~ q against observed x with z ~ q(z | beta), at the same beta.

    (z, x) is drawn jointly from the program; pairing z of the prior with x simulated at z of q, as the original
    implementation does, would make the numerator's law neither.
    """
    keys = jax.random.split(key, 3)
    layout = setup.layout
    index = _choose_points(keys[0], layout.num_points, setup.points)
    critic = _with_parameters(setup, ratio, data)
    q, frame = families.at_points(state.q, index), families.at_points(state.frame, index)
    latents = families.transform(q, _noise(setup, keys[1], setup.latent_samples, index.size))
    points = take_points(layout, data.arrays, index)
    raw = _unstandardise(data, latents)

    def simulate(key: jax.Array, global_latents: jax.Array) -> tuple[dict[str, jax.Array], jax.Array]:
        return _simulate_points(setup, key, points.inputs, global_latents, index.size)

    simulated, local_latents = jax.vmap(simulate)(jax.random.split(keys[2], setup.latent_samples), raw.globals)
    local_latents = (local_latents - data.latent_centre.locals) / data.latent_spread.locals
    p_features = jax.vmap(lambda x: point_features(layout, data.features, x, state.frame, index))(simulated)
    q_features = point_features(layout, data.features, points.observed, state.frame, index)
    finite = jnp.all(jnp.isfinite(p_features), axis=-1) & jnp.all(jnp.isfinite(local_latents), axis=-1)
    p_eps = families.whiten(frame, Latents(latents.globals, jnp.where(finite[..., None], local_latents, 0.0)))
    q_eps = families.whiten(frame, latents)
    p_rows = phi(critic, jnp.where(finite[..., None], p_features, 0.0))
    r_p = jnp.sum(p_rows * psi(critic, _per_point(p_eps)), axis=-1)
    r_q = jnp.sum(phi(critic, q_features) * psi(critic, _per_point(q_eps)), axis=-1)
    losses = POINTWISE[setup.ratio_loss](r_p, r_q)
    count = jnp.maximum(jnp.sum(finite), 1)
    correct = jnp.sum(finite & (r_p > 0)) / count / 2 + jnp.mean(r_q < 0) / 2
    return DiscReport(jnp.sum(jnp.where(finite, losses, 0.0)) / count, correct, jnp.sum(~finite))


def update_gen(setup: Setup, rates: Rates, data: Data, key: jax.Array, state: State) -> State:
    """One natural-gradient update of q within the frame's trust region ("Gen")."""
    tangent = families.zero_tangent(state.q)
    loss, gradient = jax.value_and_grad(gen_loss, argnums=4)(setup, data, key, state, tangent)
    rate = rates.gen * _cosine(2.0 * state.step / rates.steps - 1.0)
    exact = setup.method == "klqp"
    progress = state.step / rates.steps
    resting = (progress >= TRAVEL) & (progress < CALIBRATE) & _is_calibrated(setup)
    moving = exact | ((state.frame_age >= SETTLE) & ~resting)
    move = families.natural_step(gradient, jnp.where(moving, rate, 0.0), MAX_STEP)
    q = families.retract(state.q, move)
    finite = _all_finite(gradient)
    trust = jnp.where((progress >= CALIBRATE) & _is_calibrated(setup), CALIBRATED_TRUST, 1.0)
    within = families.distance(state.frame, q, TRUST_LOC, TRUST_LOG_SCALE) <= trust
    q = _choose(finite & (within | exact), q, state.q)
    return state._replace(q=q, loss_gen=loss, skipped=state.skipped + ~finite)


def gen_loss(setup: Setup, data: Data, key: jax.Array, state: State, tangent: GaussianBlocks) -> jax.Array:
    """The variational loss at the member of the family that `tangent` leads to; the ratio estimator is held fixed."""
    layout = setup.layout
    point_key, noise_key, run_key = jax.random.split(key, 3)
    # Points without latents of their own enter by their summed features; the program runs for its priors alone.
    points_matter = layout.local_dim or setup.method == "klqp"
    index = _choose_points(point_key, layout.num_points, setup.gen_points if points_matter else 1)
    q = families.retract(state.q, tangent)
    half = _noise(setup, noise_key, setup.gen_samples // 2, index.size)
    eps = jax.tree.map(lambda e: jnp.concatenate([e, -e]), half)
    latents = families.transform(families.at_points(q, index), eps)
    target = _log_target(setup, data, run_key, state, latents, index)
    entropy, local_entropy = families.entropy(q)
    return -(jnp.mean(target) + entropy + (local_entropy if setup.contrast == "marginal" else 0.0))


def _log_target(
    setup: Setup, data: Data, key: jax.Array, state: State, latents: Latents, index: jax.Array
) -> jax.Array:
    """(S,): what q is fitted to, up to a constant; sums over points are estimated from those of `index`."""
    share = setup.layout.num_points / index.size
    exact = setup.method == "klqp"
    run = _run(setup, data, key, latents, index, observed=exact)
    if exact:
        return run.log_prior_global + share * (run.log_prior_local + run.log_likelihood)
    ratio = _observed_ratio(setup, data, state, latents, index)
    if setup.contrast == "marginal":
        ratio += share * run.log_prior_local
    return run.log_prior_global + ratio


def _observed_ratio(setup: Setup, data: Data, state: State, latents: Latents, index: jax.Array) -> jax.Array:
    """(S,): r summed over all observed points, corrected; where points have latents of their own, the sum is estimated
    from the points `index`."""
    critic = _with_parameters(setup, state.snapshot, data)
    eps = families.whiten(families.at_points(state.frame, index), latents)
    constant, slope = correction(state.calibration)
    corrected = eps.globals @ constant + jnp.einsum("sg,gh,sh->s", eps.globals, slope, eps.globals) / 2
    if not setup.layout.local_dim:
        # Data enter only through their summed features, whatever their number.
        return psi(critic, eps.globals) @ state.data_features - corrected
    observed = {name: value[index] for name, value in data.arrays.observed.items()}
    rows = phi(critic, point_features(setup.layout, data.features, observed, state.frame, index))
    share = setup.layout.num_points / index.size
    return share * jnp.einsum("mf,smf->s", rows, psi(critic, _per_point(eps))) - corrected


def _advance(rates: Rates, state: State) -> State:
    """Lets the frame follow q, and averages q over the last steps."""
    progress = state.step / rates.steps
    due = (progress < TRAVEL) & (state.frame_age >= REFRESH - 1)
    frame = _choose(due, state.q, state.frame)
    averaged = state.step - (1.0 - AVERAGED) * rates.steps
    share = jnp.where(averaged < 0, 0.0, jnp.minimum(0.998, averaged / (10.0 + averaged)))
    average = jax.tree.map(lambda a, p: share * a + (1.0 - share) * p, state.q_average, state.q)
    return state._replace(
        step=state.step + 1,
        frame=frame,
        frame_age=jnp.where(due, 0, state.frame_age + 1),
        q_average=average,
        calibration=_choose(due, jax.tree.map(jnp.zeros_like, state.calibration), state.calibration),
    )


def _run(
    setup: Setup, data: Data, key: jax.Array, latents: Latents, index: jax.Array, *, observed: bool = False
) -> Run:
    """The program at each of S latents, for the points `index`, with the same noise for all; scored at the data if
    `observed`."""
    points = take_points(setup.layout, data.arrays, index)
    raw = _unstandardise(data, latents)

    def one(global_latents: jax.Array, local_latents: jax.Array) -> Run:
        return run_points(
            key,
            setup.program,
            setup.layout,
            points.inputs,
            global_latents,
            local_latents,
            observed=points.observed if observed else None,
        )

    return jax.vmap(one)(raw.globals, raw.locals)


def _simulate_points(
    setup: Setup, key: jax.Array, inputs: dict[str, jax.Array], global_latents: jax.Array, num_points: int
) -> tuple[dict[str, jax.Array], jax.Array]:
    """Data and unconstrained local latents (M, L), drawn jointly from the program at given globals."""
    layout = setup.layout._replace(num_points=num_points)
    _, local_latents, data = prior_draw(key, setup.program, layout, inputs, global_latents=global_latents)
    return data, local_latents


def _is_calibrated(setup: Setup) -> bool:
    """The hinge loss knows no size of a ratio, the empirical contrast no other latents: there is nothing to correct."""
    return setup.contrast == "marginal" and setup.ratio_loss != "hinge"


def _choose_points(key: jax.Array, num_points: int, wanted: int) -> jax.Array:
    if wanted >= num_points:
        return jnp.arange(num_points)
    return jax.random.randint(key, (wanted,), 0, num_points)


def _noise(setup: Setup, key: jax.Array, num_draws: int, num_points: int) -> Latents:
    global_key, local_key = jax.random.split(key)
    return Latents(
        jax.random.normal(global_key, (num_draws, setup.layout.global_dim)),
        jax.random.normal(local_key, (num_draws, num_points, setup.layout.local_dim)),
    )


def _per_point(eps: Latents) -> jax.Array:
    """(S, M, G + L): each point's latents, the globals repeated."""
    repeated = jnp.broadcast_to(eps.globals[:, None], (*eps.locals.shape[:2], eps.globals.shape[-1]))
    return jnp.concatenate([repeated, eps.locals], axis=-1)


def _unstandardise(data: Data, latents: Latents) -> Latents:
    return jax.tree.map(lambda c, s, u: c + s * u, data.latent_centre, data.latent_spread, latents)


def _critic(setup: Setup, key: jax.Array, data: Data) -> Critic:
    layout = setup.layout
    return Critic(
        num_features(layout, data.arrays),
        layout.global_dim + layout.local_dim,
        layout.num_points,
        width=setup.width,
        rank=setup.rank,
        key=key,
    )


def _with_parameters(setup: Setup, parameters: Any, data: Data) -> Critic:
    """The ratio estimator with `parameters`: the state holds arrays alone, the structure is made anew."""
    skeleton = eqx.filter_eval_shape(lambda: _critic(setup, jax.random.key(0), data))
    _, static = eqx.partition(skeleton, lambda x: isinstance(x, jax.ShapeDtypeStruct))
    return eqx.combine(parameters, static)


def _cosine(progress: jax.Array) -> jax.Array:
    """From 1 at progress 0 (and before) to 0.01 at 1."""
    return 0.01 + 0.99 * 0.5 * (1.0 + jnp.cos(jnp.pi * jnp.clip(progress, 0.0, 1.0)))


def _all_finite(tree: Any) -> jax.Array:
    return jnp.all(jnp.stack([jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(tree)]))


def _choose(condition: jax.Array, yes: Any, no: Any) -> Any:
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), yes, no)
