"""The rule by which a fit ends early, on losses that are made up."""

import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tacit.inference import stopping
from tacit.inference.rounds import clock
from tacit.inference.state import Rates, Setup

BUDGET = 1000
# The step at which q no longer travelled.
ARRIVED = jnp.asarray(250)


def setup(*, calibrated):
    return types.SimpleNamespace(calibrated=calibrated, restarts=1, method="implicit_klqp" if calibrated else "klqp")


def total(losses, *, calibrated=False, tolerance=1.0):
    """The total after the losses of a whole budget, one a step."""
    here: Setup = setup(calibrated=calibrated)
    rates = Rates(*(jnp.float32(x) for x in (BUDGET, 0.1, 0.1, 2.0, tolerance, 0, 0, 0, 1)))

    def one(seen, step_and_loss):
        step, loss = step_and_loss
        state = types.SimpleNamespace(step=step, arrived=ARRIVED, loss_gen=loss, loss_disc=loss)
        return stopping.watch(here, rates, state, seen), seen.total

    steps = jnp.arange(1, BUDGET + 1)
    seen, _ = jax.lax.scan(one, stopping.start(here, rates), (steps, jnp.asarray(losses, jnp.float32)))
    return int(seen.total)


NOISE = np.random.default_rng(0).normal(size=BUDGET)
STEPS = np.arange(BUDGET)


def test_a_loss_that_falls_uses_the_budget():
    assert total(-STEPS + NOISE) == BUDGET
    assert total(1e6 - STEPS + NOISE) == BUDGET


def test_a_flat_loss_ends_the_fit_at_the_first_comparison():
    assert total(NOISE, tolerance=10.0) == int(np.ceil(451.5 / 0.9))
    assert total(1e6 + NOISE, tolerance=10.0) == int(np.ceil(451.5 / 0.9))


def test_a_loss_that_becomes_flat_ends_it_then():
    falls_until_600 = -np.minimum(STEPS, 600) + 0.1 * NOISE
    assert 700 / 0.9 <= total(falls_until_600, tolerance=3.0) <= 704 / 0.9


def test_without_a_tolerance_it_never_ends_early():
    assert total(np.zeros(BUDGET), tolerance=-1.0) == BUDGET


def test_a_loss_that_is_never_finite_is_not_waited_for():
    assert total(np.full(BUDGET, np.nan)) < BUDGET


@pytest.mark.parametrize("made", [450, 500, 555, 700])
def test_a_shortened_fit_that_is_calibrated_begins_its_calibration_at_the_next_step(made):
    """Whatever the step at which the last round had begun."""
    shortened = int(np.ceil((made + 1.5) / 0.75))
    here = setup(calibrated=True)
    rates = Rates(*(jnp.float32(x) for x in (shortened, 0.1, 0.1, 2.0, 1.0, 0, 0, 0, 1)))
    learnt = []
    for step in range(made, shortened):
        state = types.SimpleNamespace(step=jnp.asarray(step), frame_age=jnp.asarray(step - 350), arrived=ARRIVED)
        now = clock(here, rates, state)
        assert not now.due
        learnt.append(bool(now.learnt))
        assert bool(now.learning) == (not any(learnt))
    assert learnt[:3].count(True) == 1
    assert sum(learnt) == 1


def test_calibrated_fits_are_judged_while_the_ratio_estimator_learns():
    flat = total(NOISE, calibrated=True, tolerance=10.0)
    assert flat == int(np.ceil(451.5 / 0.75))
