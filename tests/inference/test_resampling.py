"""Importance weights whose tail is known, and posteriors that resampling must reach."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tacit.inference import InferenceOptions, Problem, fit, resampling
from tacit.ppl import Normal, StudentT, plate


@pytest.mark.parametrize("shape", [0.3, 0.9])
def test_k_hat_is_the_shape_of_the_weights_tail(shape):
    """Weights that follow a Pareto law with shape 1 / k have k-hat k (sd about 0.07 at 4,000 draws)."""
    weights = np.random.default_rng(0).pareto(1.0 / shape, 4000) + 1.0
    found = resampling.importance(np.log(weights))
    assert found.k_hat == pytest.approx(shape, abs=0.2)
    assert resampling.usable(found) == (shape < 0.7)


def test_equal_weights_count_every_draw():
    found = resampling.importance(np.random.default_rng(0).normal(0.0, 1e-4, 1000))
    assert found.effective_draws == pytest.approx(1000, rel=1e-3)


@pytest.mark.parametrize(
    ("weights", "worth"),
    [
        (np.full(8000, 1 / 8000), 1000.0),  # a choice of equal draws: none comes twice
        (np.array([0.5, 0.5]), 2.0),  # two draws, whatever their copies
        (np.array([0.5, 0.25, 0.25]), 1 / (0.25 + 2 * 0.0625)),
    ],
)
def test_resampled_draws_are_worth_no_more_than_they_are(weights, worth):
    uniform = np.random.default_rng(0).random(1001)
    assert resampling.worth(resampling.resampled(uniform, weights)) == pytest.approx(worth, rel=1e-3)


def test_draws_where_the_target_has_no_mass_weigh_nothing():
    log_weight = np.random.default_rng(0).normal(size=1000)
    without = resampling.importance(log_weight)
    found = resampling.importance(np.concatenate([log_weight, np.full(200, -np.inf)]))
    assert found.weights[1000:].sum() == 0.0
    # The tail is the same; it is taken of more draws, and begins lower.
    assert found.effective_draws == pytest.approx(without.effective_draws, rel=0.05)
    assert resampling.usable(found)


@pytest.mark.parametrize(
    "weights",
    [np.array([0.0, np.inf] * 100), np.array([0.0, np.nan] * 100), np.zeros(99), np.array([0.0, *[-np.inf] * 999])],
)
def test_weights_that_are_infinite_or_few_cannot_be_judged(weights):
    found = resampling.importance(weights)
    assert found == (None, None, None)
    assert not resampling.usable(found)


def test_each_draw_comes_as_often_as_its_weight_says():
    weights = np.array([0.5, 0.25, 0.2, 0.05])
    uniform = np.random.default_rng(0).uniform(size=41)
    chosen = resampling.resampled(uniform, weights)
    np.testing.assert_array_equal(np.bincount(chosen, minlength=4), [20, 10, 8, 2])
    assert np.any(np.diff(chosen) < 0)  # not in the order of the weights


def test_a_draw_beyond_the_rounded_sum_of_weights_is_the_last():
    almost_one = np.full(3, np.nextafter(1 / 3, 0.0))
    assert resampling.resampled(np.array([np.nextafter(1.0, 0.0), 0.5]), almost_one) == [2]


def bent():
    """z ~ N(0, 1), log scale of y: the posterior of z given y is skewed."""
    z = Normal(0.0, 1.0, name="z")
    with plate("N", 6):
        Normal(0.0, jnp.exp(z), name="y")


OPTIONS = InferenceOptions(method="klqp", steps=1500)
Y = np.array([0.3, -0.1, 0.2, 0.25, -0.2, 0.1], np.float32)
BENT = Problem(bent, observed={"y": Y})


def test_resampled_draws_have_the_quantiles_of_a_posterior_that_is_not_gaussian():
    grid = np.linspace(-6.0, 6.0, 20_001)
    weights = np.exp(-(grid**2) / 2 - 6 * grid - np.exp(-2 * grid) * (Y**2).sum() / 2)
    at = [0.05, 0.25, 0.5, 0.75, 0.95]
    exact = np.interp(at, np.cumsum(weights) / weights.sum(), grid)
    own = fit(jax.random.key(0), BENT, options=OPTIONS, num_draws=4000)
    better = fit(jax.random.key(0), BENT, options=OPTIONS.model_copy(update={"resample": True}), num_draws=4000)
    # Standard errors at 4,000 draws of an sd of 0.27: 0.01 of the outer quantiles, 0.005 of the median.
    np.testing.assert_allclose(np.quantile(better.posterior["z"], at), exact, atol=0.05)
    assert np.abs(np.quantile(own.posterior["z"], at) - exact).max() > 0.08
    assert better.diagnostics["resampled"] is True
    assert better.diagnostics["draws"] == len(better.posterior["z"]) == 4000
    assert better.diagnostics["effective_draws"] <= better.diagnostics["proposed_draws"] == 16_000
    assert better.diagnostics["ess"] <= better.diagnostics["draws"] == 4000
    assert "resampled" not in own.diagnostics


def heavy():
    z = StudentT(2.0, 0.0, jnp.ones(4), name="z")
    Normal(jnp.sum(z.value) * 1e-3, 1.0, name="x")


def test_resampling_by_weights_with_a_heavy_tail_is_refused_in_words():
    options = InferenceOptions(method="klqp", steps=500, resample=True)
    result = fit(jax.random.key(0), Problem(heavy, observed={"x": 0.0}), options=options, num_draws=1000)
    assert result.diagnostics["k_hat"] > 0.7
    assert result.diagnostics["resampled"] is False
    assert len(np.unique(result.posterior["z"][:, 0])) == 1000  # q's own draws, none twice
    assert any("resampling was refused" in warning for warning in result.warnings)


def test_equal_weights_are_worth_all_draws():
    found = resampling.importance(np.full(500, -3.0))
    np.testing.assert_allclose(found.weights, 1.0 / 500)
    assert found.effective_draws == 500
    assert resampling.usable(found)
