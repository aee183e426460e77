"""The figures a fit is judged by, on weights whose tail is known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tacit.inference import InferenceOptions, Problem, fit, reliability
from tacit.ppl import HalfCauchy, Normal, StudentT, plate

FIGURES = {
    "method": "implicit_klqp",
    "k_hat": 0.1,
    "effective_draws": 500.0,
    "proposed_draws": 1000,
    "moved": 0.0,
    "skipped_updates": 0,
    "travelled": 0.2,
    "widest": 0.5,
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
        ({"ratio_correct": 0.06}, "no better than chance"),
        ({"ratio_correct": 0.999}, "saturated"),
        ({"dropped_simulations": 10}, "1.00% of the simulated points"),
    ],
)
def test_each_fault_has_its_sentence(change, sentence):
    assert reliability.warnings(FIGURES, {"z": np.zeros(3)}) == []
    (warning,) = reliability.warnings({**FIGURES, **change}, {"z": np.zeros(3)})
    assert sentence in warning


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"travelled": 0.93}, "it went 93% of as far as it may go in one"),
        ({"moved": 1.35}, "by 1.35 posterior standard deviations"),
        ({"widest": 74.0}, "up to 74.0 times those of the prior"),
        ({"objective": "forward", "k_hat": 1.2}, "Pareto k-hat is 1.20: above 1"),
        ({"k_hat": None}, "not finite or too uneven to tell anything"),
    ],
)
def test_a_fit_that_has_not_arrived_has_a_reason_and_a_way_out(change, reason):
    assert reliability.not_converged(FIGURES) is None
    sentence = reliability.not_converged({**FIGURES, **change})
    assert sentence.startswith("The fit has not converged: ")
    assert reason in sentence
    assert "Give it more steps" in sentence


@pytest.mark.parametrize(
    "change",
    [
        {"k_hat": 9.0},  # under the reverse objective few draws of many latents carry the weight
        {"objective": "forward", "k_hat": 1.2, "effective_draws": 990.0},
        {"k_hat": None, "proposed_draws": 50},  # too few to tell
    ],
)
def test_weights_alone_do_not_end_a_fit_that_has_arrived(change):
    assert reliability.not_converged({**FIGURES, **change}) is None


@pytest.mark.parametrize("method", ["klqp", "implicit_klqp"])
def test_no_sentence_calls_a_wrong_posterior_usable(method):
    (sentence,) = reliability.warnings({**FIGURES, "method": method, "k_hat": 5.0}, {})
    assert "usable" not in sentence
    assert "Do not rely on this posterior" in sentence
    assert ("ratio estimator" in sentence) == (method == "implicit_klqp")


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
    assert "heavier tails" in result.warnings[0]
    assert result.not_converged is None


def steep(x):
    """A regression on raw scales: a slope that is known 3,000 times better than its prior says, beside an intercept."""
    intercept = Normal(0.0, 300.0, name="intercept")
    slope = Normal(0.0, 300.0, name="slope")
    noise = HalfCauchy(2.5, name="noise")
    with plate("N", len(x)):
        Normal(intercept + slope * x, noise, name="y")


def test_a_fit_that_is_still_travelling_has_not_converged():
    rng = np.random.default_rng(0)
    x = rng.normal(100.0, 15.0, 200).astype(np.float32)
    y = (20.0 + 0.7 * x + rng.normal(0.0, 18.0, 200)).astype(np.float32)
    problem = Problem(steep, observed={"y": y}, inputs={"x": x}, axes={"x": ("N",)})
    result = fit(jax.random.key(0), problem, options=InferenceOptions(steps=400), num_draws=500)
    assert "has not converged" in result.not_converged


def test_the_latent_is_named_where_least_is_held_of_what_should_be():
    calibration = {"coverage_50": {"a": 0.5, "b": 0.38}, "coverage_90": {"a": 0.89, "b": 0.94}}
    assert reliability.coverage_in_words(calibration) == (
        "90% intervals of b hold 94% of the latents that made held-out simulations, 50% intervals 38%"
    )
