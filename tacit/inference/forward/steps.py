"""The steps of a fit under the forward objective: simulations within their budget, and updates of r and q."""

from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np

from tacit.inference import constants, networks
from tacit.inference.features import FeatureScale, feature_scale, fill_gaps, quantiles, robust
from tacit.inference.forward import ring as rings
from tacit.inference.forward.coordinates import (
    comes_near,
    draw,
    draw_prior,
    flat,
    flow_with,
    joined,
    local_scale,
    makers,
    simulated,
)
from tacit.inference.forward.cover import EVERY, decision_step, flow_optimizer, goes_on, update_gen
from tacit.inference.forward.ratio import FIRST_DECAY, judge, ratio_optimizer, update_disc
from tacit.inference.forward.state import Begun, Judged, Made, Normal, Prepared, State
from tacit.inference.problem import Arrays, blanked, prior_draw, with_gaps
from tacit.inference.state import Rates, Setup
from tacit.ppl.external import MOST_WAITING, ahead

# Data sets of so many points at most are learnt whole unless asked otherwise.
FEW_POINTS = 4
# Simulations from the prior before the first step: a share of the budget, within limits.
FIRST_SHARE, FEWEST_FIRST, MOST_FIRST = 0.1, 50, 1024
# Simulations are kept up to so many.
RING = 8192
# So many simulations are made at once: in JAX a batch costs little more than one. Fewer where that would be less often
# than FEWEST_ROUNDS, since proposals follow q; more, where the budget wants them, but never so many that a batch fills
# half of the ring, or of what a pool of processes keeps.
AT_ONCE = 128
FEWEST_ROUNDS = 100
# But so many at least, or new simulations could not be told apart and say nothing of r.
FEWEST_AT_ONCE = 8
# Fewest at once of a simulator that runs in other processes.
FEWEST_EXTERNAL = 16
# The share of simulations that are made at draws of the prior.
SIMULATED_PRIOR = 0.1
# Hidden units of the towers, and their learnt features, unless asked otherwise.
WIDTH, RANK = 128, 64
# Of r and the flow, averages over about so many updates.
AVERAGED = 500.0
# The local scale of the data is that of the last batch of simulations, averaged over this share of the rounds. Of many
# numbers it is that of so many batches, within limits, averaged over a share of the rounds so far: where it trembled,
# so would all that r sees.
NEAR_OVER = 0.02
LOCAL_BATCHES, LOCAL_LEAST, LOCAL_MOST, LOCAL_OVER = 8, 64, 1024, 0.2

Update = Literal["Disc", "Gen"]


def first_simulations(budget: int) -> int:
    """How many of the budget are made at the prior before the first step."""
    return int(min(max(FIRST_SHARE * budget, FEWEST_FIRST), MOST_FIRST, budget))


