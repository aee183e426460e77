"""Models that can only be simulated: their draws against laws that are known in special cases, and their data."""

import itertools

import numpy as np
import pytest
from scipy import special, stats

from model_registry.models import growth_curves, lotka_volterra, lotka_volterra_sde, noisy_network, panel_counts
from tacit.errors import NoDensityError
from tests.model_registry.models.running import assert_mean_and_sd, example, fit_glm, run, shapes, simulate


@pytest.mark.parametrize(
    ("module", "observed"),
    [(lotka_volterra_sde, "end"), (growth_curves, "weight"), (panel_counts, "y"), (noisy_network, "y")],
)
def test_there_is_no_density(module, observed):
    rv = shapes(module.model, module.model.example)[observed]
    assert rv.kind == "implicit"
    with pytest.raises(NoDensityError):
        rv.log_prob()


def test_the_stochastic_equations_without_interaction_are_geometric_brownian_motion():
    model = lotka_volterra_sde.model
    start, sigma = example(model)["start"], np.array([0.2, 0.5])
    end = simulate(model, 2000, theta=(0.6, 1e-9, 0.9, 1e-9), sigma=sigma)["end"]
    assert_mean_and_sd(np.log(end), np.log(start) + np.array([0.6, -0.9]), sigma)
    # Noise is of each transition and each population's own.
    flat = np.log(end).reshape(2000, -1)
    correlation = np.corrcoef(flat, rowvar=False) - np.eye(flat.shape[1])
    assert np.abs(correlation).max() < 5 / np.sqrt(2000)


@pytest.mark.parametrize("theta", [(0.55, 0.028, 0.8, 0.024), (1.0, 0.05, 1.0, 0.05)])
def test_the_stochastic_equations_with_hardly_any_noise_are_eulers_method(theta):
    model = lotka_volterra_sde.model
    alpha, beta, gamma, delta = theta
    u, v = example(model)["start"].T
    for _ in range(lotka_volterra_sde.STEPS):
        growth, decline = alpha - beta * v, -gamma + delta * u
        u, v = u * np.exp(growth / lotka_volterra_sde.STEPS), v * np.exp(decline / lotka_volterra_sde.STEPS)
    end = simulate(model, 2000, theta=theta, sigma=(1e-6, 1e-6))["end"]
    np.testing.assert_allclose(end[0], np.column_stack([u, v]), rtol=1e-4)


def test_the_stochastic_equations_stay_finite_where_they_explode():
    end = simulate(lotka_volterra_sde.model, 2000, theta=(2.5, 0.2, 2.5, 0.3), sigma=(3.0, 3.0))["end"]
    assert np.all(np.isfinite(end))


def test_the_transitions_are_the_pelts_in_order():
    data = example(lotka_volterra_sde.model)
    np.testing.assert_array_equal(data["start"][1:], data["end"][:-1])
    np.testing.assert_allclose(np.vstack([data["start"], data["end"][-1:]]), lotka_volterra.PELTS, rtol=1e-6)


def test_growth_curves():
    model = growth_curves.model
    first, first_sd, limit, limit_sd, rate, drift = 5.1, 0.1, 6.3, 0.08, 0.05, 0.02
    latents = dict(first=first, first_sd=first_sd, limit=limit, limit_sd=limit_sd, rate=rate, drift=drift)
    log_weight = np.log(simulate(model, 500, **latents)["weight"])
    t = np.array(growth_curves.AGE, float) - growth_curves.AGE[0]
    kept = np.exp(-rate * t)
    # The moments of an Ornstein-Uhlenbeck process whose start and mean are drawn.
    mean = limit + (first - limit) * kept
    lag = np.exp(-rate * np.abs(t[:, None] - t))
    covariance = (
        first_sd**2 * np.outer(kept, kept)
        + limit_sd**2 * np.outer(1 - kept, 1 - kept)
        + drift**2 / (2 * rate) * (lag - np.outer(kept, kept))
    )
    sd = np.sqrt(np.diag(covariance))
    assert log_weight.shape == (500, 30, 5)
    animals = log_weight.reshape(-1, 5)
    assert_mean_and_sd(animals, mean, sd)
    error = 5 / np.sqrt(len(animals))  # of a correlation, at most
    np.testing.assert_allclose(np.corrcoef(animals, rowvar=False), covariance / np.outer(sd, sd), atol=error)
    between = np.corrcoef(log_weight[:, :, -1], rowvar=False) - np.eye(30)
    assert np.abs(between).max() < 5 / np.sqrt(500)


def test_the_rats_are_those_of_gelfand_and_others():
    # Least squares for each rat, averaged: the weight at 22 days and the daily gain that are published many times over.
    age = np.array(growth_curves.AGE, float) - 22
    gain, middle = np.polyfit(age, growth_curves.RATS.T, 1).mean(axis=1)
    assert growth_curves.RATS.shape == (30, 5)
    assert middle == pytest.approx(242.65, abs=0.01)
    assert gain == pytest.approx(6.186, abs=5e-4)


