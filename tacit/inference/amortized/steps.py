"""The steps of a fit under the amortized objective: simulations at the prior, updates of q, then of r."""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp

from tacit.inference import networks
from tacit.inference.amortized.networks import GapCritic, Mixture, MixtureNetwork
from tacit.inference.amortized.state import Best, Prepared, State
from tacit.inference.features import ranked
from tacit.inference.forward import begins_round
from tacit.inference.forward import ring as rings
from tacit.inference.forward.coordinates import draw_prior, simulated, variables
from tacit.inference.forward.cover import FLOW_RATE, flow_optimizer
from tacit.inference.forward.ratio import ratio_optimizer
from tacit.inference.state import Rates, Setup, all_finite, choose

# Simulations that are learnt from at once, by q and by r; r tells the latents of each from so many draws of q.
BATCH, RATIO_BATCH, AGAINST = 256, 128, 7
# q learns during this share of the steps, r afterwards. All is simulated during the first share.
LAW_UNTIL, SIMULATED_UNTIL = 0.7, 0.35
# Parameters decay beside their optimizers' moves, in units of the learning rate.
DECAY = 0.01
# Held-out simulations are asked every so many steps which parameters, averaged over about so many updates, are best.
CHECK, AVERAGED = 100, 200.0
# Simulations held out: a share of the budget, within limits. Half choose parameters, half measure calibration.
HELD_SHARE, FEWEST_HELD, MOST_HELD = 0.2, 100, 2000
# Numbers that are kept of the simulations at most; beyond that, new ones overwrite the oldest.
MOST_KEPT = 2**26
# Simulations that are made at once.
AT_ONCE = 128

Update = Literal["Disc", "Gen"]


class Networks(NamedTuple):
    """How the two networks are made."""

    law: Callable[[], MixtureNetwork]
    ratio: Callable[[], GapCritic]


