"""The simulators with one observation: their draws against moments and equations known otherwise."""

import numpy as np
import pytest
from scipy import integrate, stats

from model_registry.models import (
    bernoulli_glm,
    gaussian_linear,
    gaussian_linear_uniform,
    lotka_volterra_noisy,
    sir_counts,
    slcp,
    slcp_distractors,
    two_moons,
    two_scale_mixture,
)
from tests.model_registry.models.running import assert_mean_and_sd, log_joint, simulate


def test_two_moons_is_a_half_circle_moved():
    theta = np.array([-0.5, 0.3])
    x = simulate(two_moons.model, 4000, theta=theta)["x"]
    off = x - np.array([0.25 - 0.2 / np.sqrt(2), 0.8 / np.sqrt(2)])
    radius, angle = np.hypot(*off.T), np.arctan2(off[:, 1], off[:, 0])
    assert_mean_and_sd(radius, 0.1, 0.01)
    assert np.abs(angle).max() <= np.pi / 2
    assert_mean_and_sd(angle, 0.0, np.pi / np.sqrt(12))


def test_two_moons_has_two_modes():
    x, mirrored = (simulate(two_moons.model, 100, theta=np.array(at))["x"] for at in ([-0.5, 0.3], [-0.3, 0.5]))
    np.testing.assert_allclose(x, mirrored, atol=1e-6)


def test_points_of_slcp():
    theta = np.array([0.5, -1.0, -1.2, 0.8, 0.6])
    points = simulate(slcp.model, 2000, theta=theta)["x"].reshape(-1, 2)
    assert_mean_and_sd(points, theta[:2], theta[2:4] ** 2)
    correlation = np.corrcoef(points, rowvar=False)[0, 1]
    assert correlation == pytest.approx(np.tanh(0.6), abs=5 / np.sqrt(8000))


def test_distractors_hide_the_points_and_know_nothing_of_the_parameters():
    theta = np.array([0.5, -1.0, -1.2, 0.8, 0.6])
    x = simulate(slcp_distractors.model, 2000, theta=theta)["x"]
    other = simulate(slcp_distractors.model, 2000, theta=-theta)["x"]
    matters = slcp_distractors.ORDER < 8
    assert np.all(np.any(x[:, matters] != other[:, matters], axis=0))
    np.testing.assert_array_equal(x[:, ~matters], other[:, ~matters])
    inverse = np.argsort(slcp_distractors.ORDER)
    points = x[:, inverse][:, :8].reshape(-1, 2)
    assert_mean_and_sd(points, theta[:2], theta[2:4] ** 2)
    example = np.asarray(slcp_distractors.model.example["x"])
    np.testing.assert_array_equal(example[inverse][:8], slcp.example_data().reshape(-1))


def test_the_mixture_of_distractors_is_that_of_the_benchmark():
    """Numbers as they stand in `gmm.torch` and `permutation_idx.torch` of sbibm 1.1.0."""
    np.testing.assert_allclose(slcp_distractors.CENTRES[[0, 19], [0, 91]], [7.45071229516849, -3.1217528590880956])
    np.testing.assert_allclose(
        slcp_distractors.ROOTS[[0, 3, 19], [91, 0, 91], [0, 0, 91]],
        [2.0083151146274054, -3.6225219353511116, 2.196350891048934],
    )
    np.testing.assert_array_equal(slcp_distractors.ORDER[[0, 1, 2, 97, 98, 99]], [87, 47, 39, 61, 53, 16])


def test_distractors_follow_their_mixture():
    """Along any direction they are a mixture of Student's t laws in one dimension."""
    x = simulate(slcp_distractors.model, 2000, theta=np.zeros(5))["x"]
    distractors = x[:, np.argsort(slcp_distractors.ORDER)][:, 8:]
    directions = np.random.default_rng(0).normal(size=(4, 92))
    for along in directions:
        centres = slcp_distractors.CENTRES @ along
        spreads = np.linalg.norm(along @ slcp_distractors.ROOTS, axis=1)

        def cdf(values, centres=centres, spreads=spreads):
            return stats.t.cdf(values[:, None], 2, centres, spreads).mean(axis=1)

        assert stats.kstest(distractors @ along, cdf).pvalue > 1e-3