def fresh_simulations(budget: int, steps: int, *, external: bool) -> int:
    """How many are made at once afterwards; a pool of processes wants several."""
    left = budget - first_simulations(budget)
    # What was begun outside with the last step but one is the last to be taken in.
    wanted = max(min(AT_ONCE, left // FEWEST_ROUNDS), -(-left // (steps - 1 if external else steps)))
    fewest, most = (
        (min(FEWEST_EXTERNAL, left), MOST_WAITING // 2) if external else (min(FEWEST_AT_ONCE, left), RING // 2)
    )
    return min(max(fewest, wanted), most)


def prepare(setup: Setup, key: jax.Array, arrays: Arrays, start: Normal | None = None) -> Prepared:
    """Simulates at the prior, and reads the scales off that.

    Args:
      start: the Gaussian of unconstrained latents that q starts as; by default the prior's.
    """
    keys = jax.random.split(key, setup.first)
    draw = jax.vmap(lambda k: prior_draw(k, setup.program, setup.layout, arrays.inputs))
    latents, _, values = draw(keys)
    centre, spread = jnp.mean(latents, axis=0), jnp.std(latents, axis=0)
    blank = jax.vmap(lambda x: blanked(arrays, x))(values)
    scale = feature_scale(setup.layout, arrays, blank, own=setup.objective == "forward")
    if joined(setup.layout):
        # Each of the points has a scale of its own; their covariates never change, and say nothing.
        rows = jax.vmap(lambda x: flat(setup, x))(blank)[:, 0]
        rows = jnp.where(jnp.isfinite(rows), rows, jnp.nan)
        middle, width = robust(rows)
        scale = FeatureScale(middle, jnp.where(width > 0, width, 1.0), jnp.zeros((1, 0)), quantiles(rows))
    arrays = fill_gaps(setup.layout, arrays, scale.centre)
    data = jax.vmap(lambda x: flat(setup, with_gaps(arrays, x)))(values)
    begin = Normal(jnp.zeros_like(centre), jnp.eye(centre.size))
    if start is not None:
        begin = Normal((start.loc - centre) / spread, start.tril / spread[:, None])
    left_out = constants.suspects(data, flat(setup, arrays.observed))
    return Prepared(arrays, scale, centre, spread, (latents - centre) / spread, data, begin, left_out)


def init(setup: Setup, key: jax.Array, data: Prepared) -> State:
    """The state before the first step: q is the Gaussian to start as, r is small and random."""
    key, own = jax.random.split(key)
    make_critic, make_flow = makers(setup, data)
    critic_key, flow_key = jax.random.split(own)
    keys = jax.random.split(critic_key, setup.ratio_estimators)
    ratio = jax.vmap(lambda key: networks.row(networks.drawn(key, make_critic)))(keys)
    bend = networks.row(networks.drawn(flow_key, make_flow, still=lambda flow: flow.networks.layers[-1]))
    size, zero = setup.layout.global_dim, jnp.zeros(())
    ring = rings.start(setup.ring, data.latents, data.data)
    return State(
        step=jnp.zeros((), int),
        key=key,
        ratio=ratio,
        ratio_average=ratio,
        ratio_optimizer=jax.vmap(ratio_optimizer(setup).init)(ratio),
        learning=jnp.asarray(setup.ratio_estimators, int),
        judged=Judged(jnp.log(FIRST_DECAY) + zero, zero, zero, zero, zero),
        # A copy: the state's arrays are given away from chunk to chunk, the data's are not.
        q=jax.tree.map(jnp.copy, data.start),
        flow=bend,
        flow_average=bend,
        flow_optimizer=flow_optimizer().init(bend),
        bent=jnp.asarray(setup.family == "flow"),
        ring=ring,
        begun=Begun(jnp.zeros((setup.fresh, size)), own, jnp.asarray(False)),
        local=jax.tree.map(jnp.nan_to_num, local_scale(setup, data, ring, setup.first)),
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
    state = state._replace(key=key, learning=jnp.where(goes_on(rates), rates.going_on, setup.ratio_estimators))
    room = state.ring.written + setup.fresh <= rates.simulations
    due = begins_round(rates, state.step) & (state.begun.held | room)
    # The last step takes in what was begun.
    due |= state.begun.held & (state.step + 1 >= rates.steps)
    make = simulate_ahead if setup.layout.external else simulate
    made = jax.lax.cond(due, lambda: make(setup, rates, data, simulate_key, state), lambda: _none_made(setup, state))
    state = _take_in(setup, rates, data, state, made)
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
    """Whether simulations are due with this step: as often as there are rounds."""
    return _rounds_until(rates, step + 1) > _rounds_until(rates, step)


def _rounds_until(rates: Rates, step: jax.Array) -> jax.Array:
    """Rounds before this step. They are evenly over the steps; a fit that goes on beyond the few that it began with
    makes what is left of them evenly over the others."""
    longer, begun_for = goes_on(rates), decision_step(rates)
    even = step * rates.rounds / jnp.where(longer, rates.few, rates.steps)
    made = jnp.floor(begun_for * rates.rounds / jnp.maximum(rates.few, 1.0))
    left = made + (step - begun_for) * (rates.rounds - made) / (rates.steps - begun_for)
    return jnp.floor(jnp.where(longer & (step > begun_for), left, even))


def simulate(setup: Setup, rates: Rates, data: Prepared, key: jax.Array, state: State) -> Made:
    """Simulates at draws of q, widened, and of the prior."""
    key, run_key = jax.random.split(key)
    return _made(setup, rates, data, run_key, state, _propose(setup, rates, data, key, state))


def simulate_ahead(setup: Setup, rates: Rates, data: Prepared, key: jax.Array, state: State) -> Made:
    """The same for external simulators: what was begun last time, and the beginning of more, which runs in other
    processes while r learns. What is begun is counted in the budget, and always taken in."""
    key, run_key = jax.random.split(key)

    def finish() -> Made:
        latents, begun_key, _ = state.begun
        return _made(setup, rates, data, begun_key, state, latents)

    def begin() -> Begun:
        latents = _propose(setup, rates, data, key, state)
        with ahead():
            nothing = simulated(setup, data, run_key, latents)
        # Compiled programs leave out what nothing depends on.
        return Begun(latents, run_key, jnp.all(nothing == nothing[:1]))

    finished = jax.lax.cond(state.begun.held, finish, lambda: _none_made(setup, state))
    written = state.ring.written + jnp.where(finished.there, setup.fresh, 0)
    more = (written + setup.fresh <= rates.simulations) & (state.step + 1 < rates.steps)
    none = state.begun._replace(held=jnp.asarray(False))
    return finished._replace(begun=jax.lax.cond(more, begin, lambda: none))


def _made(setup: Setup, rates: Rates, data: Prepared, key: jax.Array, state: State, latents: jax.Array) -> Made:
    """Simulations at these latents, and what they tell of r, which has not learnt from them yet."""
    values = simulated(setup, data, key, latents)
    judged = judge(setup, rates, data, state, latents, values)
    return Made(latents, values, jnp.asarray(True), judged, state.begun)


def _none_made(setup: Setup, state: State) -> Made:
    latents, values = (jnp.zeros((setup.fresh, *x.shape[1:])) for x in (state.ring.latents, state.ring.data))
    return Made(latents, values, jnp.asarray(False), state.judged, state.begun)


def _propose(setup: Setup, rates: Rates, data: Prepared, key: jax.Array, state: State) -> jax.Array:
    """(S, G): draws of q, widened, and of the prior."""
    q_key, prior_key, choice_key = jax.random.split(key, 3)
    flow = flow_with(setup, data, state.flow)
    of_q = draw(flow, state, q_key, setup.fresh, rates.proposal_width)
    of_prior = draw_prior(setup, data, prior_key, setup.fresh)
    return jnp.where(jax.random.bernoulli(choice_key, SIMULATED_PRIOR, (setup.fresh, 1)), of_prior, of_q)


def _take_in(setup: Setup, rates: Rates, data: Prepared, state: State, made: Made) -> State:
    """Puts what was simulated into the ring."""
    latents, values, there, judged, begun = made
    finite = jnp.all(jnp.isfinite(values), axis=(1, 2))
    ring = rings.write(state.ring, latents, values, there)
    if comes_near(setup.layout):
        newest, over = setup.fresh, NEAR_OVER * rates.rounds
    else:
        newest = int(np.clip(LOCAL_BATCHES * setup.fresh, LOCAL_LEAST, LOCAL_MOST))
        over = LOCAL_OVER * (1.0 + (state.ring.written - setup.first) / setup.fresh)
    rate = jnp.minimum(1.0, 1.0 / over)

    def averaged(old: jax.Array, new: jax.Array) -> jax.Array:
        return old + rate * jnp.where(jnp.isfinite(new), new - old, 0.0)

    local = jax.lax.cond(
        there,
        lambda: jax.tree.map(averaged, state.local, local_scale(setup, data, ring, newest)),
        lambda: state.local,
    )
    dropped = state.dropped + jnp.sum(there & ~finite)
    return state._replace(ring=ring, begun=begun, judged=judged, local=local, dropped=dropped)
