"""Fits whose answer is known: by conjugacy or quadrature. Each also checks a feature of the driver."""

import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pydantic
import pytest

from tacit.errors import DivergedError, InferenceError
from tacit.inference import InferenceOptions, Problem, driver, fit, initialize, load, save, update
from tacit.inference.options import STEPS
from tacit.ppl import HalfNormal, Implicit, Normal, Poisson, plate

KEY = jax.random.key(0)


def regression(x):
    w = Normal(jnp.zeros(x.shape[1]), 1.0, name="w")
    with plate("N", x.shape[0]):
        Normal(x @ w.value, 1.0, name="y")


@pytest.fixture(scope="module")
def conjugate():
    """A regression of 20 points, and the exact mean and standard deviation of its posterior."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20, 2)).astype(np.float32)
    y = (x @ [1.0, -0.5] + rng.normal(size=20)).astype(np.float32)
    covariance = np.linalg.inv(np.eye(2) + x.T @ x)
    problem = Problem(regression, observed={"y": y}, inputs={"x": x}, axes={"x": ("N", "D")})
    return problem, covariance @ x.T @ y, np.sqrt(np.diag(covariance))


@pytest.fixture(scope="module")
def fitted(conjugate):
    return fit(KEY, conjugate[0], num_draws=4000)


def errors(draws, mean, sd):
    """Error of the mean in posterior sds, and the ratio of sds."""
    return np.abs(draws.mean(axis=0) - mean) / sd, draws.std(axis=0) / sd


def test_regression_has_the_conjugate_posterior(conjugate, fitted):
    _, mean, sd = conjugate
    off, ratio = errors(fitted.posterior["w"], mean, sd)
    assert off.max() < 0.15
    np.testing.assert_allclose(ratio, 1.0, atol=0.1)
    assert fitted.warnings == []


def test_diagnostics_tell_the_ratio_estimator_from_chance(fitted):
    figures = fitted.diagnostics
    assert figures["ratio_chance"] == pytest.approx(1 / 16)
    assert figures["ratio_chance"] < figures["ratio_correct"] < 1.0
    assert figures["loss_disc"] < np.log(16)
    assert figures["dropped_simulations"] == figures["skipped_updates"] == 0


def test_losses_end_at_the_last_step(fitted):
    steps = fitted.losses["step"]
    assert steps[-1] == STEPS
    assert np.all(np.diff(steps) > 0)
    assert np.all(np.isfinite(fitted.losses["loss_gen"]))


def test_the_same_key_gives_the_same_draws_bit_for_bit_and_progress_is_reported(conjugate):
    reports = []
    options = InferenceOptions(steps=300)
    first = fit(KEY, conjugate[0], options=options, num_draws=10, on_progress=reports.append)
    second = fit(KEY, conjugate[0], options=options, num_draws=10)
    other = fit(jax.random.key(1), conjugate[0], options=options, num_draws=10)
    np.testing.assert_array_equal(first.posterior["w"], second.posterior["w"])
    assert not np.array_equal(first.posterior["w"], other.posterior["w"])
    assert [r.step for r in reports] == sorted({r.step for r in reports})
    assert reports[-1].step == reports[-1].total == 300
    assert reports[-1].eta_s == 0.0
    # The first chunk may have compiled: nothing is known from it.
    assert (reports[0].step, reports[0].steps_per_s, reports[0].eta_s) == (25, None, None)
    assert all(each.steps_per_s > 0.0 for each in reports[1:])


def test_a_callback_that_raises_ends_the_fit(conjugate):
    class StopNowError(Exception):
        pass

    def stop(progress):
        raise StopNowError

    with pytest.raises(StopNowError):
        fit(KEY, conjugate[0], on_progress=stop)


@pytest.mark.parametrize("ratio_loss", ["log", "hinge"])
def test_pairwise_losses_move_q_to_the_data(conjugate, ratio_loss):
    problem, mean, sd = conjugate
    result = fit(KEY, problem, options=InferenceOptions(ratio_loss=ratio_loss), num_draws=4000)
    off, ratio = errors(result.posterior["w"], mean, sd)
    if ratio_loss == "log":
        assert off.max() < 0.15
        np.testing.assert_allclose(ratio, 1.0, atol=0.1)
    else:  # the hinge loss knows the sign of the log ratio, not its size
        assert off.max() < 1.5


def one_mean(N):
    mu = Normal(0.0, 1.0, name="mu")
    with plate("N", N):
        Normal(mu, 1.0, name="x")


def test_the_empirical_contrast_tells_simulations_from_the_data():
    """The original form is not calibrated, but it must find the data: here 20 posterior sds from the prior's mean."""
    x = np.random.default_rng(0).normal(1.5, 1.0, 200).astype(np.float32)
    options = InferenceOptions(contrast="empirical", steps=4000)
    result = fit(KEY, Problem(one_mean, observed={"x": x}, inputs={"N": 200}), options=options, num_draws=1000)
    off = abs(result.posterior["mu"].mean() - x.sum() / 201) * np.sqrt(201)
    assert off < 3.0
    assert result.diagnostics["ratio_chance"] == 0.5
    assert result.diagnostics["ratio_correct"] > 0.5