def test_the_gaussian_posterior_is_half_the_observation():
    x = np.asarray(gaussian_linear.example_data())
    at_best = log_joint(gaussian_linear.model, theta=x / 2)
    for off in (0.1, -0.2):
        expected = -10 * off**2 / (2 * 0.05)
        assert log_joint(gaussian_linear.model, theta=x / 2 + off) - at_best == pytest.approx(expected, rel=1e-3)


def test_the_uniform_prior_is_flat_within_its_edges():
    x = np.asarray(gaussian_linear_uniform.example_data())
    theta = np.clip(x, -0.9, 0.9)
    change = log_joint(gaussian_linear_uniform.model, theta=theta - 0.05) - log_joint(
        gaussian_linear_uniform.model, theta=theta
    )
    expected = -np.sum((x - theta + 0.05) ** 2 - (x - theta) ** 2) / 0.2
    assert change == pytest.approx(expected, abs=1e-3)


def test_two_scales():
    x = simulate(two_scale_mixture.model, 8000, theta=np.array([3.0, -4.0]))["x"] - np.array([3.0, -4.0])
    near = np.mean(np.hypot(*x.T) < 0.4)
    # The narrow law is all but wholly within 0.4, the wide one for a small part.
    expected = 0.5 * (1 - np.exp(-(0.4**2) / 0.02)) + 0.5 * (1 - np.exp(-(0.4**2) / 2))
    assert near == pytest.approx(expected, abs=5 * np.sqrt(0.25 / 8000))
    assert np.var(x) == pytest.approx((1 + 0.01) / 2, rel=0.1)


def test_spikes_have_their_expected_sums():
    theta = np.concatenate([[0.3], np.linspace(1.5, 0.0, 9)])
    x = simulate(bernoulli_glm.model, 4000, theta=theta)["x"]
    chance = 1 / (1 + np.exp(-bernoulli_glm.DESIGN @ theta))
    design = bernoulli_glm.DESIGN
    assert_mean_and_sd(x, chance @ design, np.sqrt((chance * (1 - chance)) @ design**2))


def test_the_filter_of_spikes_is_smooth():
    prior = np.asarray(simulate(bernoulli_glm.model, 4000)["theta"])
    assert prior[:, 0].var() == pytest.approx(2.0, rel=0.15)
    np.testing.assert_allclose(np.cov(prior, rowvar=False), bernoulli_glm.ROOT @ bernoulli_glm.ROOT.T, atol=0.35)


@pytest.mark.parametrize("rates", [(0.35, 0.11), (0.6, 0.2)])
def test_an_epidemic_has_its_expected_counts(rates):
    beta, gamma = rates

    def derivative(_, z):
        return [-beta * z[0] * z[1], beta * z[0] * z[1] - gamma * z[1]]

    days = 17.0 * np.arange(10)
    exact = integrate.solve_ivp(derivative, (0, days[-1]), [1 - 1e-6, 1e-6], t_eval=days, rtol=1e-9, atol=1e-12)
    counts = simulate(sir_counts.model, 2000, rates=np.array(rates))["infected"]
    share = exact.y[1]
    error = np.sqrt(1000 * share * (1 - share) / 2000)
    assert np.all(np.abs(counts.mean(axis=0) - 1000 * share) < 5 * error + 1e-3)


def test_predator_and_prey_follow_their_equations():
    alpha, beta, gamma, delta = theta = (0.6, 0.025, 0.8, 0.025)

    def derivative(_, z):
        return [alpha - beta * np.exp(z[1]), -gamma + delta * np.exp(z[0])]

    times = 2.1 * np.arange(10)
    exact = integrate.solve_ivp(derivative, (0, times[-1]), np.log([30.0, 1.0]), t_eval=times, rtol=1e-9, atol=1e-9)
    x = simulate(lotka_volterra_noisy.model, 2000, theta=np.array(theta))["x"]
    assert_mean_and_sd(np.log(x), exact.y.reshape(-1), 0.1)
