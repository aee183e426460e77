"""The program replayed at stored draws."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tacit.errors import UnknownVariableError
from tacit.ppl import Deterministic, Normal, plate
from tacit.predictive import CHUNK, posterior_predictive

KEY = jax.random.key(0)


def program(x):
    w = Normal(0.0, 1.0, name="w")
    with plate("N", x.shape[0]):
        mean = Deterministic(w * x, name="mean")
        return Normal(mean, 0.1, name="y")


X = np.array([1.0, 2.0, 3.0], np.float32)


def test_replay_follows_the_draws():
    draws = np.linspace(-5.0, 5.0, 1001).astype(np.float32)
    y = posterior_predictive(KEY, program, {"w": draws}, inputs={"x": X})["y"]
    assert y.shape == (1001, 3)
    residual = (y - draws[:, None] * X) / 0.1
    # Four standard errors over 3,003 independent standard normal residuals.
    assert abs(residual.mean()) < 4 / np.sqrt(3003)
    assert abs(residual.std() - 1) < 4 / np.sqrt(2 * 3003)


def test_a_draw_does_not_depend_on_how_many_are_asked_for():
    draws = np.zeros(CHUNK + 5, np.float32)
    many = posterior_predictive(KEY, program, {"w": draws}, inputs={"x": X})["y"]
    few = posterior_predictive(KEY, program, {"w": draws[:3]}, inputs={"x": X})["y"]
    np.testing.assert_array_equal(many[:3], few)
    assert many.shape == (CHUNK + 5, 3)
    assert len(np.unique(many[:, 0])) == CHUNK + 5


def test_new_inputs_and_chosen_variables():
    inputs = {"x": np.array([10.0], np.float32)}
    values = posterior_predictive(KEY, program, {"w": np.ones(4, np.float32)}, inputs=inputs, variables=["mean"])
    assert set(values) == {"mean"}
    np.testing.assert_allclose(values["mean"], np.full((4, 1), 10.0))


def test_sizes_are_static():
    def sized(N):
        z = Normal(0.0, 1.0, name="z")
        return Normal(z * jnp.ones(N), 1.0, name="x")

    assert posterior_predictive(KEY, sized, {"z": np.zeros(2)}, inputs={"N": 7})["x"].shape == (2, 7)


def test_unknown_variables_are_refused():
    with pytest.raises(UnknownVariableError, match="'v'"):
        posterior_predictive(KEY, program, {"v": np.zeros(2)}, inputs={"x": X})
    with pytest.raises(UnknownVariableError, match="slope"):
        posterior_predictive(KEY, program, {"w": np.zeros(2)}, inputs={"x": X}, variables=["slope"])
