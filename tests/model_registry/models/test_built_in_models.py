"""The built-in programs say what their descriptions say: densities, noise, and data against independent formulas."""

import numpy as np
import pytest
from scipy import stats

from model_registry.loader import load_registry
from model_registry.models import eight_schools, g_and_k, linear_regression, poisson_rate
from tacit.errors import NoDensityError
from tests.model_registry.models.running import log_joint, run, shapes

MODELS = load_registry().models


def test_poisson_rate():
    counts = [6, 3, 1, 8, 7, 0, 6, 4, 7, 5]
    assert poisson_rate.model.example["x"] == counts
    expected = stats.norm.logpdf(1.5) + stats.poisson.logpmf(counts, np.exp(1.5)).sum()
    np.testing.assert_allclose(log_joint(poisson_rate.model, z=1.5), expected, rtol=1e-5)


def test_eight_schools():
    y, sigma = np.array([28, 8, -3, 7, -1, 1, 18, 12]), np.array([15, 10, 16, 11, 9, 11, 10, 18])
    offset = np.linspace(-1.0, 1.0, 8, dtype=np.float32)
    expected = (
        stats.norm.logpdf(4.0, 0, 5)
        + stats.halfcauchy.logpdf(3.0, scale=5)
        + stats.norm.logpdf(offset).sum()
        + stats.norm.logpdf(y, 4.0 + 3.0 * offset, sigma).sum()
    )
    found = log_joint(eight_schools.model, mu=4.0, tau=3.0, theta_offset=offset)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    trace = run(eight_schools.model, mu=4.0, tau=3.0, theta_offset=offset)
    np.testing.assert_allclose(trace["theta"].value, 4.0 + 3.0 * offset, rtol=1e-6)


def test_linear_regression():
    dataset = linear_regression.model.resolve(linear_regression.model.example)
    x, y = dataset.arrays["x"], dataset.arrays["y"]
    w = np.array([0.5, -1.0, 2.0], dtype=np.float32)
    expected = stats.norm.logpdf(w).sum() + stats.norm.logpdf(y, x @ w, 1.0).sum()
    np.testing.assert_allclose(log_joint(linear_regression.model, w=w), expected, rtol=1e-5)


def test_the_stack_loss_data_are_brownlee_s():
    # Least squares on the original numbers, as published many times over (coefficients and residual sd).
    data = linear_regression.STACK_LOSS
    design = np.column_stack([np.ones(len(data)), data[:, :3]])
    coefficients, squares, *_ = np.linalg.lstsq(design, data[:, 3], rcond=None)
    np.testing.assert_allclose(coefficients, [-39.9197, 0.7156, 1.2953, -0.1521], atol=5e-5)
    np.testing.assert_allclose(np.sqrt(squares / (21 - 4)), linear_regression.RESIDUAL_SD, atol=5e-4)


def test_the_regression_example_is_standardised():
    x, y = (np.asarray(linear_regression.model.example[name]) for name in "xy")
    np.testing.assert_allclose(x.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(x.std(axis=0, ddof=1), 1, atol=1e-4)
    np.testing.assert_allclose(y.mean(), 0, atol=1e-4)


def test_the_g_and_k_quantile_function():
    z = np.linspace(-3, 3, 13)
    # The form of the papers, with exponentials.
    ratio = (1 - np.exp(-2.0 * z)) / (1 + np.exp(-2.0 * z))
    expected = 3 + 1.5 * (1 + 0.8 * ratio) * (1 + z**2) ** 0.5 * z
    np.testing.assert_allclose(g_and_k.quantile(z, 3.0, 1.5, 2.0, 0.5, xp=np), expected, rtol=1e-12)
    np.testing.assert_allclose(g_and_k.quantile(z, 3.0, 1.5, 0.0, 0.0, xp=np), 3 + 1.5 * z)
    assert np.all(np.diff(g_and_k.quantile(z, 0.0, 1.0, 4.0, 0.0, xp=np)) > 0)


def test_the_g_and_k_program_simulates_it():
    points = 20_000
    trace = run(g_and_k.model, data={"y": np.zeros(points)}, A=3.0, B=1.0, g=2.0, k=0.5)
    y = np.asarray(trace["y"].value)
    assert y.shape == (points,)
    for p in (0.05, 0.25, 0.5, 0.75, 0.95):
        below = np.mean(y <= g_and_k.quantile(stats.norm.ppf(p), 3.0, 1.0, 2.0, 0.5, xp=np))
        assert abs(below - p) < 4 * np.sqrt(p * (1 - p) / points)
    # Independent points: each has a key of its own.
    assert len(np.unique(y)) > 0.99 * points


def test_the_g_and_k_program_has_no_density():
    trace = run(g_and_k.model)
    assert trace["y"].kind == "implicit"
    with pytest.raises(NoDensityError):
        trace["y"].log_prob()


def test_the_g_and_k_priors():
    priors = {name: trace for name, trace in run(g_and_k.model).items() if name != "y"}
    at = {"A": 2.0, "B": 0.7, "g": -1.0, "k": 0.4}
    expected = {
        "A": stats.norm.logpdf(2.0, 0, 10),
        "B": stats.lognorm.logpdf(0.7, 1),
        "g": stats.norm.logpdf(-1.0, 0, 2),
        "k": stats.halfnorm.logpdf(0.4),
    }
    found = {name: float(rv.log_prob(at[name])) for name, rv in priors.items()}
    assert found == pytest.approx(expected, rel=1e-5)


def test_the_g_and_k_example_is_the_same_everywhere():
    y = g_and_k.model.example["y"]
    assert y.shape == (500,)
    assert y[:3].tolist() == [2.3355, 5.2572, 9.2286]
    np.testing.assert_array_equal(g_and_k.example_data(), y)
    # Its quantiles lie where those of A = 3, B = 1, g = 2, k = 0.5 do, to within sampling error.
    for p in (0.25, 0.5, 0.75):
        below = np.mean(y <= g_and_k.quantile(stats.norm.ppf(p), 3.0, 1.0, 2.0, 0.5, xp=np))
        assert abs(below - p) < 3 * np.sqrt(p * (1 - p) / 500)


@pytest.mark.parametrize("model", MODELS.values(), ids=list(MODELS))
@pytest.mark.parametrize("size", [1, 2, 7])
def test_every_program_runs_at_every_size(model, size):
    dims = dict.fromkeys(model.dims, size)
    data = {name: np.ones([dims.get(s, s) for s in field.shape]) for name, field in model.data.items()}
    for name, rv in shapes(model, data).items():
        assert rv.shape == tuple(dims.get(s, s) for s in model.variables[name].shape)