def held_out(budget: int) -> int:
    """How many of the budget's simulations are not learnt from."""
    return min(max(round(HELD_SHARE * budget), FEWEST_HELD), MOST_HELD, budget // 2)


def kept(budget: int, numbers: int) -> int:
    """How many simulations of so many numbers are kept to be learnt from."""
    return max(AT_ONCE, min(budget - held_out(budget), MOST_KEPT // max(1, numbers)))


def fresh_simulations(budget: int, steps: int, *, external: bool) -> int:
    """How many are made at once."""
    left = budget - held_out(budget)
    return min(left, max(AT_ONCE if not external else 16, -(-left // max(1, int(SIMULATED_UNTIL * steps)))))


def makers(setup: Setup, data: Prepared) -> Networks:
    numbers, key = data.data.shape[-1], jax.random.key(0)
    num_features = 2 * numbers + data.features.covariates.shape[-1]
    known = {"width": setup.width, "numbers": numbers, "variables": variables(setup.layout), "key": key}
    size = setup.layout.global_dim
    return Networks(
        lambda: MixtureNetwork(num_features, size, **known),
        lambda: GapCritic(num_features, size, **known),
    )


def features_of(data: Prepared, values: jax.Array) -> jax.Array:
    """(..., N, F): data (..., N, D) on the scale of the prior, by their ranks among simulations, and covariates."""
    covariates = data.features.covariates
    columns = [
        jnp.arcsinh((values - data.features.centre) / data.features.spread),
        ranked(data.features, values),
        jnp.broadcast_to(covariates, (*values.shape[:-1], covariates.shape[-1])),
    ]
    return jnp.concatenate(columns, axis=-1)


def init(setup: Setup, key: jax.Array, data: Prepared) -> State:
    """The state before the first step: both networks random, nothing simulated but what is held out."""
    key, law_key, ratio_key, first_key = jax.random.split(key, 4)
    make = makers(setup, data)
    law = networks.row(networks.drawn(law_key, make.law))
    # r begins as nothing: q as it is.
    ratio = networks.row(networks.drawn(ratio_key, make.ratio, still=lambda critic: critic.network.layers[-1]))
    ring = rings.start(setup.ring, data.latents[:0], data.data[:0])
    latents, simulations = _simulate(setup, data, first_key)
    zero, far = jnp.zeros(()), jnp.full((), jnp.inf)
    ring = rings.write(ring, latents, simulations)
    failed = jnp.sum(~jnp.all(jnp.isfinite(data.data), axis=(1, 2))) + jnp.sum(~ring.finite[: setup.fresh])
    return State(
        step=jnp.zeros((), int),
        key=key,
        law=law,
        law_average=law,
        law_optimizer=flow_optimizer().init(law),
        law_best=Best(law, far),
        ratio=ratio,
        ratio_average=ratio,
        ratio_optimizer=ratio_optimizer(setup).init(ratio),
        ratio_best=Best(ratio, far),
        ring=ring,
        loss_disc=zero,
        loss_gen=zero,
        correct=zero,
        skipped=jnp.zeros((), int),
        dropped=failed,
    )


def step(setup: Setup, rates: Rates, data: Prepared, state: State, only: Update | None = None) -> State:
    """Simulates where that is due, then one update: of q, or, once q has learnt, of r."""
    key, simulate_key, update_key = jax.random.split(state.key, 3)
    state = state._replace(key=key)
    until = rates._replace(steps=SIMULATED_UNTIL * rates.steps)
    due = begins_round(until, state.step) & (setup.first + state.ring.written + setup.fresh <= rates.simulations)
    state = jax.lax.cond(due, lambda s: _take_in(setup, data, simulate_key, s), lambda s: s, state)
    progress = state.step / rates.steps
    of_law = progress < LAW_UNTIL if only is None else jnp.asarray(only == "Gen")
    state = jax.lax.cond(
        of_law,
        lambda s: update_gen(setup, rates, data, update_key, s),
        lambda s: update_disc(setup, rates, data, update_key, s),
        state,
    )
    # Each network's last parameters are asked after too, or in a short fit none would ever be.
    after = (state.step + 1) / rates.steps
    checked = ((state.step + 1) % CHECK == 0) | (of_law & (after >= LAW_UNTIL)) | (after >= 1.0)
    state = jax.lax.cond(checked, lambda s: _check(setup, data, key, of_law, s), lambda s: s, state)
    return state._replace(step=state.step + 1)


def update_gen(setup: Setup, rates: Rates, data: Prepared, key: jax.Array, state: State) -> State:
    """One update of q: of -log q(u | x) for simulations made at the prior ("Gen")."""
    batch = rings.batch(state.ring, key, BATCH)
    value, gradient = jax.value_and_grad(lambda row: _law_loss(setup, data, row, *batch))(state.law)
    move, optimizer = flow_optimizer().update(gradient, state.law_optimizer, state.law)
    progress = state.step / (LAW_UNTIL * rates.steps)
    rate = FLOW_RATE * rates.gen * setup.gen_optimizer.factor(progress)
    good = all_finite(gradient)
    # The optimizer's move has its sign.
    law = state.law + rate * (move - DECAY * state.law)
    law, optimizer = choose(good, (law, optimizer), (state.law, state.law_optimizer))
    memory = _memory(state.step)
    return state._replace(
        law=law,
        law_optimizer=optimizer,
        law_average=memory * state.law_average + (1.0 - memory) * law,
        loss_gen=value,
        skipped=state.skipped + ~good,
    )


def update_disc(setup: Setup, rates: Rates, data: Prepared, key: jax.Array, state: State) -> State:
    """One update of r: of telling the latents that made a data set from draws of q given it ("Disc")."""
    batch_key, draw_key = jax.random.split(key)
    batch = rings.batch(state.ring, batch_key, RATIO_BATCH)
    of = jax.value_and_grad(
        lambda row: _ratio_loss(setup, data, draw_key, state.law_best.parameters, row, *batch), has_aux=True
    )
    (value, correct), gradient = of(state.ratio)
    move, optimizer = ratio_optimizer(setup).update(gradient, state.ratio_optimizer, state.ratio)
    since = jnp.maximum(0.0, state.step - LAW_UNTIL * rates.steps)
    rate = rates.disc * setup.disc_optimizer.factor(since / ((1.0 - LAW_UNTIL) * rates.steps))
    good = all_finite(gradient)
    ratio = state.ratio + rate * (move - DECAY * state.ratio)
    ratio, optimizer = choose(good, (ratio, optimizer), (state.ratio, state.ratio_optimizer))
    memory = _memory(since)
    return state._replace(
        ratio=ratio,
        ratio_optimizer=optimizer,
        ratio_average=memory * state.ratio_average + (1.0 - memory) * ratio,
        loss_disc=value,
        correct=correct,
        skipped=state.skipped + ~good,
    )


def law_of(setup: Setup, data: Prepared, row: jax.Array) -> MixtureNetwork:
    """q with these parameters."""
    law: MixtureNetwork = networks.filled(makers(setup, data).law, row)
    return law


def ratio_of(setup: Setup, data: Prepared, row: jax.Array) -> GapCritic:
    """r with these parameters."""
    ratio: GapCritic = networks.filled(makers(setup, data).ratio, row)
    return ratio


def _law_loss(
    setup: Setup, data: Prepared, row: jax.Array, latents: jax.Array, values: jax.Array, finite: jax.Array
) -> jax.Array:
    laws = jax.vmap(law_of(setup, data, row))(features_of(data, values))
    lost = -jax.vmap(Mixture.log_density)(laws, latents)
    return _mean(lost, finite)


def _ratio_loss(
    setup: Setup,
    data: Prepared,
    key: jax.Array,
    law: jax.Array,
    row: jax.Array,
    latents: jax.Array,
    values: jax.Array,
    finite: jax.Array,
) -> tuple[jax.Array, jax.Array]:
    """The cross-entropy, and the share that is right."""
    critic, features = ratio_of(setup, data, row), features_of(data, values)
    laws = jax.vmap(law_of(setup, data, law))(features)
    others = jax.vmap(lambda q, k: q.draw(k, AGAINST))(laws, jax.random.split(key, len(latents)))
    logits = jax.vmap(critic)(features, laws, jnp.concatenate([latents[:, None], others], axis=1))
    lost = jax.nn.logsumexp(logits, axis=1) - logits[:, 0]
    return _mean(lost, finite), _mean((logits[:, 0] >= jnp.max(logits, axis=1)).astype(float), finite)


def _mean(x: jax.Array, finite: jax.Array) -> jax.Array:
    return jnp.sum(jnp.where(finite, x, 0.0)) / jnp.maximum(jnp.sum(finite), 1)


def _check(setup: Setup, data: Prepared, key: jax.Array, of_law: jax.Array, state: State) -> State:
    """Keeps the averaged parameters where they lose less than any before on the held-out half that chooses."""
    latents, values, finite = choosing(setup, data)

    def law(state: State) -> State:
        loss = _law_loss(setup, data, state.law_average, latents, values, finite)
        return state._replace(law_best=_better(state.law_best, state.law_average, loss))

    def ratio(state: State) -> State:
        # Always against the same draws of q.
        rows = state.law_best.parameters, state.ratio_average
        loss, _ = _ratio_loss(setup, data, jax.random.key(0), *rows, latents, values, finite)
        return state._replace(ratio_best=_better(state.ratio_best, state.ratio_average, loss))

    return jax.lax.cond(of_law, law, ratio, state)


def choosing(setup: Setup, data: Prepared) -> tuple[jax.Array, jax.Array, jax.Array]:
    """The held-out simulations that choose parameters: latents, data, and whether these are finite."""
    return _held(data, slice(0, setup.first // 2))


def measuring(setup: Setup, data: Prepared) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Those that measure calibration, of which nothing was learnt."""
    return _held(data, slice(setup.first // 2, setup.first))


def _held(data: Prepared, part: slice) -> tuple[jax.Array, jax.Array, jax.Array]:
    values = data.data[part]
    finite = jnp.all(jnp.isfinite(values), axis=(1, 2))
    return data.latents[part], jnp.where(finite[:, None, None], values, 0.0), finite


def _better(best: Best, parameters: jax.Array, loss: jax.Array) -> Best:
    return choose(loss < best.loss, Best(parameters, loss), best)


def _memory(updates: Any) -> jax.Array:
    return jnp.minimum(1.0 - 1.0 / AVERAGED, (1.0 + updates) / (10.0 + updates))


def _simulate(setup: Setup, data: Prepared, key: jax.Array) -> tuple[jax.Array, jax.Array]:
    key, run_key = jax.random.split(key)
    latents = draw_prior(setup, data, key, setup.fresh)
    return latents, simulated(setup, data, run_key, latents)


def _take_in(setup: Setup, data: Prepared, key: jax.Array, state: State) -> State:
    latents, values = _simulate(setup, data, key)
    finite = jnp.all(jnp.isfinite(values), axis=(1, 2))
    return state._replace(ring=rings.write(state.ring, latents, values), dropped=state.dropped + jnp.sum(~finite))
