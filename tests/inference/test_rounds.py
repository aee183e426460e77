"""What a step costs, and when q moves, whatever the number of data points."""

import types

import jax.numpy as jnp
import pytest

from tacit.inference.rounds import TRAVEL, TRAVEL_MOST, arrival, clock, settled_for, snapshot_interval
from tacit.inference.state import Rates

RATES = Rates(*(jnp.float32(x) for x in (12_000, 0.1, 0.1, 2.0, -1.0, 0, 0, 0, 1)))


def setup(num_points, *, summed=True):
    layout = types.SimpleNamespace(num_points=num_points)
    numbers = {"latent_samples": 16, "points": min(num_points, 512), "disc_updates": 2}
    choices = {"method": "implicit_klqp", "calibrated": False, "summed": summed}
    return types.SimpleNamespace(layout=layout, **numbers, **choices)


@pytest.mark.parametrize("num_points", [1, 500, 200_000, 10_000_000])
def test_summing_the_data_costs_no_more_than_the_simulations_of_the_same_steps(num_points):
    here = setup(num_points)
    interval = snapshot_interval(here)
    assert interval >= 25
    assert num_points / interval <= here.latent_samples * here.points * here.disc_updates
    assert snapshot_interval(setup(num_points, summed=False)) == 25


@pytest.mark.parametrize("num_points", [500, 10_000_000])
def test_q_moves_only_after_a_snapshot_in_its_frame(num_points):
    here = setup(num_points)
    ages = [age for age in range(99, 3000) if bool(clock(here, RATES, state(age)).due)][:1]
    length = ages[0] + 1
    still = next(age for age in range(length) if bool(clock(here, RATES, state(age)).moving))
    assert length == max(100, 4 * snapshot_interval(here)) // 2 * 2
    assert still >= 2 * snapshot_interval(here)


def state(age):
    return types.SimpleNamespace(step=jnp.asarray(10), frame_age=jnp.asarray(age), arrived=jnp.asarray(0))


@pytest.mark.parametrize(
    ("share", "due", "moved", "arrives"),
    [
        (TRAVEL - 0.01, True, 0.1, False),
        (TRAVEL + 0.01, True, 1.0, False),
        (TRAVEL + 0.01, True, 0.7, False),
        (TRAVEL + 0.01, True, 0.5, True),
        (TRAVEL + 0.01, False, 0.5, False),
        (TRAVEL_MOST + 0.01, True, 1.0, True),
        (TRAVEL - 0.01, False, None, False),
        (TRAVEL + 0.01, False, None, True),
    ],
)
def test_q_travels_for_as_long_as_it_moves_further_than_noise_moves_it(share, due, moved, arrives):
    steps = int(share * 12_000)
    here = types.SimpleNamespace(step=jnp.asarray(steps), arrived=jnp.asarray(0))
    arrived = int(arrival(RATES, here, jnp.asarray(due), None if moved is None else jnp.asarray(moved)))
    assert arrived == (steps + 1 if arrives else 0)


def test_it_arrives_once_and_two_longer_rounds_come_before_the_last():
    here = types.SimpleNamespace(step=jnp.asarray(4000), arrived=jnp.asarray(3200))
    assert int(arrival(RATES, here, jnp.asarray(True), jnp.asarray(0.1))) == 3200
    assert float(settled_for(RATES, here)) == 4000 - 3200 - 1200
    assert float(settled_for(RATES, state(0))) < 0
