"""The regressions: densities and simulations against SciPy, and the data against fits that others published."""

import numpy as np
import pytest
from scipy import special, stats

from model_registry.models import (
    linear_regression_unknown_noise,
    logistic_regression,
    poisson_regression,
    student_t_regression,
)
from tests.model_registry.models.running import assert_mean_and_sd, example, fit_glm, log_joint, simulate

W = [np.zeros(2, np.float32), np.array([-1.0, -1.5], np.float32), np.array([0.9, 0.4], np.float32)]


@pytest.mark.parametrize("w", W)
def test_logistic_regression(w):
    model = logistic_regression.model
    data = example(model)
    p = special.expit(data["x"] @ w)
    expected = stats.norm.logpdf(w, 0, 2.5).sum() + stats.bernoulli.logpmf(data["y"], p).sum()
    assert log_joint(model, w=w) == pytest.approx(expected, rel=1e-5)
    y = simulate(model, 4000, w=w)["y"]
    assert np.all(np.abs(y.mean(axis=0) - p) < 5 * np.sqrt(p * (1 - p) / 4000))


def test_the_shuttle_data_are_those_of_the_paper():
    temperature = np.array(logistic_regression.TEMPERATURE, float)
    x = np.column_stack([np.ones(23), temperature])
    w = fit_glm(x, np.array(logistic_regression.DISTRESS), special.expit, lambda mu: mu * (1 - mu))
    np.testing.assert_allclose(w, [15.0429, -0.2322], atol=5e-5)


@pytest.mark.parametrize("w", W)
def test_poisson_regression(w):
    model = poisson_regression.model
    data = example(model)
    rate = np.exp(data["x"] @ w)
    expected = stats.norm.logpdf(w, 0, 2).sum() + stats.poisson.logpmf(data["y"], rate).sum()
    assert log_joint(model, w=w) == pytest.approx(expected, rel=1e-5)
    y = simulate(model, 4000, w=w)["y"]
    assert np.all(np.abs(y.mean(axis=0) - rate) < 5 * np.sqrt(rate / 4000))


def test_the_elephants_are_poole_s():
    # The published maximum-likelihood fit and its deviance.
    age, matings = (np.array(poisson_regression.ELEPHANTS[name], float) for name in ("age", "matings"))
    x = np.column_stack([np.ones(41), age - 40])
    w = fit_glm(x, matings, np.exp, lambda mu: mu)
    rate = np.exp(x @ w)
    np.testing.assert_allclose([w[0] - 40 * w[1], w[1]], [-1.58201, 0.06869], atol=5e-6)
    deviance = 2 * np.sum(special.xlogy(matings, matings / rate) - (matings - rate))
    assert deviance == pytest.approx(51.01, abs=5e-3)


@pytest.mark.parametrize("w", W)
@pytest.mark.parametrize("scale", [0.2, 1.5])
def test_student_t_regression(w, scale):
    model = student_t_regression.model
    data = example(model)
    law = stats.t(4, data["x"] @ w, scale)
    expected = stats.norm.logpdf(w, 0, 2.5).sum() + stats.halfnorm.logpdf(scale) + law.logpdf(data["y"]).sum()
    assert log_joint(model, w=w, scale=scale) == pytest.approx(expected, rel=1e-5)
    # Quartiles, since the sample standard deviation of t with 4 degrees of freedom has no variance.
    y = simulate(model, 4000, w=w, scale=scale)["y"]
    for p in (0.25, 0.5, 0.75):
        assert np.all(np.abs((y < law.ppf(p)).mean(axis=0) - p) < 5 * np.sqrt(p * (1 - p) / 4000))


def test_the_animals_are_rousseeuw_and_leroy_s():
    # Least squares of log brain on log body, as published with the data.
    body, brain = np.log(student_t_regression.ANIMALS).T
    coefficients = np.linalg.lstsq(np.column_stack([np.ones(28), body]), brain, rcond=None)[0]
    np.testing.assert_allclose(coefficients, [2.5549, 0.4960], atol=5e-5)


@pytest.mark.parametrize("w", W)
@pytest.mark.parametrize("sigma", [0.5, 8.0])
def test_linear_regression_with_unknown_noise(w, sigma):
    model = linear_regression_unknown_noise.model
    data = example(model)
    expected = (
        stats.norm.logpdf(w, 0, 10).sum()
        + stats.halfnorm.logpdf(sigma, scale=10)
        + stats.norm.logpdf(data["y"], data["x"] @ w, sigma).sum()
    )
    assert log_joint(model, w=w, sigma=sigma) == pytest.approx(expected, rel=1e-5)
    y = simulate(model, 4000, w=w, sigma=sigma)["y"]
    assert_mean_and_sd(y, data["x"] @ w, sigma)


def test_the_temperatures_are_those_of_posteriordb():
    # Its data set gives the mean of the series as the prior mean of the intercept.
    y = linear_regression_unknown_noise.TEMPERATURE
    assert len(y) == 62
    assert np.mean(y) == pytest.approx(9.31290322580645, abs=1e-12)
