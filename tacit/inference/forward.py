"""The forward objective: q covers the posterior of a whole data set that a simulator makes in one go.

With few data points there is no sum over points to learn r for one at a time, and nothing to average r's noise over;
but a simulation is a whole data set, and the posterior may have any shape. So

- r compares whole data sets x: r(x, u) = log p(x | u) up to a function of x, learnt by telling which of several
  latents made each simulated data set (the marginal contrast, multi-class);
- simulations are made at draws of q, widened, and of the prior, and are kept in a ring to be learnt from again;
- q minimises the forward Kullback-Leibler divergence, E_posterior[-log q], by importance sampling: draws u of a
  mixture of q and the prior carry weights exp(r(x_obs, u)) p(u) / mixture(u), capped. What has weight must be covered
  by q, so no mode is left out as the reverse divergence leaves it.

q is a Gaussian that follows the weighted moments and, where that is not enough, a normalising flow before it. Whether
it is enough is decided by an estimate of the divergence itself. r sees the latents whitened by q, Gaussian and flow.

Simulations are counted, those from which scales are read included, and never exceed the budget.
"""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.scipy.linalg import solve_triangular

from tacit.inference import networks
from tacit.inference import ring as rings
from tacit.inference.features import FeatureScale, feature_scale, flatten, robust
from tacit.inference.flow import Flow
from tacit.inference.pair_critic import MOST_NUMBERS, PairCritic
from tacit.inference.problem import Arrays, Layout, Run, prior_draw, run_points
from tacit.inference.ring import Ring
from tacit.inference.state import Rates, Setup, all_finite, choose
from tacit.inference.summary import Variable, ordered
from tacit.ppl.external import MOST_WAITING, ahead

# Data sets of so many points at most are learnt whole unless asked otherwise.
FEW_POINTS = 4
# Data points told apart by covariates, of so many numbers together at most, are learnt as one.
MOST_JOINED = 256
# Simulations from the prior before the first step: a share of the budget, within limits.
FIRST_SHARE, FEWEST_FIRST, MOST_FIRST = 0.1, 50, 1024
# Simulations are kept up to so many; r learns from so many of them at once.
RING = 8192
BATCH = 160
# So many simulations are made at once: in JAX a batch costs little more than one. Fewer where that would be less often
# than FEWEST_ROUNDS, since proposals follow q; more, where the budget wants them, but never so many that a batch fills
# half of the ring, or of what a pool of processes keeps.
AT_ONCE = 128
FEWEST_ROUNDS = 100
# Half of the groups of simulations that are told apart are each the nearest of so many.
POOL = 512
# Fewest at once of a simulator that runs in other processes.
FEWEST_EXTERNAL = 16
# The share of proposals from the prior, where simulations are made and where q is weighed.
SIMULATED_PRIOR = 0.1
WEIGHED_PRIOR = 0.2
# Draws that q is trained with, and by how much q is widened for them.
WEIGHED = 256
WEIGHED_WIDTH = 1.2
# No draw weighs more than this.
CAP = 20.0 / 512.0
# q is updated after so many updates of r.
EVERY = 2
# Hidden units of the towers, and their learnt features, unless asked otherwise.
WIDTH, RANK = 128, 64
# The ratio estimator's rate unless asked otherwise.
RATIO_RATE = 3e-3
# New simulations tell, before they are learnt from, whether r has learnt accidents of those it knows by heart. So they
# say how strongly its parameters decay, beside its optimizer's moves: the rate begins so, and its logarithm moves by
# DECAY_STEP at most with each batch of them, within limits. What they tell is averaged over TOLD_OVER batches.
FIRST_DECAY, DECAY_STEP, DECAY_LIMITS = 0.1, 0.03, (1e-3, 10.0)
TOLD_OVER = 20.0
# After this share of the steps it is chosen whether r sees what is summarised number by number too.
CHOOSE_UNTIL = 0.2
# Hidden units of the layer over pairs; splits of the flow (two layers each) and its hidden units.
PAIRS = 32
SPLITS = 4
FLOW_WIDTH = 64
# The least rate of the Gaussian's moments, reached at the end.
LAST_RATE = 1e-3
# The flow's Adam, in units of the rate of the moments.
FLOW_RATE = 0.02
CLIP_NORM = 10.0
# The flow is taken up between these shares of the steps, once the divergence of the Gaussian is above LIMIT.
DECIDE_FROM, DECIDE_UNTIL = 0.3, 0.6
DIVERGENCE_LIMIT = 0.05
# The estimate of the divergence is averaged over about this share of the steps.
ESTIMATED_OVER = 0.05
# Of r and the flow, averages over about so many updates.
AVERAGED = 500.0
# The local scale of the data is that of so many batches of simulations, within limits, averaged over this share of the
# rounds so far: where it trembled, so would all that r sees.
LOCAL_BATCHES, LOCAL_LEAST, LOCAL_MOST = 8, 64, 1024
LOCAL_OVER = 0.2
# Estimates of the divergence above this say only that it is large; they come of a draw where q all but vanishes.
MOST_DIVERGENCE = 20.0
# Draws for the posterior come from q, from q widened so much, and from the prior, in these shares.
DRAWN, DRAWN_WIDTH = (0.5, 0.25, 0.25), 1.5
DRAWN_AT_ONCE = 256

