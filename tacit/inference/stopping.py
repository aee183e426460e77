"""Whether a fit may end before its budget of steps is spent: when the loss it is minimising is flat.

The rule. Once q no longer travels, the loss is averaged over windows of a twentieth of the budget. It is flat when the
means of two successive windows differ by less than `tolerance` standard errors of that difference. Then the total of
the steps is shortened so that the closing part of the fit begins at once: where r is calibrated, its calibration, in
which q makes its last moves; else the steps over which q is averaged. The total never exceeds the budget.

The loss watched is the one that falls at that time: the ratio estimator's where r is calibrated, since q then rests
while r learns; else the variational loss.

All of it is arithmetic on the state of the fit, inside the compiled loop: where a fit ends depends neither on the
speed of the machine nor on where its chunks, or a checkpoint, divide it.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from tacit.inference.implicit_klqp import AVERAGED
from tacit.inference.rounds import CALIBRATE, settled_for
from tacit.inference.state import Rates, Setup, State, choose

WINDOW = 0.05
SHORTEST_WINDOW = 20


class Window(NamedTuple):
    """How many finite losses were seen, their mean, and the sum of squares around it; each () or one per restart."""

    count: jax.Array
    mean: jax.Array
    squares: jax.Array


class Watch(NamedTuple):
    """`total`: steps to make, the budget or fewer. `now`, `before`: the window being filled and the last full one."""

    total: jax.Array
    now: Window
    before: Window


def start(setup: Setup, rates: Rates) -> Watch:
    """Before the first step: the whole budget lies ahead, or the few steps that may be enough."""
    zero = jnp.zeros(() if setup.restarts == 1 else setup.restarts)
    empty = Window(zero, zero, zero)
    return Watch(jnp.where(rates.few > 0, rates.few, rates.steps).astype(int), empty, empty)


def watch(setup: Setup, rates: Rates, state: State, seen: Watch) -> Watch:
    """Takes the losses of the step just made in, and shortens the total once they are flat.

    Args:
      rates: `steps` is the budget; `tolerance` below zero never stops.
    """
    end = CALIBRATE if setup.calibrated else 1.0 - AVERAGED
    length = jnp.maximum(SHORTEST_WINDOW, jnp.floor(WINDOW * rates.steps))
    made = settled_for(rates, state)
    active = (made > 0) & (state.step < end * rates.steps) & (seen.total >= rates.steps)
    now = choose(active, _add(seen.now, state.loss_disc if setup.calibrated else state.loss_gen), seen.now)
    full = active & (made % length == 0)
    flat = full & (made > length) & (rates.tolerance >= 0) & jnp.all(_flat(seen.before, now, rates.tolerance))
    # A step more than the share asks for, so that rounding cannot put the closing part's first step into the past.
    shortened = jnp.ceil((state.step + 1.5) / end).astype(int)
    return Watch(
        jnp.where(flat, jnp.minimum(shortened, seen.total), seen.total),
        choose(full, jax.tree.map(jnp.zeros_like, now), now),
        choose(full, now, seen.before),
    )


def _add(window: Window, loss: jax.Array) -> Window:
    """Welford's update, which keeps its precision where losses are large and their differences small."""
    finite = jnp.isfinite(loss)
    count = window.count + finite
    off = jnp.where(finite, loss - window.mean, 0.0)
    mean = window.mean + off / jnp.maximum(count, 1.0)
    return Window(count, mean, window.squares + jnp.where(finite, off * (loss - mean), 0.0))


def _flat(before: Window, now: Window, tolerance: jax.Array) -> jax.Array:
    """Whether two windows have one mean; a window without any finite loss has nothing to wait for."""
    variance = sum(w.squares / jnp.maximum(w.count - 1.0, 1.0) / jnp.maximum(w.count, 1.0) for w in (before, now))
    nothing = (before.count == 0) | (now.count == 0)
    return nothing | (jnp.abs(before.mean - now.mean) <= tolerance * jnp.sqrt(variance))
