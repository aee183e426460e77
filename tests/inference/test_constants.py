"""Observed numbers that never vary in the simulator are left out where they contradict it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tacit.inference import InferenceOptions, Problem, constants, initialize, load, save
from tacit.inference.reliability import _left_out as sentences
from tacit.ppl import Bernoulli, HalfNormal, Implicit, Normal, external, plate

SHORT = InferenceOptions(steps=100, simulations=400)


def begun(problem, options=SHORT):
    session = initialize(jax.random.key(0), problem, options=options)
    return session, constants.described(session.setup.layout, session.data.left_out)


def _ten_first(key, theta):
    return jnp.concatenate([jnp.full((1,), 10.0), theta + 0.5 * jax.random.normal(key, (3,))])


def _ten_first_outside(rng, theta):
    return np.concatenate([[10.0], theta + 0.5 * rng.standard_normal(3)])


OUTSIDE = external(_ten_first_outside, shape=(4,))


def log_program(sampler):
    def program():
        theta = Normal(0.0, 1.0, name="theta")
        Implicit(sampler, theta, name="log")

    return program


@pytest.mark.parametrize("sampler", [_ten_first, OUTSIDE], ids=["jax", "outside"])
def test_a_number_that_contradicts_the_simulator_is_left_out_and_told(sampler):
    session, found = begun(Problem(log_program(sampler), observed={"log": np.float32([11.0, 0.4, 0.9, 0.1])}))
    assert found == {"count": 1, "place": "log[0]", "simulated": 10.0, "observed": 11.0}
    np.testing.assert_array_equal(session.data.arrays.observed["log"][0], np.float32([10.0, 0.4, 0.9, 0.1]))
    (sentence,) = sentences({"left_out": found})
    assert sentence.startswith("The simulator always makes 10 for log[0], and the data have 11. No values")


def test_a_number_that_agrees_up_to_rounding_is_kept():
    session, found = begun(Problem(log_program(_ten_first), observed={"log": np.float32([10.000002, 0.4, 0.9, 0.1])}))
    assert found == {}
    assert session.data.arrays.observed["log"][0, 0] != 10.0


def test_a_checkpoint_remembers_what_was_left_out():
    problem = Problem(log_program(_ten_first), observed={"log": np.float32([11.0, 0.4, 0.9, 0.1])})
    session, found = begun(problem)
    again = load(problem, save(session), options=SHORT)
    assert constants.described(again.setup.layout, again.data.left_out) == found
    assert again.data.arrays.observed["log"][0, 0] == 10.0


def test_a_rare_event_is_no_contradiction():
    """No simulation at the prior has the event, but other rates make it common."""

    def program(N):
        rate = Normal(-20.0, 1.0, name="logit")
        with plate("N", N):
            Bernoulli(logits=rate, name="case")

    problem = Problem(program, observed={"case": np.int32([0, 0, 1, 0] * 4)}, inputs={"N": 16})
    session, found = begun(problem)
    assert int(session.setup.layout.num_points) == 16
    assert found == {}
    assert int(session.data.arrays.observed["case"].sum()) == 4


def _weights(key, start, growth, noise):
    """The first of the weights is the one at birth, which is given."""
    grown = start[:, None] + growth * jnp.arange(3.0)
    return grown + noise * jax.random.normal(key, grown.shape) * jnp.array([0.0, 1.0, 1.0])


def weights_program(start):
    growth = Normal(1.0, 1.0, name="growth")
    noise = HalfNormal(0.5, name="noise")
    with plate("N", len(start)):
        Implicit(_weights, start, growth, noise, name="weight", event_dim=1)


@pytest.mark.parametrize("count", [12, 400])
def test_what_follows_from_a_covariate_is_a_constant_of_each_point(count):
    """With 400 points not every point is simulated at the prior."""
    start = np.linspace(1.0, 2.0, count, dtype=np.float32)
    weight = start[:, None] + np.arange(3, dtype=np.float32) + np.float32([0.0, 0.1, -0.1])
    weight[:, 0] += 0.25
    problem = Problem(weights_program, observed={"weight": weight}, inputs={"start": start}, axes={"start": ("N",)})
    session, found = begun(problem, InferenceOptions(steps=100, objective="reverse"))
    assert (found["count"], found["place"], found["simulated"]) == (count, "weight[0, 0]", 1.0)
    kept = np.asarray(session.data.arrays.observed["weight"])
    np.testing.assert_array_equal(kept[:, 0], start)
    np.testing.assert_array_equal(kept[:, 1:], weight[:, 1:])
    assert f"{count - 1} other numbers contradict the simulator too. " in sentences({"left_out": found})[0]


def test_where_all_agrees_nothing_is_changed():
    start = np.linspace(1.0, 2.0, 12, dtype=np.float32)
    weight = start[:, None] + np.arange(3, dtype=np.float32) + np.float32([0.0, 0.1, -0.1])
    problem = Problem(weights_program, observed={"weight": weight}, inputs={"start": start}, axes={"start": ("N",)})
    session, found = begun(problem, InferenceOptions(steps=100, objective="reverse"))
    assert found == {}
    np.testing.assert_array_equal(session.data.arrays.observed["weight"], weight)
