"""The figures a fit is judged by, on weights whose tail is known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tacit.inference import InferenceOptions, Problem, fit, reliability
from tacit.ppl import Normal, StudentT

FIGURES = {
    "method": "implicit_klqp",
    "k_hat": 0.1,
    "effective_draws": 500.0,
    "proposed_draws": 1000,
    "moved": 0.0,
    "skipped_updates": 0,
    "calibration_moved": 0.5,
    "ratio_correct": 0.2,
    "ratio_chance": 0.0625,
    "dropped_simulations": 0,
    "simulated_points": 1000,
}


def test_weights_that_are_not_finite_cannot_be_judged():
    assert "cannot be judged" in reliability.warnings({**FIGURES, "k_hat": None}, {})[0]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"k_hat": 0.8}, "k-hat is 0.80"),
        ({"moved": 0.4}, "still moving"),
        ({"skipped_updates": 3}, "3 updates were not finite"),
        ({"calibration_moved": 3.0}, "moved the fit by 3.0 standard deviations"),
        ({"ratio_correct": 0.06}, "no better than chance"),
        ({"ratio_correct": 0.999}, "saturated"),
        ({"dropped_simulations": 10}, "1.00% of the simulated points"),
    ],
)
def test_each_fault_has_its_sentence(change, sentence):
    assert reliability.warnings(FIGURES, {"z": np.zeros(3)}) == []
    (warning,) = reliability.warnings({**FIGURES, **change}, {"z": np.zeros(3)})
    assert sentence in warning


def test_a_heavy_tail_of_weights_that_are_all_but_equal_is_no_fault():
    assert reliability.warnings({**FIGURES, "k_hat": 2.0, "effective_draws": 990.0}, {}) == []


def test_infinite_draws_are_named():
    (warning,) = reliability.warnings(FIGURES, {"z": np.array([0.0, np.inf])})
    assert "draws of z are not finite" in warning


def heavy():
    z = StudentT(2.0, 0.0, jnp.ones(4), name="z")
    Normal(jnp.sum(z.value) * 1e-3, 1.0, name="x")


def test_a_posterior_with_heavy_tails_is_reported():
    """The data say next to nothing: the posterior is Student's t with 2 degrees of freedom, as no Gaussian is."""
    options = InferenceOptions(method="klqp", steps=1000)
    result = fit(jax.random.key(0), Problem(heavy, observed={"x": 0.0}), options=options, num_draws=4000)
    assert result.diagnostics["k_hat"] > 0.7
    assert "does not reach" in result.warnings[0]


def test_the_latent_is_named_where_least_is_held_of_what_should_be():
    calibration = {"coverage_50": {"a": 0.5, "b": 0.38}, "coverage_90": {"a": 0.89, "b": 0.94}}
    assert reliability.coverage_in_words(calibration) == (
        "90% intervals of b hold 94% of the latents that made held-out simulations, 50% intervals 38%"
    )
