import numpy as np
import pytest
from scipy import stats

from model_registry.models import gaussian_mixture
from tests.model_registry.models.running import assert_mean_and_sd, example, log_joint, simulate

MODEL = gaussian_mixture.model


@pytest.mark.parametrize(
    ("mu", "sigma", "theta"),
    [((-2.7, 2.9), (1.0, 1.1), 0.6), ((-0.5, 0.0), (0.3, 2.0), 0.2), ((1.0, 4.0), (3, 1), 0.9)],
)
def test_density_and_simulation(mu, sigma, theta):
    y, mu = example(MODEL)["y"], np.array(mu)
    latents = {"centre": mu.mean(), "gap": mu[1] - mu[0], "sigma": sigma, "theta": theta}
    each = theta * stats.norm.pdf(y, mu[0], sigma[0]) + (1 - theta) * stats.norm.pdf(y, mu[1], sigma[1])
    # Two ordered draws have twice the density of two draws; (centre, gap) -> mu keeps areas.
    prior = np.log(2) + stats.norm.logpdf(mu, 0, 2).sum() + stats.halfnorm.logpdf(sigma, scale=2).sum()
    expected = prior + stats.beta.logpdf(theta, 5, 5) + np.log(each).sum()
    assert log_joint(MODEL, **latents) == pytest.approx(expected, rel=1e-5)

    weights = np.array([theta, 1 - theta])
    mean = weights @ mu
    sd = np.sqrt(weights @ (np.square(sigma) + mu**2) - mean**2)
    simulated = simulate(MODEL, 4000, **latents)
    assert_mean_and_sd(simulated["y"], mean, sd)
    np.testing.assert_allclose(simulated["mu"][0], mu, atol=1e-6)


def test_the_example_is_the_same_everywhere():
    y = MODEL.example["y"]
    assert y.shape == (200,)
    assert y[:3].tolist() == [-1.643, 1.499, -2.629]
    assert np.mean(y < 0) == pytest.approx(0.6, abs=4 * np.sqrt(0.24 / 200))
