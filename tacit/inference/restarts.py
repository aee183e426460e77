"""Fits of one problem with different seeds, side by side in one compiled program.

The states of R restarts are one state with R along axis 0 of every array but the clock's, which all share: so what a
step does is decided once, and a branch not taken costs nothing. A single fit has no such axis.

Which restart is best? The variational loss under the exact likelihood tells. A ratio estimator knows the likelihood
only up to a function of the data, so the losses that restarts report of themselves cannot be compared. But under *one*
estimator that function is the same for every q. So each q is judged under every restart's estimator, its calibration
included, and the sum over estimators decides; it is lopsided towards none, since each judges its own q and all others.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from tacit.inference import families, implicit_klqp, laws
from tacit.inference.families import GaussianBlocks
from tacit.inference.state import Data, Setup, State

# What all restarts have in common.
CLOCK = ("step", "frame_age", "arrived")
AXES = State(*(None if name in CLOCK else 0 for name in State._fields))
# Estimates of the loss, each from `gen_samples` draws, that a judgement averages over.
ESTIMATES = 64


def init(setup: Setup, key: jax.Array, data: Data) -> State:
    """The state of all restarts before the first step."""
    if setup.restarts == 1:
        return implicit_klqp.init(setup, key, data)
    start: Callable[[jax.Array], State] = jax.vmap(lambda k: implicit_klqp.init(setup, k, data), out_axes=AXES)
    return start(jax.random.split(key, setup.restarts))


def each(setup: Setup, step: Callable[[State], State]) -> Callable[[State], State]:
    """A step of one fit as a step of all restarts."""
    return step if setup.restarts == 1 else jax.vmap(step, in_axes=(AXES,), out_axes=AXES)


def one(setup: Setup, state: State, number: int) -> State:
    """The state of restart `number`."""
    if setup.restarts == 1:
        return state
    parts = zip(state, AXES, strict=True)
    return State(*(part if axis is None else jax.tree.map(lambda x: x[number], part) for part, axis in parts))


def judge(setup: Setup, data: Data, key: jax.Array, state: State) -> jax.Array:
    """(R, R): the loss of each restart's averaged q (axis 0) under each restart's estimator (axis 1), all from the same
    noise and the same points."""
    keys = jax.random.split(key, ESTIMATES)

    def loss(q: GaussianBlocks, trained: laws.Trained, judging: State) -> jax.Array:
        here, at = judging._replace(q=q), (families.zero_tangent(q), trained)
        return jnp.mean(jax.lax.map(lambda k: implicit_klqp.gen_loss(setup, data, k, here, at), keys))

    by_all = jax.vmap(loss, (None, None, AXES))
    return jax.vmap(by_all, (0, 0, None))(state.q_average, state.trained_average, state)


def best(losses: np.ndarray) -> int:
    """The restart with the least sum over judges; one that is not finite everywhere comes last."""
    return int(np.argmin(np.sum(np.where(np.isfinite(losses), losses, np.inf), axis=1)))