# The family that is a Gaussian until a flow proves needed.
AUTOMATIC = "automatic"

Update = Literal["Disc", "Gen"]
# Latents, data, and whether these are finite.
Simulations = tuple[jax.Array, jax.Array, jax.Array]


class Prepared(NamedTuple):
    """A problem's arrays and scales, with the simulations these were read off: latents (P, G), data (P, N, D)."""

    arrays: Arrays
    features: FeatureScale
    latent_centre: jax.Array
    latent_spread: jax.Array
    latents: jax.Array
    data: jax.Array


class Normal(NamedTuple):
    """loc (G,), tril (G, G)."""

    loc: jax.Array
    tril: jax.Array


class Begun(NamedTuple):
    """External simulations that were begun and not yet taken in: at latents (S, G), run with `key`; `held`: whether
    there are any."""

    latents: jax.Array
    key: jax.Array
    held: jax.Array


class Judged(NamedTuple):
    """What new simulations told before they were learnt from; averages.

    `log_decay`: the logarithm of the rate at which the ratio estimator's parameters decay, in units of its learning
    rate; `pull`: by how much the loss would fall with a decay by a unit, `square`: of its square. `beside`: by how much
    it is less where what is summarised is seen number by number too. `gap`: by how much it is more than that on
    simulations learnt from.
    """

    log_decay: jax.Array
    pull: jax.Array
    square: jax.Array
    beside: jax.Array
    gap: jax.Array


class State(NamedTuple):
    """All that changes during a fit. `ratio`, `flow` and their averages: all parameters of each in one row; `bent`:
    whether the flow is taken up; `local` (D,), (D,): where the data of recent simulations lie, and the logarithm of how
    far they spread;
    `divergence` of q from the target, an estimate."""

    step: jax.Array
    key: jax.Array
    ratio: jax.Array
    ratio_average: jax.Array
    ratio_optimizer: Any
    judged: Judged
    q: Normal
    flow: jax.Array
    flow_average: jax.Array
    flow_optimizer: Any
    bent: jax.Array
    ring: Ring
    begun: Begun
    local: tuple[jax.Array, jax.Array]
    divergence: jax.Array
    loss_disc: jax.Array
    loss_gen: jax.Array
    correct: jax.Array
    skipped: jax.Array
    dropped: jax.Array


def first_simulations(budget: int) -> int:
    """How many of the budget are made at the prior before the first step."""
    return int(min(max(FIRST_SHARE * budget, FEWEST_FIRST), MOST_FIRST, budget))


def joined(structure: Layout) -> bool:
    """Whether data points are learnt together as one. They are told apart by covariates, which are the same in all
    simulations, so what r has to know of each differs; many points are left to the sum over them nevertheless."""
    told_apart = any(axis is not None for _, axis in structure.inputs)
    return told_apart and structure.num_points * sum(site.size for site in structure.observed) <= MOST_JOINED


