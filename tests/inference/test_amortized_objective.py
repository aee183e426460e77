"""The amortized objective: posteriors of many data sets from one fit, against closed forms; what it refuses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from pydantic import ValidationError

from tacit.errors import DivergedError, InferenceError
from tacit.inference import Answers, InferenceOptions, Problem, amortized, finalize, fit, initialize, load, run, save
from tacit.inference.amortized.networks import COMPONENTS, Mixture
from tacit.inference.features import FeatureScale, quantiles, ranked
from tacit.inference.options import Start
from tacit.ppl import Implicit, Normal, plate

KEY = jax.random.key(0)
NOISE = np.array([0.5, 1.0], np.float32)
OPTIONS = InferenceOptions(objective="amortized", simulations=10_000, steps=2500)
SHORT = InferenceOptions(objective="amortized", simulations=1001, steps=200)


def linear(key, theta):
    return theta + NOISE * jax.random.normal(key, (2,))


def conjugate():
    theta = Normal(np.zeros(2), 1.0, name="theta")
    Implicit(linear, theta, name="x")


PROBLEM = Problem(conjugate, {"x": np.array([0.8, -1.0])})


def exact(x):
    """Mean and standard deviation of theta given x."""
    precision = 1.0 + 1.0 / NOISE**2
    return x / NOISE**2 / precision, precision**-0.5


@pytest.fixture(scope="module")
def trained():
    return fit(jax.random.key(1), PROBLEM, options=OPTIONS, num_draws=2000)


@pytest.fixture(scope="module")
def answers(trained):
    return Answers(PROBLEM, OPTIONS, trained.variational)


@pytest.mark.parametrize("x", [(0.0, 0.0), (1.5, -1.0), (-1.2, 2.0)])
def test_the_posterior_of_any_data_set(answers, x):
    mean, sd = exact(np.array(x))
    found = answers.answer({"x": np.array(x)}, seed=0, num_draws=4000)
    theta = found.posterior["theta"]
    np.testing.assert_allclose((theta.mean(axis=0) - mean) / sd, 0.0, atol=0.2)
    np.testing.assert_allclose(theta.std(axis=0) / sd, 1.0, atol=0.12)
    assert found.warnings == []
    assert found.diagnostics["k_hat"] < 0.7


def test_the_fits_own_data_have_their_posterior(trained):
    mean, sd = exact(PROBLEM.observed["x"])
    theta = trained.posterior["theta"]
    assert theta.shape == (2000, 2)
    np.testing.assert_allclose((theta.mean(axis=0) - mean) / sd, 0.0, atol=0.2)


def test_calibration_was_measured_on_held_out_simulations(trained):
    found = trained.diagnostics["calibration"]
    assert found["held_out"] == 1000
    assert 0.6 * OPTIONS.simulations <= trained.diagnostics["simulations"] <= OPTIONS.simulations
    assert found["offered"]
    assert found["coverage_90"]["theta"] == pytest.approx(0.9, abs=0.04)
    assert found["coverage_50"]["theta"] == pytest.approx(0.5, abs=0.06)
    assert trained.warnings == []


@pytest.mark.parametrize(("width", "offered"), [(1.0, True), (0.5, False)])
def test_posteriors_too_narrow_are_not_offered(width, offered):
    """Truths drawn as the draws are, or from a law twice as wide."""
    rng = np.random.default_rng(0)
    latents = width * rng.normal(size=(400, amortized.posterior.WEIGHED, 2))
    held = amortized.Held(latents, np.zeros(latents.shape[:2]), rng.normal(size=(400, 2)), np.ones(400, bool))
    found = amortized.calibration(held, {"a": 1, "b": 1}, seed=0, resample=True)
    assert found["offered"] is offered
    assert (found["p_value"] > 0.01) is offered
    assert set(found["coverage_90"]) == {"a", "b"}


def test_the_shortest_fit_takes_up_what_it_has_learnt():
    options = InferenceOptions(objective="amortized", simulations=SHORT.simulations, steps=100)
    state = run(initialize(KEY, PROBLEM, options=options)).state
    first = initialize(KEY, PROBLEM, options=options).state
    assert np.isfinite(state.law_best.loss)
    assert np.isfinite(state.ratio_best.loss)
    assert np.any(np.asarray(state.law_best.parameters) != np.asarray(first.law))


def test_without_a_simulation_that_worked_there_is_no_calibration():
    held = amortized.Held(np.zeros((5, 400, 1)), np.zeros((5, 400)), np.zeros((5, 1)), np.zeros(5, bool))
    with pytest.raises(DivergedError, match="none of the held-out simulations was finite"):
        amortized.calibration(held, {"a": 1}, seed=0, resample=True)


@pytest.mark.parametrize("budget", [200, SHORT.simulations])
def test_simulations_never_exceed_the_budget(budget):
    options = InferenceOptions(objective="amortized", simulations=budget, steps=200)
    found = finalize(run(initialize(KEY, PROBLEM, options=options)), 100).diagnostics
    assert 0.6 * budget <= found["simulations"] <= budget


def test_weights_of_what_q_lacks_correct_it():
    """A ratio estimator that knows the gap between a wrong q and the truth gives the truth."""
    mixture = Mixture(
        jnp.log(jnp.full(COMPONENTS, 1.0 / COMPONENTS)),
        jnp.zeros((COMPONENTS, 1)),
        jnp.full((COMPONENTS, 1, 1), 0.5),
    )
    draws = mixture.draw(KEY, 20_000)
    assert float(jnp.std(draws)) == pytest.approx(2.0, rel=0.02)
    truth = -((draws[:, 0] - 1.0) ** 2) / 2
    weight = jax.nn.softmax(truth - jax.vmap(mixture.log_density)(draws))
    assert float(weight @ draws[:, 0]) == pytest.approx(1.0, abs=0.05)


def test_a_mixture_is_a_density_and_has_its_moments():
    key = jax.random.split(KEY, 3)
    mixture = Mixture(
        jax.nn.log_softmax(jax.random.normal(key[0], (COMPONENTS,))),
        jax.random.normal(key[1], (COMPONENTS, 1)),
        1.0 + jax.random.uniform(key[2], (COMPONENTS, 1, 1)),
    )
    grid = jnp.linspace(-12.0, 12.0, 20_001)[:, None]
    density = jnp.exp(jax.vmap(mixture.log_density)(grid)) * (grid[1, 0] - grid[0, 0])
    mean, root = mixture.moments()
    assert float(density.sum()) == pytest.approx(1.0, abs=1e-3)
    assert float(density @ grid[:, 0]) == pytest.approx(float(mean[0]), abs=1e-3)
    assert float(density @ (grid[:, 0] - mean[0]) ** 2) == pytest.approx(float(root[0, 0]) ** 2, rel=1e-2)


def test_ranks_tell_small_and_large_numbers_alike():
    """The logarithm of a lognormal number is the normal one of the same rank; what is missing is left out."""
    normal = jax.random.normal(KEY, (20_000, 2))
    values = jnp.exp(3.0 * normal).at[:100, 1].set(jnp.nan)
    scale = FeatureScale(jnp.zeros(2), jnp.ones(2), jnp.zeros((1, 0)), quantiles(values))
    seen = ranked(scale, jnp.exp(jnp.array([[-6.0, 0.0], [3.0, -3.0]]))[:, None])
    np.testing.assert_allclose(seen[:, 0], [[-2.0, 0.0], [1.0, -1.0]], atol=0.1)
    assert float(ranked(scale, jnp.full((1, 2), 1e9))[0, 0]) == float(ranked(scale, jnp.full((1, 2), 1e12))[0, 0])


def test_data_outside_what_the_model_makes_are_told(answers):
    found = answers.answer({"x": np.array([9.0, 9.0])}, seed=0, num_draws=200)
    assert found.diagnostics["surprise"] == 0.0
    assert any("outside what the model produces" in sentence for sentence in found.warnings)


def test_the_same_seed_gives_the_same_draws(answers):
    first, second, other = (answers.answer({"x": np.zeros(2)}, seed=s, num_draws=50).posterior for s in (3, 3, 4))
    np.testing.assert_array_equal(first["theta"], second["theta"])
    assert np.any(first["theta"] != other["theta"])


def test_data_of_another_shape_are_refused(answers):
    with pytest.raises(InferenceError, match="x has another shape"):
        answers.answer({"x": np.zeros(3)}, seed=0, num_draws=50)


def test_only_an_amortized_fit_answers(trained):
    with pytest.raises(InferenceError, match="objective 'amortized'"):
        Answers(PROBLEM, InferenceOptions(objective="forward"), trained.variational)


def test_a_fit_goes_on_where_it_was(tmp_path):
    whole = finalize(run(initialize(KEY, PROBLEM, options=SHORT)), 50)
    kept = []
    run(initialize(KEY, PROBLEM, options=SHORT), on_checkpoint=kept.append, checkpoint_seconds=0.0)
    again = finalize(run(load(PROBLEM, kept[0], options=SHORT)), 50)
    np.testing.assert_array_equal(whole.posterior["theta"], again.posterior["theta"])
    for name, value in whole.variational.items():
        np.testing.assert_array_equal(value, again.variational[name], err_msg=name)
    assert save(load(PROBLEM, kept[0], options=SHORT)).keys() == kept[0].keys()


def failing(key, theta):
    """Fails wherever theta is negative."""
    return jnp.where(theta < 0, jnp.nan, theta + 0.5 * jax.random.normal(key))


def half():
    theta = Normal(0.0, 1.0, name="theta")
    Implicit(failing, theta, name="x")


def test_simulations_that_fail_are_left_out_and_told():
    options = InferenceOptions(objective="amortized", simulations=6000, steps=1500)
    found = fit(KEY, Problem(half, {"x": np.array(0.4)}), options=options, num_draws=1000)
    assert found.diagnostics["dropped_simulations"] == pytest.approx(3000, abs=200)
    assert np.mean(found.posterior["theta"] < 0) < 0.03
    assert any("were left out" in sentence for sentence in found.warnings)


def points(N):
    theta = Normal(0.0, 1.0, name="theta")
    with plate("N", N):
        Normal(theta, 1.0, name="x")


def test_the_order_of_points_does_not_matter():
    x = np.array([0.5, -0.3, 1.1, 0.2])
    problem = Problem(points, {"x": x}, inputs={"N": 4})
    found = Answers(problem, SHORT, fit(KEY, problem, options=SHORT, num_draws=10).variational)
    first, second = (found.answer({"x": each}, seed=0, num_draws=100).posterior["theta"] for each in (x, x[::-1]))
    np.testing.assert_allclose(first, second, rtol=1e-4, atol=1e-4)


def test_a_fit_of_its_own_starts_at_the_answer(answers):
    x = np.array([1.5, -1.0])
    start = answers.start({"x": x})
    mean, sd = exact(x)
    np.testing.assert_allclose((start.mean - mean) / sd, 0.0, atol=0.2)
    np.testing.assert_allclose(np.sqrt(np.diag(start.covariance)) / sd, 1.0, atol=0.15)
    options = InferenceOptions(objective="forward", simulations=1000, start=start)
    session = initialize(KEY, Problem(conjugate, {"x": x}), options=options)
    state, data = session.state, session.data
    np.testing.assert_allclose(data.latent_centre + data.latent_spread * state.q.loc, start.mean, rtol=1e-4)
    tril = data.latent_spread[:, None] * state.q.tril
    np.testing.assert_allclose(tril @ tril.T, start.covariance, rtol=1e-3, atol=1e-5)


def test_a_start_must_suit_the_model():
    start = Start(mean=[0.0], covariance=[[1.0]])
    options = InferenceOptions(objective="forward", start=start)
    with pytest.raises(InferenceError, match="start has 1 numbers, and the model 2"):
        initialize(KEY, PROBLEM, options=options)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"objective": "reverse"}, "start is for objective 'forward'"),
        ({"start": {"mean": [0.0, 1.0], "covariance": [[1.0]]}}, "2 rows of 2 numbers"),
        ({"start": {"mean": [0.0], "covariance": [[-1.0]]}}, "positive definite"),
        ({"start": {"mean": [float("nan")], "covariance": [[1.0]]}}, "finite"),
    ],
)
def test_a_start_that_is_no_gaussian_is_refused(given, message):
    with pytest.raises(ValidationError, match=message):
        InferenceOptions(**{"objective": "forward", "start": {"mean": [0.0], "covariance": [[1.0]]}, **given})


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"family": "flow"}, "family of its own"),
        ({"method": "klqp"}, "no likelihood"),
        ({"proposal_width": 3.0}, "leave proposal_width out"),
        ({"rank": 8}, "leave rank out"),
        ({"latent_samples": 8}, "leave latent_samples out"),
    ],
)
def test_options_it_has_not_are_refused(option, message):
    with pytest.raises(ValidationError, match=message):
        InferenceOptions(objective="amortized", **option)