def poisson(N):
    z = Normal(0.0, 1.0, name="z")
    with plate("N", N):
        Poisson(jnp.exp(z), name="x")


def test_poisson_rate_has_the_posterior_of_quadrature():
    x = np.array([6, 3, 1, 8, 7, 0, 6, 4, 7, 5])
    z = np.linspace(-3.0, 5.0, 20_001)
    log_density = -(z**2) / 2 + x.sum() * z - len(x) * np.exp(z)
    weights = np.exp(log_density - log_density.max())
    weights /= weights.sum()
    mean = (weights * z).sum()
    sd = np.sqrt((weights * (z - mean) ** 2).sum())
    result = fit(KEY, Problem(poisson, observed={"x": x}, inputs={"N": 10}), num_draws=4000)
    off, ratio = errors(result.posterior["z"], mean, sd)
    assert off < 0.15
    assert ratio == pytest.approx(1.0, abs=0.1)


def local_means(N):
    """z_n ~ N(mu, 1), x_n ~ N(z_n, 1): locals and globals correlate."""
    mu = Normal(0.0, 1.0, name="mu")
    with plate("N", N):
        z = Normal(mu, 1.0, name="z")
        Normal(z, 1.0, name="x")


def test_local_latents_have_the_conjugate_posterior():
    x = np.array([2.0, -1.0, 0.5, 3.0, 1.5], np.float32)
    n = len(x)
    # Precision of (mu, z_1..z_n): the arrow matrix of the joint Gaussian.
    precision = 2.0 * np.eye(n + 1)
    precision[0, 0] = 1.0 + n
    precision[0, 1:] = precision[1:, 0] = -1.0
    covariance = np.linalg.inv(precision)
    mean = covariance @ np.concatenate([[0.0], x])
    result = fit(KEY, Problem(local_means, observed={"x": x}, inputs={"N": n}), num_draws=4000)
    draws = np.column_stack([result.posterior["mu"], result.posterior["z"]])
    off, ratio = errors(draws, mean, np.sqrt(np.diag(covariance)))
    assert off.max() < 0.2
    np.testing.assert_allclose(ratio, 1.0, atol=0.12)
    exact = covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1])
    assert np.corrcoef(draws.T)[0, 1] == pytest.approx(exact, abs=0.1)


def test_simulations_that_fail_are_dropped_and_counted():
    def sampler(key, scale):
        draw = scale * jax.random.normal(key)
        return jnp.where(draw > 2.0, jnp.nan, draw)

    def program(N):
        scale = HalfNormal(1.0, name="scale")
        with plate("N", N):
            Implicit(sampler, scale, name="x")

    x = np.array([0.5, -0.3, 0.1, -0.8, 0.4, 0.0], np.float32)
    result = fit(KEY, Problem(program, observed={"x": x}, inputs={"N": 6}), options=InferenceOptions(steps=300))
    assert result.diagnostics["dropped_simulations"] > 0
    assert any("were dropped" in warning for warning in result.warnings)
    assert np.all(np.isfinite(result.posterior["scale"]))


def test_a_program_that_is_never_finite_stops_with_a_clear_error():
    def program(N):
        z = Normal(0.0, 1.0, name="z")
        with plate("N", N):
            Normal(jnp.log(-1.0 - z**2), 1.0, name="x")

    with pytest.raises(DivergedError, match="not finite"):
        fit(KEY, Problem(program, observed={"x": np.zeros(3, np.float32)}, inputs={"N": 3}))