@pytest.mark.parametrize("sigma", [0.36, 0.8])
def test_panel_counts(sigma):
    model = panel_counts.model
    data = example(model)
    w, trend = np.array([1.6, 0.9, -0.9, 0.3, 0.5], np.float32), -0.1
    person = np.linspace(-1.5, 1.5, 59)
    y = simulate(model, 2000, w=w, trend=trend, tau=1.0, sigma=sigma, person_offset=person)["y"]
    median = np.exp((data["x"] @ w + person)[:, None] + trend * data["visit"])
    mean = median * np.exp(sigma**2 / 2)
    # Means and the chance of no event, since variances of a heavy tail are slow to settle.
    assert np.all(np.abs(y.mean(axis=0) - mean) < 5 * np.sqrt((mean + mean**2 * np.expm1(sigma**2)) / 2000))
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    none = np.exp(-median[..., None] * np.exp(sigma * nodes)) @ (weights / weights.sum())
    assert np.all(np.abs((y == 0).mean(axis=0) - none) < 5 * np.sqrt(none * (1 - none) / 2000) + 1 / 2000)


def test_people_differ_by_tau():
    offset = np.linspace(-2.0, 2.0, 59, dtype=np.float32)
    made = run(panel_counts.model, tau=0.3, person_offset=offset)
    np.testing.assert_allclose(made["person_offset"].log_prob(offset), stats.norm.logpdf(offset), rtol=1e-5)
    np.testing.assert_allclose(made["person"].value, 0.3 * offset, rtol=1e-5)


def test_rates_beyond_counting_stay_counts():
    latents = {"tau": 1.0, "sigma": 1.0, "trend": 0.0, "person_offset": np.zeros(59), "w": [40.0, 0.0, 0.0, 0.0, 0.0]}
    y = simulate(panel_counts.model, 2000, **latents)["y"]
    assert np.all(np.abs(y / np.exp(panel_counts.MAX_LOG_RATE) - 1) < 0.05)


def test_the_seizures_are_those_of_thall_and_vail():
    # Poisson regression without random effects, as published by Venables and Ripley: coefficients and deviance. They
    # had 21 for one of the counts, which is 23.
    table = panel_counts.SEIZURES.copy()
    assert table[7].tolist() == [40, 20, 23, 12, 0, 52, 42]
    table[7, 2] = 21
    counts, (treatment, before, age) = table[:, :4], table[:, 4:].T.astype(float)
    base, age = np.log(before) - np.log(before).mean(), np.log(age) - np.log(age).mean()
    x = np.repeat(np.column_stack([np.ones(59), base, treatment, age, base * treatment]), 4, axis=0)
    x, y = np.column_stack([x, np.tile([0, 0, 0, 1], 59)]), counts.ravel()
    w = fit_glm(x, y, np.exp, lambda mu: mu)
    np.testing.assert_allclose(w, [1.89791, 0.94862, -0.34588, 0.88760, 0.56154, -0.15977], atol=5e-5)
    rate = np.exp(x @ w)
    assert 2 * np.sum(special.xlogy(y, y / rate) - (y - rate)) == pytest.approx(869.07, abs=5e-3)


@pytest.mark.parametrize("noise", [0.1, 1.5])
def test_the_noisy_network(noise):
    model = noisy_network.model
    x = example(model)["x"]
    rng = np.random.default_rng(0)
    w, bias, v = rng.normal(size=(6, 3)), rng.normal(size=3), np.array([3.0, 1.0, 6.0])
    y = simulate(model, 4000, w=w, bias=bias, v=v, intercept=-2.0, noise=noise)["y"]
    # The chance of a label, by quadrature over the disturbances of the three units.
    nodes, weights = np.polynomial.hermite_e.hermegauss(20)
    chance = np.zeros(len(x))
    for index in itertools.product(range(20), repeat=3):
        hidden = np.tanh(x @ w + bias + noise * nodes[list(index)])
        chance += np.prod(weights[list(index)]) / weights.sum() ** 3 * special.expit(hidden @ v - 2.0)
    assert set(np.unique(y)) == {0, 1}
    assert np.all(np.abs(y.mean(axis=0) - chance) < 5 * np.sqrt(chance * (1 - chance) / 4000) + 1 / 4000)


def test_the_crabs_are_campbell_and_mahon_s():
    # Means of the measures, to the digits published with the data; 50 of each kind.
    tables = [kind for _, _, kind in noisy_network.KINDS]
    assert [np.shape(table) for table in tables] == [(50, 5)] * 4
    np.testing.assert_allclose(np.concatenate(tables).mean(axis=0), [15.58, 12.74, 32.11, 36.41, 14.03], atol=5e-3)
    x = noisy_network.model.example["x"]
    np.testing.assert_allclose(x.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(x.std(axis=0, ddof=1), 1, atol=1e-4)
    assert noisy_network.MALE.sum() == 100