def fresh_simulations(budget: int, steps: int, *, external: bool) -> int:
    """How many are made at once afterwards; a pool of processes wants several."""
    left = budget - first_simulations(budget)
    # What was begun outside with the last step but one is the last to be taken in.
    wanted = max(min(AT_ONCE, left // FEWEST_ROUNDS), -(-left // (steps - 1 if external else steps)))
    fewest, most = (min(FEWEST_EXTERNAL, left), MOST_WAITING // 2) if external else (1, RING // 2)
    return min(max(fewest, wanted), most)


def prepare(setup: Setup, key: jax.Array, arrays: Arrays) -> Prepared:
    """Simulates at the prior, and reads the scales off that."""
    keys = jax.random.split(key, setup.first)
    draw = jax.vmap(lambda k: prior_draw(k, setup.program, setup.layout, arrays.inputs))
    latents, _, simulated = draw(keys)
    centre, spread = jnp.mean(latents, axis=0), jnp.std(latents, axis=0)
    scale = feature_scale(setup.layout, arrays, simulated)
    if joined(setup.layout):
        # Each of the points has a scale of its own; their covariates never change, and say nothing.
        rows = jax.vmap(lambda x: _flat(setup, x))(simulated)[:, 0]
        middle, width = robust(jnp.where(jnp.isfinite(rows), rows, jnp.nan))
        scale = FeatureScale(middle, jnp.where(width > 0, width, 1.0), jnp.zeros((1, 0)))
    data = jax.vmap(lambda x: _flat(setup, x))(simulated)
    return Prepared(arrays, scale, centre, spread, (latents - centre) / spread, data)


def init(setup: Setup, key: jax.Array, data: Prepared) -> State:
    """The state before the first step: q is the prior's Gaussian, r is small and random."""
    key, own = jax.random.split(key)
    make_critic, make_flow = _makers(setup, data)
    critic_key, flow_key = jax.random.split(own)
    ratio = networks.row(networks.drawn(critic_key, make_critic))
    bend = networks.row(networks.drawn(flow_key, make_flow, still=lambda flow: flow.networks.layers[-1]))
    size, zero = setup.layout.global_dim, jnp.zeros(())
    ring = rings.start(setup.ring, data.latents, data.data)
    return State(
        step=jnp.zeros((), int),
        key=key,
        ratio=ratio,
        ratio_average=ratio,
        ratio_optimizer=_ratio_optimizer(setup).init(ratio),
        judged=Judged(jnp.log(FIRST_DECAY) + zero, zero, zero, zero, zero),
        q=Normal(jnp.zeros(size), jnp.eye(size)),
        flow=bend,
        flow_average=bend,
        flow_optimizer=_flow_optimizer().init(bend),
        bent=jnp.asarray(setup.family == "flow"),
        ring=ring,
        begun=Begun(jnp.zeros((setup.fresh, size)), own, jnp.asarray(False)),
        local=_local(setup, data, ring),
        divergence=zero,
        loss_disc=zero,
        loss_gen=zero,
        correct=zero,
        skipped=jnp.zeros((), int),
        dropped=jnp.sum(~ring.finite[: setup.first]),
    )


def step(setup: Setup, rates: Rates, data: Prepared, state: State, only: Update | None = None) -> State:
    """Simulates where that is due, then one update of the ratio estimator, then, every other time, one of q."""
    key, simulate_key, disc_key, gen_key = jax.random.split(state.key, 4)
    state = state._replace(key=key)
    room = state.ring.written + setup.fresh <= rates.simulations
    due = begins_round(rates, state.step) & (state.begun.held | room)
    # The last step takes in what was begun.
    due |= state.begun.held & (state.step + 1 >= rates.steps)
    simulated = simulate_ahead if setup.layout.external else simulate
    state = jax.lax.cond(due, lambda s: simulated(setup, rates, data, simulate_key, s), lambda s: s, state)
    if only != "Gen":
        state = update_disc(setup, rates, data, disc_key, state)
    if only != "Disc":
        due = jnp.asarray(only == "Gen") | (state.step % EVERY == 0)
        state = jax.lax.cond(due, lambda s: update_gen(setup, rates, data, gen_key, s), lambda s: s, state)
    memory = jnp.minimum(1.0 - 1.0 / AVERAGED, (1.0 + state.step) / (10.0 + state.step))
    return state._replace(
        step=state.step + 1,
        ratio_average=memory * state.ratio_average + (1.0 - memory) * state.ratio,
        flow_average=memory * state.flow_average + (1.0 - memory) * state.flow,
    )


def begins_round(rates: Rates, step: jax.Array) -> jax.Array:
    """Whether simulations are due with this step: as often as there are rounds, evenly over the steps."""
    return jnp.floor((step + 1) * rates.rounds / rates.steps) > jnp.floor(step * rates.rounds / rates.steps)


def simulate(setup: Setup, rates: Rates, data: Prepared, key: jax.Array, state: State) -> State:
    """Simulates at draws of q, widened, and of the prior, and puts that into the ring."""
    key, run_key = jax.random.split(key)
    latents = _propose(setup, rates, data, key, state)
    return _take_in(setup, rates, data, state, latents, _simulated(setup, data, run_key, latents))


def simulate_ahead(setup: Setup, rates: Rates, data: Prepared, key: jax.Array, state: State) -> State:
    """The same for external simulators: takes in what was begun last time and begins more, which runs in other
    processes while r learns. What is begun is counted in the budget, and always taken in."""
    key, run_key = jax.random.split(key)

    def finish(state: State) -> State:
        latents, run_key, _ = state.begun
        return _take_in(setup, rates, data, state, latents, _simulated(setup, data, run_key, latents))

    def begin(state: State) -> Begun:
        latents = _propose(setup, rates, data, key, state)
        with ahead():
            nothing = _simulated(setup, data, run_key, latents)
        # Compiled programs leave out what nothing depends on.
        return Begun(latents, run_key, jnp.all(nothing == nothing[:1]))

    state = jax.lax.cond(state.begun.held, finish, lambda s: s, state)
    more = (state.ring.written + setup.fresh <= rates.simulations) & (state.step + 1 < rates.steps)
    none = state.begun._replace(held=jnp.asarray(False))
    return state._replace(begun=jax.lax.cond(more, begin, lambda s: none, state))


def _propose(setup: Setup, rates: Rates, data: Prepared, key: jax.Array, state: State) -> jax.Array:
    """(S, G): draws of q, widened, and of the prior."""
    q_key, prior_key, choice_key = jax.random.split(key, 3)
    _, flow = _restore(setup, data, state.ratio, state.flow)
    of_q = _draw(flow, state, q_key, setup.fresh, rates.proposal_width)
    of_prior = _draw_prior(setup, data, prior_key, setup.fresh)
    return jnp.where(jax.random.bernoulli(choice_key, SIMULATED_PRIOR, (setup.fresh, 1)), of_prior, of_q)


def _simulated(setup: Setup, data: Prepared, key: jax.Array, latents: jax.Array) -> jax.Array:
    """(S, N, D): a data set at each of the latents."""
    runs = jax.vmap(lambda k, u: _run(setup, data, k, u))(jax.random.split(key, len(latents)), latents)
    return jax.vmap(lambda x: _flat(setup, x))(runs.observed)


def _take_in(
    setup: Setup, rates: Rates, data: Prepared, state: State, latents: jax.Array, simulated: jax.Array
) -> State:
    finite = jnp.all(jnp.isfinite(simulated), axis=(1, 2))
    ring = rings.write(state.ring, latents, simulated)
    round_number = 1.0 + (state.ring.written - setup.first) / setup.fresh
    rate = jnp.minimum(1.0, 1.0 / (LOCAL_OVER * round_number))
    return state._replace(
        ring=ring,
        judged=judge(setup, rates, data, state, latents, simulated),
        local=jax.tree.map(lambda old, new: old + rate * (new - old), state.local, _local(setup, data, ring)),
        dropped=state.dropped + jnp.sum(~finite),
    )


def update_disc(setup: Setup, rates: Rates, data: Prepared, key: jax.Array, state: State) -> State:
    """One update of the ratio estimator, on simulations of the ring ("Disc")."""
    contrast_key, beside_key = jax.random.split(key)
    groups = contrasts(setup, contrast_key, state)
    loss = _contrast_loss(setup, data, state, *groups)
    # Until it is known whether to see what is summarised number by number too, r learns both ways.
    either = jax.random.bernoulli(beside_key, shape=(len(groups[0]),)).astype(float)
    beside = jnp.where(state.step < CHOOSE_UNTIL * rates.steps, either, _beside(state))
    (value, correct), gradient = jax.value_and_grad(loss, has_aux=True)(state.ratio, beside)
    move, optimizer = _ratio_optimizer(setup).update(gradient, state.ratio_optimizer, state.ratio)
    rate = rates.disc * setup.disc_optimizer.factor(state.step / rates.steps)
    ratio = state.ratio + rate * (move - jnp.exp(state.judged.log_decay) * state.ratio)
    good = all_finite(gradient)
    ratio, optimizer = choose(good, (ratio, optimizer), (state.ratio, state.ratio_optimizer))
    return state._replace(
        ratio=ratio, ratio_optimizer=optimizer, loss_disc=value, correct=correct, skipped=state.skipped + ~good
    )


def _contrast_loss(
    setup: Setup, data: Prepared, state: State, latents: jax.Array, simulated: jax.Array, finite: jax.Array
) -> Callable[[jax.Array, jax.Array], tuple[jax.Array, jax.Array]]:
    """The cross-entropy, and the share that is right, where r tells groups apart: latents (groups, K, G), data (groups,
    K, N, D), whether those are finite. A function of r's parameters and, for each group, of whether what is summarised
    is seen number by number too."""
    groups, size = latents.shape[:2]

    def flat(x: jax.Array) -> jax.Array:
        return x.reshape(-1, *x.shape[2:])

    _, flow = _restore(setup, data, state.ratio, state.flow_average)
    eps, bent, _ = _whiten(flow, state, flat(latents))
    features = _features(setup, data, state, flat(simulated), ~flat(finite))

    def loss(ratio: jax.Array, beside: jax.Array) -> tuple[jax.Array, jax.Array]:
        critic, _ = _restore(setup, data, ratio, state.flow)
        of_data = jax.vmap(critic.of_data)(features, jnp.repeat(beside, size))
        of_latents = jax.vmap(critic.of_latents)(eps, bent)
        logits = critic.pairs(
            of_data.reshape(groups, -1, of_data.shape[-1]), of_latents.reshape(groups, -1, of_latents.shape[-1])
        )
        own = jnp.diagonal(logits, axis1=1, axis2=2)
        cross_entropy = jnp.mean(jax.nn.logsumexp(logits, axis=-1) - own)
        return cross_entropy, jnp.mean(own >= jnp.max(logits, axis=-1))

    return loss


def contrasts(setup: Setup, key: jax.Array, state: State) -> Simulations:
    """Groups of simulations to be told apart: latents (groups, K, G), data (groups, K, N, D), whether those are finite.

    Half of the groups are as they come. In the others latents are near one another, in units of q: simulations at
    latents far apart are soon told apart, and what is left to learn is what differs close by. Who is in a group
    depends on the latents alone, so r is the same.
    """
    far_key, near_key = jax.random.split(key)
    groups = max(1, BATCH // setup.latent_samples)
    size, near = BATCH // groups, groups // 2
    far = groups - near
    apart = tuple(x.reshape(far, size, *x.shape[1:]) for x in rings.batch(state.ring, far_key, far * size))
    pool = rings.stretch(state.ring, near_key, max(size, min(POOL, setup.first)))
    return _with_near(state, apart, pool, near)


def _with_near(state: State, apart: Simulations, pool: Simulations, near: int) -> Simulations:
    """The groups `apart`, and `near` others, each of neighbours within the `pool`."""
    if near == 0:
        return apart
    eps = _straighten(state, pool[0])
    distance = jnp.sum((eps[:near, None] - eps) ** 2, axis=-1)
    _, members = jax.lax.top_k(-distance, apart[0].shape[1])
    latents, simulated, finite = (jnp.concatenate([a, x[members]]) for a, x in zip(apart, pool, strict=True))
    return latents, simulated, finite


def judge(setup: Setup, rates: Rates, data: Prepared, state: State, latents: jax.Array, simulated: jax.Array) -> Judged:
    """What simulations (S, G), (S, N, D) tell that r has not learnt from.

    The decay moves to where r would lose less on them: the derivative of that loss in a decay of all parameters alike,
    averaged over batches and divided by the root of its mean square, is in [-1, 1].
    """
    size, judged = min(setup.latent_samples, len(latents)), state.judged
    groups = len(latents) // size
    if size == 1:
        return judged
    finite = jnp.all(jnp.isfinite(simulated), axis=(1, 2))

    def loss_on(pool: Simulations) -> Callable[[jax.Array, jax.Array], tuple[jax.Array, jax.Array]]:
        near = groups // 2
        apart = tuple(x[near * size : groups * size].reshape(groups - near, size, *x.shape[1:]) for x in pool)
        return _contrast_loss(setup, data, state, *_with_near(state, apart, pool, near))

    loss = loss_on((latents, jnp.where(finite[:, None, None], simulated, 0.0), finite))
    beside = jnp.full(groups, _beside(state))
    (value, _), gradient = jax.value_and_grad(loss, has_aux=True)(state.ratio_average, beside)
    known, _ = loss_on(rings.middle(state.ring, len(latents)))(state.ratio_average, beside)
    now = jnp.sum(gradient * state.ratio_average)
    now = jnp.where(jnp.isfinite(now), now, 0.0)

    def told(average: jax.Array, now: jax.Array) -> jax.Array:
        return average + jnp.where(jnp.isfinite(now), now - average, 0.0) / TOLD_OVER

    pull, square = told(judged.pull, now), told(judged.square, now**2)
    low, high = DECAY_LIMITS
    moved = judged.log_decay + DECAY_STEP * pull / jnp.sqrt(jnp.maximum(square, 1e-30))
    gain = judged.beside
    if has_choice(setup.layout):
        without, both = (loss(state.ratio_average, jnp.full(groups, each))[0] for each in (0.0, 1.0))
        gain = jnp.where(state.step < CHOOSE_UNTIL * rates.steps, told(gain, without - both), gain)
    gap = told(judged.gap, value - known)
    return Judged(jnp.clip(moved, jnp.log(low), jnp.log(high)), pull, square, gain, gap)


def _beside(state: State) -> jax.Array:
    """1 or 0: whether what is summarised is seen number by number too."""
    return (state.judged.beside > 0.0).astype(float)


def update_gen(setup: Setup, rates: Rates, data: Prepared, key: jax.Array, state: State) -> State:
    """One update of q by draws weighed with r ("Gen"): the Gaussian's moments, and the flow by gradients."""
    q_key, prior_key = jax.random.split(key)
    critic, flow = _restore(setup, data, state.ratio_average, state.flow)
    _, flow_average = _restore(setup, data, state.ratio_average, state.flow_average)
    of_prior = round(WEIGHED_PRIOR * WEIGHED)
    drawn = _draw(flow, state, q_key, WEIGHED - of_prior, WEIGHED_WIDTH)
    latents = jnp.concatenate([drawn, _draw_prior(setup, data, prior_key, of_prior)])
    log_prior = _log_prior(setup, data, latents)
    eps, bent, _ = _whiten(flow_average, state, latents)
    target = _observed_ratio(setup, data, state, critic, eps, bent) + log_prior

    def loss(bend: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
        _, flow = _restore(setup, data, state.ratio_average, bend)
        _, base, log_det = _whiten(flow, state, latents)
        log_q = _log_normal(base, 1.0) + log_det
        wide = jnp.log(1.0 - WEIGHED_PRIOR) + _log_normal(base, WEIGHED_WIDTH) + log_det
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
    q, good = _follow(state.q, eps, weight, rates.gen * (1.0 - progress) ** 2 + LAST_RATE)
    good &= jnp.isfinite(value)

    def bend() -> tuple[jax.Array, Any]:
        move, optimizer = _flow_optimizer().update(gradient, state.flow_optimizer, state.flow)
        rate = FLOW_RATE * rates.gen * setup.gen_optimizer.factor(progress)
        return state.flow + rate * move, optimizer

    trained, optimizer = jax.lax.cond(
        state.bent & good & all_finite(gradient), bend, lambda: (state.flow, state.flow_optimizer)
    )
    seen = jnp.where(jnp.isfinite(estimate), jnp.minimum(estimate, MOST_DIVERGENCE), state.divergence)
    fresh = jnp.minimum(1.0, EVERY / (ESTIMATED_OVER * rates.steps))
    divergence = state.divergence + fresh * (seen - state.divergence)
    poor = (progress > DECIDE_FROM) & (progress < DECIDE_UNTIL) & (divergence > DIVERGENCE_LIMIT)
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


class Draws(NamedTuple):
    """Draws of a mixture of q, q widened and the prior, or of q. `values`: every latent and deterministic variable in
    its own space, draws along axis 0; `log_weight` (S,): log target - log of their density, up to a constant."""

    values: dict[str, jax.Array]
    log_weight: jax.Array


def sample(setup: Setup, data: Prepared, state: State, key: jax.Array, num_draws: int, *, mixed: bool) -> Draws:
    """Draws for the posterior: weighed by target / mixture they are the posterior as r sees it, where q is too narrow
    too. Not `mixed`: draws of q."""
    critic, flow = _restore(setup, data, state.ratio_average, state.flow_average)
    widths = jnp.array([1.0, DRAWN_WIDTH])

    def batch(key: jax.Array) -> Draws:
        choice_key, q_key, prior_key, run_key = jax.random.split(key, 4)
        uniform = jax.random.uniform(choice_key, (DRAWN_AT_ONCE, 1))
        width = jnp.where((uniform < DRAWN[0]) | (not mixed), 1.0, DRAWN_WIDTH)
        latents = _draw(flow, state, q_key, DRAWN_AT_ONCE, width)
        if mixed:
            of_prior = _draw_prior(setup, data, prior_key, DRAWN_AT_ONCE)
            latents = jnp.where(uniform < DRAWN[0] + DRAWN[1], latents, of_prior)
        log_prior = _log_prior(setup, data, latents)
        eps, bent, log_det = _whiten(flow, state, latents)
        log_q = jax.vmap(lambda w: _log_normal(bent, w) + log_det)(widths)
        parts = jnp.concatenate([log_q, log_prior[None]]) + jnp.log(jnp.array(DRAWN))[:, None]
        density = jax.nn.logsumexp(parts, axis=0) if mixed else log_q[0]
        target = _observed_ratio(setup, data, state, critic, eps, bent) + log_prior
        values = jax.vmap(lambda k, u: _run(setup, data, k, u).values)(
            jax.random.split(run_key, DRAWN_AT_ONCE), latents
        )
        return Draws(values, target - density)

    many = jax.lax.map(batch, jax.random.split(key, -(-num_draws // DRAWN_AT_ONCE)))
    return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:])[:num_draws], many)


def parameters(setup: Setup, data: Prepared, state: State) -> dict[str, np.ndarray]:
    """The parameters of q by name, with the centre and spread of the space it lives in."""
    bent = []
    if state.bent:
        _, flow = _restore(setup, data, state.ratio_average, state.flow_average)
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
    observed = np.asarray(_flat(setup, data.arrays.observed))
    centre, spread = np.asarray(data.features.centre), np.asarray(data.features.spread)
    furthest = np.max(np.abs((values[finite] - centre) / spread), axis=(1, 2))
    return float(np.mean(furthest >= np.max(np.abs((observed - centre) / spread))))


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


def _draw(flow: Flow, state: State, key: jax.Array, num_draws: int, width: Any) -> jax.Array:
    base = width * jax.random.normal(key, (num_draws, state.q.loc.size))
    bent = jax.lax.cond(state.bent, lambda e: jax.vmap(flow.forward)(e)[0], lambda e: e, base)
    return state.q.loc + bent @ state.q.tril.T


def _straighten(state: State, latents: jax.Array) -> jax.Array:
    """(S, G): latents as eps of the Gaussian."""
    return solve_triangular(state.q.tril, (latents - state.q.loc).T, lower=True).T


def _whiten(flow: Flow, state: State, latents: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """(S, G): latents as eps of the Gaussian, as eps of the flow; (S,) the log determinant from latents to these."""
    eps = _straighten(state, latents)
    straight = -jnp.sum(jnp.log(jnp.diagonal(state.q.tril)))
    bent, log_det = jax.lax.cond(state.bent, lambda e: jax.vmap(flow.inverse)(e), lambda e: (e, jnp.zeros(len(e))), eps)
    return eps, bent, log_det + straight


def _log_normal(eps: jax.Array, width: Any) -> jax.Array:
    """Log density of independent normals of standard deviation `width`: (S, d) to (S,)."""
    return -jnp.sum((eps / width) ** 2, axis=-1) / 2 - eps.shape[-1] * (jnp.log(width) + jnp.log(2 * jnp.pi) / 2)


def _flat(setup: Setup, observed: dict[str, jax.Array]) -> jax.Array:
    """(N, D): all observed variables of each point side by side; of points that are joined, (1, N D)."""
    values = flatten(setup.layout, observed)
    return values.reshape(1, -1) if joined(setup.layout) else values


def _run(setup: Setup, data: Prepared, key: jax.Array, latents: jax.Array) -> Run:
    raw = data.latent_centre + data.latent_spread * latents
    none = jnp.zeros((setup.layout.num_points, 0))
    return run_points(key, setup.program, setup.layout, data.arrays.inputs, raw, none)


def _log_prior(setup: Setup, data: Prepared, latents: jax.Array) -> jax.Array:
    """(S,): log density of standardised latents under the prior."""
    logs = jax.vmap(lambda u: _run(setup, data, jax.random.key(0), u).log_prior_global)(latents)
    return logs + jnp.sum(jnp.log(data.latent_spread))


def _draw_prior(setup: Setup, data: Prepared, key: jax.Array, num_draws: int) -> jax.Array:
    draw = jax.vmap(lambda k: prior_draw(k, setup.program, setup.layout, data.arrays.inputs)[0])
    return (draw(jax.random.split(key, num_draws)) - data.latent_centre) / data.latent_spread


def _local(setup: Setup, data: Prepared, ring: Ring) -> tuple[jax.Array, jax.Array]:
    """(D,), (D,): centre, and logarithm of the spread, of the newest simulations; of several points, of all."""
    _, simulated, finite = rings.newest(ring, int(np.clip(LOCAL_BATCHES * setup.fresh, LOCAL_LEAST, LOCAL_MOST)))
    centre, spread = robust(jnp.where(finite[:, None, None], simulated, jnp.nan).reshape(-1, simulated.shape[-1]))
    return centre, jnp.log(jnp.maximum(spread, 1e-3 * data.features.spread))


def _features(setup: Setup, data: Prepared, state: State, values: jax.Array, failed: jax.Array) -> jax.Array:
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


def _observed_ratio(
    setup: Setup, data: Prepared, state: State, critic: PairCritic, eps: jax.Array, bent: jax.Array
) -> jax.Array:
    """(S,): r of the data and each draw."""
    features = _features(setup, data, state, _flat(setup, data.arrays.observed), jnp.asarray(False))
    return critic.pairs(critic.of_data(features, _beside(state))[None], jax.vmap(critic.of_latents)(eps, bent))[0]


def _makers(setup: Setup, data: Prepared) -> tuple[Callable[[], PairCritic], Callable[[], Flow]]:
    values = jax.eval_shape(lambda: data.data[0])
    num_features = 2 * values.shape[-1] + data.features.covariates.shape[-1] + 1
    size, key = setup.layout.global_dim, jax.random.key(0)
    variables = _variables(setup.layout)

    def critic() -> PairCritic:
        return PairCritic(
            num_features,
            size,
            width=setup.width,
            rank=setup.rank,
            pairs=PAIRS,
            numbers=values.shape[-1],
            variables=variables,
            key=key,
        )

    return (
        critic,
        lambda: Flow(size, splits=SPLITS, width=FLOW_WIDTH, key=key),
    )


def _variables(structure: Layout) -> tuple[Variable, ...]:
    """The observed variables that are summarised."""
    if joined(structure):
        return ordered([(structure.num_points, sum(site.size for site in structure.observed))])
    return ordered([site.shape for site in structure.observed])


def has_choice(structure: Layout) -> bool:
    """Whether an observed variable is summarised that could be seen number by number too."""
    return any(variable.size <= MOST_NUMBERS for variable in _variables(structure))


def _restore(setup: Setup, data: Prepared, ratio: jax.Array, flow: jax.Array) -> tuple[PairCritic, Flow]:
    """r and the flow with these parameters."""
    make_critic, make_flow = _makers(setup, data)
    return networks.filled(make_critic, ratio), networks.filled(make_flow, flow)


def _ratio_optimizer(setup: Setup) -> optax.GradientTransformation:
    return optax.chain(optax.clip_by_global_norm(CLIP_NORM), setup.disc_optimizer.transformation())


def _flow_optimizer() -> optax.GradientTransformation:
    return optax.chain(optax.clip_by_global_norm(CLIP_NORM), optax.adam(1.0))