def test_options_refuse_what_does_not_fit_together():
    with pytest.raises(pydantic.ValidationError, match="needs contrast 'marginal'"):
        InferenceOptions(contrast="empirical", ratio_loss="multiclass")
    with pytest.raises(pydantic.ValidationError, match="step_count"):
        InferenceOptions(step_count=3)


def test_klqp_has_the_conjugate_posterior_and_no_ratio(conjugate):
    problem, mean, sd = conjugate
    result = fit(KEY, problem, options=InferenceOptions(method="klqp", steps=2000), num_draws=4000)
    off, ratio = errors(result.posterior["w"], mean, sd)
    assert off.max() < 0.1
    np.testing.assert_allclose(ratio, 1.0, atol=0.06)
    # A Gaussian family holds a Gaussian posterior: all weights are equal but for noise in q.
    assert result.diagnostics["effective_draws"] > 3600
    assert result.diagnostics["k_hat"] < 0.5
    assert "ratio_correct" not in result.diagnostics


GO_ON = """
import sys
import jax, numpy as np
sys.path.insert(0, sys.argv[1])
from test_fit import RESUMED, regression
from tacit.inference import Problem, fit
arrays = dict(np.load(sys.argv[2]))
data = {name: arrays.pop(f"data/{name}") for name in ("x", "y")}
problem = Problem(regression, observed={"y": data["y"]}, inputs={"x": data["x"]}, axes={"x": ("N", "D")})
result = fit(jax.random.key(99), problem, options=RESUMED, num_draws=50, checkpoint=arrays)
np.savez(sys.argv[3], w=result.posterior["w"], loss_gen=result.losses["loss_gen"])
"""
RESUMED = InferenceOptions(steps=400)


def test_a_fit_goes_on_in_another_process_bit_for_bit(conjugate, tmp_path):
    problem = conjugate[0]
    checkpoints = []
    undisturbed = fit(
        KEY, problem, options=RESUMED, num_draws=50, on_checkpoint=checkpoints.append, checkpoint_seconds=0.0
    )
    assert 0 < checkpoints[1]["history"][-1, 0] < 400
    data = {"data/x": problem.inputs["x"], "data/y": problem.observed["y"]}
    np.savez(tmp_path / "checkpoint.npz", **checkpoints[1], **data)
    here = Path(__file__).parent
    arguments = [str(here), str(tmp_path / "checkpoint.npz"), str(tmp_path / "result.npz")]
    subprocess.run([sys.executable, "-c", GO_ON, *arguments], check=True)
    resumed = np.load(tmp_path / "result.npz")
    np.testing.assert_array_equal(resumed["w"], undisturbed.posterior["w"])


def test_a_checkpoint_of_another_problem_is_refused(conjugate):
    session = initialize(KEY, conjugate[0], options=RESUMED)
    other = Problem(one_mean, observed={"x": np.zeros(3, np.float32)}, inputs={"N": 3})
    with pytest.raises(InferenceError, match="does not belong"):
        load(other, save(session), options=RESUMED)


def test_single_updates_are_the_same_as_chunks(conjugate):
    options = InferenceOptions(steps=100)
    one_by_one = initialize(KEY, conjugate[0], options=options)
    for _ in range(10):
        one_by_one = update(one_by_one)
    at_once = update(initialize(KEY, conjugate[0], options=options), 10)
    np.testing.assert_array_equal(one_by_one.state.q.loc, at_once.state.q.loc)
    assert one_by_one.done == at_once.done == 10
    assert update(at_once, 1000).done == 100  # never beyond the total


@pytest.mark.parametrize(
    "options",
    [
        {"objective": "reverse"},
        {"restarts": 2},
        {"method": "klqp"},
        {"objective": "forward"},
        {"objective": "amortized"},
    ],
    ids=lambda options: "-".join(map(str, options.values())),
)
def test_the_loop_is_compiled_once(options):
    """What comes out of a chunk has the types of what went in, else the second chunk would be compiled again."""
    problem = Problem(one_mean, {"x": np.zeros(3, np.float32)}, {"N": 3}, {"N": ()})
    session = initialize(KEY, problem, options=InferenceOptions(**options))
    state, watch = session.state, session.watch
    chunk = driver._compiled(session.setup).chunk
    made = jax.eval_shape(chunk, session.rates, session.data, state, watch, 1, None)
    assert made[:2] == jax.eval_shape(lambda *given: given, state, watch)
