"""The ratio estimator under the forward objective: what it learns from, and what new simulations say of it."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from tacit.inference.forward import ring as rings
from tacit.inference.forward.coordinates import (
    beside_now,
    critic_with,
    features_of,
    flow_with,
    has_choice,
    mean_ratio,
    straighten,
    whiten,
)
from tacit.inference.forward.state import Judged, Prepared, Simulations, State
from tacit.inference.state import Rates, Setup, all_finite, choose

# r learns from so many simulations at once.
BATCH = 160
# Half of the groups of simulations that are told apart are each the nearest of so many.
POOL = 512
# New simulations tell, before they are learnt from, whether r has learnt accidents of those it knows by heart. So they
# say how strongly its parameters decay, beside its optimizer's moves: the rate begins so, and its logarithm moves by
# DECAY_STEP at most with each batch of them, within limits: beyond, fine structure was lost (docs/experiments.md). What
# they tell is averaged over TOLD_OVER batches.
FIRST_DECAY, DECAY_STEP, DECAY_LIMITS = 0.1, 0.03, (1e-3, 0.3)
TOLD_OVER = 20.0
# How much more r loses on new simulations than on known ones is asked of so many batches, the last.
REPORTED_OVER = 5.0 * TOLD_OVER
# After this share of the steps it is chosen whether r sees what is summarised number by number too.
CHOOSE_UNTIL = 0.2
CLIP_NORM = 10.0


class Learning(NamedTuple):
    """An update of the ratio estimators, one after the other: their parameters and optimizers, and of those that have
    learnt so far the sums of their losses and of their shares that are right, and whether all was finite."""

    ratio: jax.Array
    optimizer: Any
    loss: jax.Array
    correct: jax.Array
    good: jax.Array


def update_disc(setup: Setup, rates: Rates, data: Prepared, key: jax.Array, state: State) -> State:
    """One update of each of the ratio estimators that learn, on the same simulations of the ring ("Disc")."""
    contrast_key, beside_key = jax.random.split(key)
    groups = contrasts(setup, contrast_key, state)
    logits = _contrast_logits(setup, data, state, *groups)
    # Until it is known whether to see what is summarised number by number too, r learns both ways.
    either = jax.random.bernoulli(beside_key, shape=(len(groups[0]),)).astype(float)
    beside = jnp.where(state.step < CHOOSE_UNTIL * rates.steps, either, beside_now(state))
    rate = rates.disc * setup.disc_optimizer.factor(state.step / rates.steps)

    def learn(number: Any, learning: Learning) -> Learning:
        return _learn(setup, rate, state.judged.log_decay, lambda ratio: logits(ratio, beside), number, learning)

    zero = jnp.zeros(())
    learning = Learning(state.ratio, state.ratio_optimizer, zero, zero, jnp.asarray(True))
    # Not a loop where there is but one.
    one = len(state.ratio) == 1
    learning = learn(0, learning) if one else jax.lax.fori_loop(0, state.learning, learn, learning)
    return state._replace(
        ratio=learning.ratio,
        ratio_optimizer=learning.optimizer,
        loss_disc=learning.loss / state.learning,
        correct=learning.correct / state.learning,
        skipped=state.skipped + ~learning.good,
    )


def _learn(
    setup: Setup,
    rate: jax.Array,
    log_decay: jax.Array,
    logits: Callable[[jax.Array], jax.Array],
    number: Any,
    learning: Learning,
) -> Learning:
    """The update of one of them."""
    own = jax.tree.map(lambda x: x[number], (learning.ratio, learning.optimizer))

    def loss(ratio: jax.Array) -> tuple[jax.Array, jax.Array]:
        of_pairs = logits(ratio)
        return _cross_entropy(of_pairs), _share_right(of_pairs)

    (value, correct), gradient = jax.value_and_grad(loss, has_aux=True)(own[0])
    move, optimizer = ratio_optimizer(setup).update(gradient, own[1], own[0])
    moved = own[0] + rate * (move - jnp.exp(log_decay) * own[0])
    good = all_finite(gradient)
    new = choose(good, (moved, optimizer), own)
    ratio, optimizer = jax.tree.map(lambda x, row: x.at[number].set(row), (learning.ratio, learning.optimizer), new)
    return Learning(ratio, optimizer, learning.loss + value, learning.correct + correct, learning.good & good)


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
    eps = straighten(state, pool[0])
    distance = jnp.sum((eps[:near, None] - eps) ** 2, axis=-1)
    _, members = jax.lax.top_k(-distance, apart[0].shape[1])
    latents, simulated, finite = (jnp.concatenate([a, x[members]]) for a, x in zip(apart, pool, strict=True))
    return latents, simulated, finite


def _contrast_logits(
    setup: Setup, data: Prepared, state: State, latents: jax.Array, simulated: jax.Array, finite: jax.Array
) -> Callable[[jax.Array, jax.Array], jax.Array]:
    """(groups, K, K): r of each data set and all latents of its group, of latents (groups, K, G), data (groups, K, N,
    D), and whether those are finite. A function of a ratio estimator's parameters and, for each group, of whether what
    is summarised is seen number by number too."""
    groups, size = latents.shape[:2]

    def flat(x: jax.Array) -> jax.Array:
        return x.reshape(-1, *x.shape[2:])

    eps, bent, _ = whiten(flow_with(setup, data, state.flow_average), state, flat(latents))
    features = features_of(setup, data, state, flat(simulated), ~flat(finite))

    def logits(ratio: jax.Array, beside: jax.Array) -> jax.Array:
        critic = critic_with(setup, data, ratio)
        of_data, of_latents = critic.of_data(features, jnp.repeat(beside, size)), critic.of_latents(eps, bent)
        return critic.pairs(
            of_data.reshape(groups, -1, of_data.shape[-1]), of_latents.reshape(groups, -1, of_latents.shape[-1])
        )

    return logits


def _cross_entropy(logits: jax.Array) -> jax.Array:
    """Of telling which of the latents (..., K, K) made each data set: the one of its own number."""
    own = jnp.diagonal(logits, axis1=-2, axis2=-1)
    return jnp.mean(jax.nn.logsumexp(logits, axis=-1) - own)


def _share_right(logits: jax.Array) -> jax.Array:
    """The share of data sets whose own latents have the largest logit."""
    return jnp.mean(jnp.diagonal(logits, axis1=-2, axis2=-1) >= jnp.max(logits, axis=-1))


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

    def asked(pool: Simulations, beside: jax.Array) -> tuple[jax.Array, jax.Array]:
        """r's loss on these, and by how much it would rise were all parameters larger alike."""
        near = groups // 2
        apart = tuple(x[near * size : groups * size].reshape(groups - near, size, *x.shape[1:]) for x in pool)
        logits = _contrast_logits(setup, data, state, *_with_near(state, apart, pool, near))

        def of(ratio: jax.Array) -> jax.Array:
            return _cross_entropy(mean_ratio(state, lambda row: logits(row, jnp.full(groups, beside)), ratio))

        return jax.jvp(of, (state.ratio_average,), (state.ratio_average,))

    new = latents, jnp.where(finite[:, None, None], simulated, 0.0), finite
    known = rings.middle(state.ring, len(latents))
    # What is reported in the end is asked of the last batches, and what is chosen until it is.
    ending = state.step >= rates.steps * (1.0 - REPORTED_OVER / rates.rounds)
    choosing = state.step < CHOOSE_UNTIL * rates.steps
    chosen = beside_now(state)
    questions = [(new, chosen, jnp.asarray(True)), (known, chosen, ending)]
    if has_choice(setup.layout):
        questions.append((new, 1.0 - chosen, choosing))
    stacked = jax.tree.map(lambda *each: jnp.stack(each), *questions)

    def answer(question: tuple[Simulations, jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        pool, beside, due = question
        return jax.lax.cond(due, asked, lambda *_: (jnp.full((), jnp.nan),) * 2, pool, beside)

    # One program for all questions: it is compiled once.
    values, slopes = jax.lax.map(answer, stacked)
    now = jnp.where(jnp.isfinite(slopes[0]), slopes[0], 0.0)

    def told(average: jax.Array, now: jax.Array) -> jax.Array:
        return average + jnp.where(jnp.isfinite(now), now - average, 0.0) / TOLD_OVER

    pull, square = told(judged.pull, now), told(judged.square, now**2)
    low, high = DECAY_LIMITS
    moved = judged.log_decay + DECAY_STEP * pull / jnp.sqrt(jnp.maximum(square, 1e-30))
    gain = judged.beside
    if has_choice(setup.layout):
        # By how much less r loses where it sees what is summarised number by number too.
        gain = told(gain, jnp.where(chosen > 0, 1.0, -1.0) * (values[2] - values[0]))
    gap = told(judged.gap, values[0] - values[1])
    return Judged(jnp.clip(moved, jnp.log(low), jnp.log(high)), pull, square, gain, gap)


def ratio_optimizer(setup: Setup) -> optax.GradientTransformation:
    return optax.chain(optax.clip_by_global_norm(CLIP_NORM), setup.disc_optimizer.transformation())
