"""What a step does: a fit is a sequence of rounds, each with a frame at rest.

In a round r first learns, then rests while its error is measured and q moves; then the frame jumps to q. Short rounds
while q travels from the prior, two longer ones, and a last one for the rest of the steps. q travels for as long as it
moves further in a round than r's noise alone moves it, within limits; restarts side by side, which share the clock, for
the least.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from tacit.inference.state import Rates, Setup, State

# Shares of the steps: short rounds until TRAVEL at least and TRAVEL_MOST at most, two more for SETTLING; in the last
# round r learns until CALIBRATE.
TRAVEL, TRAVEL_MOST = 0.25, 0.45
SETTLING = 0.1
CALIBRATE = 0.75
# The share of its trust region that q goes through in a round while it travels: on its way it is 0.7 to 1, and where it
# is at home, for r's noise, still 0.1 to 0.5.
TRAVELS = 0.6
# Without calibration, r's running average is taken over for Gen every so many steps, or more; see `snapshot_interval`.
SNAPSHOT = 25
# Steps of a short round (without calibration, of at least so many snapshots), and the share of a round for which r
# learns.
ROUND = 50
ROUND_SNAPSHOTS = 4
LEARN = 0.6
# Steps (at most this share of r's rest) for which calibration begins before q moves.
HEAD_START = 20
HEAD_START_SHARE = 0.3


class Clock(NamedTuple):
    """Where a fit is in its rounds.

    Attributes:
      travelling: in the short rounds.
      learning: r learns; it rests otherwise.
      learnt: r has just stopped learning.
      moving: q moves.
      due: after this step the frame jumps to q.
      memory: the weight that calibration keeps from one step to the next.
    """

    travelling: jax.Array
    learning: jax.Array
    learnt: jax.Array
    moving: jax.Array
    due: jax.Array
    memory: jax.Array


def settled_for(rates: Rates, state: State) -> jax.Array:
    """Steps made since the last round was due to begin; negative before."""
    return jnp.where(state.arrived == 0, -1.0, state.step - jnp.floor(state.arrived + SETTLING * rates.steps))


def arrival(rates: Rates, state: State, due: jax.Array, moved: jax.Array | None) -> jax.Array:
    """The new `arrived`: the step at which the short rounds ended, 0 before.

    Args:
      due: a round ends with this step.
      moved: the share of the trust region that q has gone through; None where the clock decides alone.
    """
    progress = (state.step + 1) / rates.steps
    over = progress >= TRAVEL
    if moved is not None:
        over &= due & ((moved < TRAVELS) | (progress >= TRAVEL_MOST))
    return jnp.where((state.arrived == 0) & over, state.step + 1, state.arrived)


def snapshot_interval(setup: Setup) -> int:
    """Steps between two snapshots of r without calibration. A snapshot may sum features of all data points: with
    many of them it is taken so seldom that this costs no more than the points simulated in the meantime."""
    simulated = setup.latent_samples * setup.points * setup.disc_updates
    return max(SNAPSHOT, -(-setup.layout.num_points // simulated)) if setup.summed else SNAPSHOT


def clock(setup: Setup, rates: Rates, state: State) -> Clock:
    """Without calibration r learns and q moves throughout; with the exact likelihood there are no rounds."""
    age = state.frame_age
    travelling, last = state.arrived == 0, settled_for(rates, state) >= 0
    longer = SETTLING / 2 * rates.steps
    # The last round ends with the fit, whose total may have been shortened since the round began.
    begun = state.step - age
    length = jnp.where(travelling, ROUND, jnp.where(last, rates.steps - begun, longer))
    learn = jnp.floor(jnp.where(last, CALIBRATE * rates.steps - begun, LEARN * length))
    rest = jnp.maximum(length - learn, 1.0)
    due = ~last & (age >= length - 1)
    if not setup.calibrated:
        half = max(ROUND, ROUND_SNAPSHOTS * snapshot_interval(setup)) // 2
        due = ~last & (age >= 2 * half - 1)
        moving = jnp.asarray(True) if setup.method == "klqp" else age >= half
        return Clock(travelling, jnp.asarray(True), jnp.asarray(False), moving, due & travelling, jnp.ones(()))
    moving = age >= learn + jnp.minimum(HEAD_START, HEAD_START_SHARE * rest)
    return Clock(travelling, age < learn, age == learn, moving, due, jnp.maximum(1.0 - 3.0 / rest, 0.0))
