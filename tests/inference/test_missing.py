"""Numbers that were not observed: the posterior is that given the others, whatever the method."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest

from tacit.errors import InferenceError
from tacit.inference import (
    Answers,
    InferenceOptions,
    Problem,
    amortized,
    densities,
    estimators,
    fit,
    implicit_klqp,
    initialize,
)
from tacit.inference.families import Latents, init_gaussian
from tacit.inference.features import data_features, num_features, point_features
from tacit.inference.forward.coordinates import features_of, flat
from tacit.inference.forward.coordinates import simulated as whole_data
from tacit.inference.parts import Parts
from tacit.inference.planning import DEFAULT_PARTS, plan
from tacit.inference.point_scale import point_scale
from tacit.inference.problem import arrays, layout, run_points
from tacit.inference.state import noise, run
from tacit.ppl import Gamma, HalfNormal, Implicit, LogNormal, MultivariateNormal, Normal, Parameter, Poisson, plate

KEY = jax.random.key(0)
NAN = np.nan


def with_nan(program, observed, **more):
    """A problem in which nan stands for what is missing."""
    observed = {name: np.asarray(value, np.float32) for name, value in observed.items()}
    return Problem(program, observed, missing={name: np.isnan(value) for name, value in observed.items()}, **more)


def rows(N):
    """Rows of two positive numbers, whose log density has no gradient at 0 and below."""
    scale = HalfNormal(1.0, name="scale")
    with plate("N", N, dim=-2):
        LogNormal(0.0, scale * jnp.ones(2), name="y")


Y = [[0.5, NAN], [2.0, 3.0], [NAN, NAN], [NAN, 0.7]]
ROWS = with_nan(rows, {"y": Y}, inputs={"N": 4})


def line(x):
    """Points that covariates tell apart."""
    slope = Normal(0.0, 1.0, name="slope")
    with plate("N", x.shape[0]):
        Normal(1000.0 + slope * x, 0.1, name="y")


LINE = with_nan(
    line, {"y": [1000.2, NAN, 999.5, 1000.0, NAN]}, inputs={"x": np.arange(5, dtype=np.float32)}, axes={"x": ("N",)}
)


def series():
    """An autoregressive series around a level, as a simulator, far from 0."""

    def simulate(key, level):
        def step(state, shock):
            state = 0.7 * state + shock
            return state, state

        first, *shocks = jax.random.normal(key, (SERIES_LENGTH + 1,))
        _, states = jax.lax.scan(step, first / np.sqrt(1.0 - 0.49), jnp.stack(shocks))
        return 500.0 + level + states

    level = Normal(0.0, 2.0, name="level")
    Implicit(simulate, level, name="y")


SERIES_LENGTH = 24
GAP = slice(6, 16)
SERIES = np.random.default_rng(3).normal(501.5, 1.4, SERIES_LENGTH).astype(np.float32)
SERIES[GAP] = NAN


def test_the_log_likelihood_is_that_of_the_numbers_observed():
    structure = layout(ROWS)
    data = arrays(ROWS, structure)

    def log_likelihood(log_scale):
        return run_points(
            KEY, rows, structure, {}, log_scale, jnp.zeros((4, 0)), observed=data.observed, missing=data.missing
        ).log_likelihood

    value, gradient = jax.jit(jax.value_and_grad(log_likelihood))(jnp.array([0.3]))
    present = np.array(Y)[~np.isnan(Y)]
    assert float(value) == pytest.approx(float(dist.LogNormal(0.0, np.exp(0.3)).log_prob(present).sum()), rel=1e-5)
    assert np.all(np.isfinite(gradient))


def test_simulations_have_the_gaps_of_the_data_and_points_with_other_gaps_are_told_apart():
    session = initialize(
        KEY, ROWS, options=InferenceOptions(objective="reverse", latent_samples=2, points=4, steps=100)
    )
    setup, data = session.setup, session.data
    gaps, index = np.isnan(Y), jnp.arange(4)
    simulated = run(setup, data, KEY, noise(setup, KEY, 3, 4), index).observed["y"]
    given = np.asarray(data.arrays.observed["y"])
    np.testing.assert_array_equal(np.asarray(simulated)[:, gaps], np.broadcast_to(given[gaps], (3, gaps.sum())))
    assert np.unique(np.asarray(simulated)[:, ~gaps]).size == 3 * (~gaps).sum()
    features = np.asarray(data_features(setup.layout, data.features, data.arrays.observed, index))
    assert features.shape == (4, num_features(setup.layout, data.arrays, point_scale=False))
    np.testing.assert_allclose(features[:, :2][gaps], 0.0, atol=1e-5)
    np.testing.assert_array_equal(features[:, 2:], gaps)


def test_a_gap_is_nothing_on_the_scale_of_its_point_too():
    setup, _, _ = plan(LINE, InferenceOptions(objective="reverse"), DEFAULT_PARTS)
    assert setup.point_scale

    def features():
        data = implicit_klqp.prepare(setup, KEY, arrays(LINE, setup.layout))
        frame = init_gaussian(1, 5, 0)
        own = point_scale(setup, data, frame)
        return point_features(setup.layout, data.features, own, data.arrays.observed, frame, jnp.arange(5))

    of_points = np.asarray(jax.jit(features)())
    missing = np.isnan(LINE.observed["y"])
    values, _, gaps, own = of_points.T
    np.testing.assert_allclose(np.stack([values, own])[:, missing], 0.0, atol=1e-3)
    assert np.all(np.abs(own[~missing]) > 1e-3)
    np.testing.assert_array_equal(gaps, missing)


def test_what_stands_in_the_place_of_a_missing_number_does_not_matter():
    other = dataclasses.replace(ROWS, observed={"y": np.where(np.isnan(Y), 7.0, Y).astype(np.float32)})
    ours, theirs = (arrays(problem, layout(problem)) for problem in (ROWS, other))
    np.testing.assert_array_equal(ours.observed["y"], theirs.observed["y"])
    assert np.all(np.isfinite(ours.observed["y"]))


def test_without_a_gap_a_fit_is_what_it_was():
    whole = np.ones((4, 2), np.float32)
    plain = Problem(rows, {"y": whole}, {"N": 4})
    found = arrays(dataclasses.replace(plain, missing={"y": np.zeros((4, 2), bool)}), layout(plain))
    assert found.missing == {}


@pytest.mark.parametrize("program", ["line", "series"])
def test_a_whole_data_set_is_seen_without_its_gaps(program):
    """Far from 0, and on a scale that simulations show: a gap is 0 on every scale, in the data and in simulations."""
    problem = LINE if program == "line" else with_nan(series, {"y": SERIES})
    options = InferenceOptions(objective="forward", steps=100, simulations=200, ratio_estimators=1)
    session = initialize(KEY, problem, options=options)
    setup, data, state = session.setup, session.data, session.state
    gaps = np.isnan(problem.observed["y"]).reshape(1, -1)
    values = whole_data(setup, data, KEY, jnp.array([[0.3], [-0.4]]))
    for each in (flat(setup, data.arrays.observed), *values):
        features = features_of(setup, data, state, each, jnp.asarray(False))
        of_gaps = np.asarray(features)[0, : 2 * gaps.size].reshape(2, -1)[:, gaps[0]]
        np.testing.assert_allclose(of_gaps, 0.0, atol=1e-5)
    assert np.unique(np.asarray(values)[:, ~gaps]).size == 2 * (~gaps).sum()


def test_an_amortized_fit_answers_for_data_with_its_own_gaps():
    problem = with_nan(series, {"y": SERIES})
    options = InferenceOptions(objective="amortized", steps=100, simulations=200)
    session = initialize(KEY, problem, options=options)
    answers = Answers(problem, options, amortized.parameters(session.data, amortized.rows(session.state)))
    ours = answers.start(problem.observed, missing=problem.missing)
    moved = np.where(np.isnan(SERIES), 3e8, SERIES).astype(np.float32)
    assert answers.start({"y": moved}, missing=problem.missing) == ours
    with pytest.raises(InferenceError, match="y has other gaps than in the fit"):
        answers.start({"y": moved})


def pairs(N):
    mean = Normal(np.zeros(2), 1.0, name="mean")
    with plate("N", N):
        MultivariateNormal(mean, jnp.eye(2), name="y")


def chain(N):
    level = Normal(0.0, 1.0, name="level")
    with plate("N", N):
        first = Normal(level, 1.0, name="first")
        Normal(2.0 * first, 1.0, name="second")
        Normal(level, 1.0, name="third")


def test_a_density_that_is_not_that_of_the_rest_is_refused():
    whole_rows = [[1.0, 2.0], [NAN, NAN]]
    densities.check(with_nan(pairs, {"y": whole_rows}, inputs={"N": 2}))
    in_part = with_nan(pairs, {"y": [[1.0, 2.0], [NAN, 1.0]]}, inputs={"N": 2})
    with pytest.raises(InferenceError, match="of a draw of 'y' some numbers are missing and others are not"):
        densities.check(in_part)
    data = {"first": [0.0, 1.0], "second": [0.5, 1.0], "third": [0.0, 1.0]}
    densities.check(with_nan(chain, {**data, "second": [NAN, 1.0], "third": [0.5, NAN]}, inputs={"N": 2}))
    above = with_nan(chain, {**data, "first": [NAN, 1.0]}, inputs={"N": 2})
    with pytest.raises(InferenceError, match="'second' depends on the value of 'first', of which numbers are missing"):
        densities.check(above)
    for problem in (in_part, above):
        with pytest.raises(InferenceError, match="implicit_klqp"):
            initialize(KEY, problem, options=InferenceOptions(method="klqp"))


def test_an_estimator_of_the_callers_own_is_told_what_is_missing():
    seen = {}

    def estimator(data, locals_, globals_):
        seen.update(data)
        return jnp.zeros(4)

    options = InferenceOptions(objective="reverse", latent_samples=2, points=4, steps=100)
    setup, _, _ = plan(ROWS, options, Parts(ratio_estimator=lambda key: estimator))

    def asked():
        data = implicit_klqp.prepare(setup, KEY, arrays(ROWS, setup.layout))
        state = implicit_klqp.init(setup, KEY, data)
        points = estimators.observed_points(setup, data, state, jnp.arange(4))
        latents = Latents(jnp.zeros((1, 1)), jnp.zeros((1, 4, 0)))
        return estimators.aligned(setup, data, state, estimator, points, latents)

    jax.eval_shape(asked)
    assert set(seen) == {"y", "y.missing"}
    assert (seen["y.missing"].shape, seen["y.missing"].dtype) == ((4, 2), bool)


def test_a_variational_program_that_looks_at_data_with_gaps_is_refused():
    def q(y, N):
        LogNormal(Parameter(0.0, name="loc") + jnp.mean(y), 1.0, name="scale")

    with pytest.raises(InferenceError, match="asks for 'y', of which numbers are missing"):
        plan(ROWS, InferenceOptions(objective="reverse"), Parts(variational=q))


@pytest.mark.parametrize(
    ("missing", "says"),
    [
        ({"z": np.zeros(4, bool)}, "'z' are said to be missing, and it is not an observed variable"),
        ({"y": np.zeros(4, bool)}, r"'y' has shape \(4, 2\), and the booleans"),
        ({"y": np.ones((4, 2), bool)}, "every observed number is missing"),
    ],
)
def test_gaps_that_are_none_of_the_data_are_refused(missing, says):
    with pytest.raises(InferenceError, match=says):
        layout(dataclasses.replace(ROWS, missing=missing))


def normals(N):
    mu = Normal(0.0, 1.0, name="mu")
    with plate("N", N):
        Normal(mu, 1.0, name="y")


def test_the_exact_likelihood_gives_the_posterior_of_what_is_left():
    y = [1.0, NAN, 2.0, 0.5, NAN]
    options = InferenceOptions(method="klqp", steps=400)
    mu = fit(KEY, with_nan(normals, {"y": y}, inputs={"N": 5}), options=options, num_draws=4000).posterior["mu"]
    assert mu.mean() == pytest.approx(3.5 / 4.0, abs=0.05)
    assert mu.std() == pytest.approx(0.5, rel=0.06)


def rates(N):
    rate = Gamma(2.0 * jnp.ones(3), 1.0, name="rate")
    with plate("N", N, dim=-2):
        Poisson(rate, name="y")


def test_rows_of_counts_with_gaps_inform_by_what_is_left_of_them():
    """Without a likelihood; the exact posteriors are gammas. Every row but ten has a gap."""
    rng = np.random.default_rng(1)
    y = rng.poisson([1.0, 4.0, 2.0], (40, 3)).astype(np.int32)
    missing = np.zeros((40, 3), bool)
    missing[:10, 1], missing[10:20, [0, 2]], missing[20:30] = True, True, [True, False, False]
    y[missing] = 1000
    problem = Problem(rates, {"y": y}, {"N": 40}, missing={"y": missing})
    rate = fit(KEY, problem, options=InferenceOptions(objective="reverse", steps=1500), num_draws=4000).posterior[
        "rate"
    ]
    shape, inverse_scale = 2.0 + np.sum(y, axis=0, where=~missing), 1.0 + np.sum(~missing, axis=0)
    mean, sd = shape / inverse_scale, np.sqrt(shape) / inverse_scale
    np.testing.assert_allclose((rate.mean(axis=0) - mean) / sd, 0.0, atol=0.35)
    np.testing.assert_allclose(rate.std(axis=0) / sd, 1.0, atol=0.15)


def test_a_series_with_a_gap_in_the_middle_has_the_posterior_of_its_ends():
    """By a simulator, whose series is jointly normal: the truth is linear algebra on the days observed. Were the gap
    cut out, the days around it would be neighbours."""
    rng, state, y = np.random.default_rng(2), 0.0, []
    for _ in range(SERIES_LENGTH):
        state = 0.7 * state + rng.normal()
        y.append(501.5 + state)
    y = np.array(y)
    y[GAP] = NAN
    options = InferenceOptions(objective="forward", steps=1200, simulations=8000, ratio_estimators=1)
    level = fit(KEY, with_nan(series, {"y": y}), options=options, num_draws=4000).posterior["level"]
    days = np.flatnonzero(~np.isnan(y))
    inverse = np.linalg.inv(0.7 ** np.abs(np.subtract.outer(days, days)) / 0.51)
    precision = inverse.sum() + 1.0 / 4.0
    mean, sd = inverse.sum(axis=0) @ (y[days] - 500.0) / precision, precision**-0.5
    assert (level.mean() - mean) / sd == pytest.approx(0.0, abs=0.25)
    assert level.std() / sd == pytest.approx(1.0, abs=0.15)
