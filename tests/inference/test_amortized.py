"""Inference networks where the exact posterior of every data point is known."""

import jax
import numpy as np
import pytest

from tacit.errors import InferenceError
from tacit.inference import InferenceOptions, Problem, fit, initialize, load, save, update
from tacit.ppl import Normal, plate

KEY = jax.random.key(0)
SD = 0.5


def noisy_lines(t):
    """x_n ~ N(mu + t_n z_n, SD), z_n ~ N(0, 1): how much x_n says of z_n depends on the covariate."""
    mu = Normal(0.0, 1.0, name="mu")
    with plate("N", len(t)):
        z = Normal(0.0, 1.0, name="z")
        Normal(mu + t * z, SD, name="x")


def exact(x, t):
    """Mean and covariance of (mu, z_1..z_N)."""
    rows = np.column_stack([np.ones(len(t)), np.diag(t)])
    covariance = np.linalg.inv(np.eye(len(t) + 1) + rows.T @ rows / SD**2)
    return covariance @ rows.T @ x / SD**2, covariance


@pytest.fixture(scope="module")
def lines():
    rng = np.random.default_rng(0)
    t = rng.uniform(0.2, 2.0, 40).astype(np.float32)
    x = (0.7 + t * rng.normal(size=40) + SD * rng.normal(size=40)).astype(np.float32)
    return Problem(noisy_lines, observed={"x": x}, inputs={"t": t}, axes={"t": ("N",)}), *exact(x, t)


def test_a_network_gives_every_point_its_posterior(lines):
    problem, mean, covariance = lines
    sd = np.sqrt(np.diag(covariance))
    options = InferenceOptions(method="klqp", steps=1500, family="amortized")
    result = fit(KEY, problem, options=options, num_draws=4000)
    draws = np.column_stack([result.posterior["mu"], result.posterior["z"]])
    off, ratio = np.abs(draws.mean(axis=0) - mean) / sd, draws.std(axis=0) / sd
    assert off.max() < 0.12
    assert off.mean() < 0.04
    np.testing.assert_allclose(ratio, 1.0, atol=0.08)
    # The globals and locals of the exact posterior are Gaussian, and so is q: all weights are nearly equal.
    assert result.diagnostics["effective_draws"] > 3600
    correlation = np.corrcoef(draws.T)[0, 1:]
    np.testing.assert_allclose(correlation, covariance[0, 1:] / sd[0] / sd[1:], atol=0.1)


def test_a_network_needs_locals():
    def program(N):
        mu = Normal(0.0, 1.0, name="mu")
        with plate("N", N):
            Normal(mu, 1.0, name="x")

    problem = Problem(program, observed={"x": np.zeros(3, np.float32)}, inputs={"N": 3})
    with pytest.raises(InferenceError, match="family 'amortized' is for latents of each data point"):
        fit(KEY, problem, options=InferenceOptions(family="amortized"))


@pytest.mark.parametrize("family", ["amortized", "flow"])
def test_what_is_trained_beside_the_gaussian_is_saved_and_goes_on_bit_for_bit(lines, family):
    problem = lines[0]
    options = InferenceOptions(method="klqp", steps=100, family=family)
    session = update(initialize(KEY, problem, options=options), 60)
    saved = save(session)
    assert sum(name.startswith("[2].trained") for name in saved) > 6
    trained = jax.tree.leaves(jax.device_get(session.state.trained))
    straight_on = update(session, 40)
    later = update(load(problem, saved, options=options), 40)
    for ours, theirs in zip(
        jax.tree.leaves(later.state.trained), jax.tree.leaves(straight_on.state.trained), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)
    assert not all(np.array_equal(a, b) for a, b in zip(trained, jax.tree.leaves(later.state.trained), strict=True))
