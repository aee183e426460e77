"""What the ratio estimator sees of a data point."""

import jax.numpy as jnp
import numpy as np
import pytest

from tacit.inference.features import HELD, held_in, nanquantile, whitened


def test_covariates_are_uncorrelated():
    x = np.random.default_rng(0).normal(size=(200, 3))
    x[:, 1] = 5.0 + x[:, 0] + 0.3 * x[:, 1]
    white = np.asarray(whitened(jnp.asarray(x, jnp.float32)))
    np.testing.assert_allclose(white.mean(axis=0), 0.0, atol=1e-5)
    np.testing.assert_allclose(white.T @ white / 200, np.eye(3), atol=1e-4)


def test_covariates_that_hardly_differ_stay_small_and_constant_ones_are_zero():
    """Two equal columns leave no difference to be seen, one that never changes nothing at all."""
    x = np.random.default_rng(0).normal(size=(200, 1))
    white = np.asarray(whitened(jnp.asarray(np.hstack([x, x + 1e-6, np.ones((200, 1))]), jnp.float32)))
    assert np.max(np.abs(white[:, 0] - white[:, 1])) < 0.1
    np.testing.assert_array_equal(white[:, 2], 0.0)
    assert np.std(white[:, 0]) == pytest.approx(0.5**0.5, abs=0.01)


def test_no_covariates():
    assert whitened(jnp.zeros((5, 0))).shape == (5, 0)


def test_values_are_as_they_are_up_to_a_limit_and_logarithmic_beyond():
    x = jnp.array([-1000.0, -HELD, -1.5, 0.0, 3.9, HELD + 1.0])
    expected = [-HELD - np.log1p(1000.0 - HELD), -HELD, -1.5, 0.0, 3.9, HELD + np.log(2.0)]
    np.testing.assert_allclose(held_in(x), expected, rtol=1e-6)


def test_quantiles_are_those_of_numpy_and_leave_out_what_is_missing():
    x = np.random.default_rng(0).normal(size=(37, 2, 3)).astype(np.float32)
    x[:5, 0, 1] = np.nan
    x[5:9, 1, 0] = -np.nan
    x[:36, 1, 2] = np.nan
    x[3, 0, 0] = -0.0
    shares = [0.0, 0.25, 0.5, 0.9, 1.0]
    np.testing.assert_allclose(nanquantile(jnp.asarray(x), shares), np.nanquantile(x, shares, axis=0), atol=1e-6)
    assert np.isnan(nanquantile(jnp.full((4, 1), jnp.nan), [0.5])).all()
