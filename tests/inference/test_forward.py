"""The forward objective: posteriors of one observation against closed forms and quadrature, and its budget."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from pydantic import ValidationError
from scipy import stats

from tacit.errors import DivergedError, InferenceError
from tacit.inference import (
    Answers,
    InferenceOptions,
    Parts,
    Problem,
    finalize,
    fit,
    forward,
    initialize,
    load,
    run,
    save,
    update,
)
from tacit.inference.forward import ring as rings
from tacit.inference.forward.coordinates import observed_ratio
from tacit.inference.forward.cover import EVERY, moments_rate
from tacit.inference.forward.pair_critic import PairCritic
from tacit.inference.forward.steps import AVERAGED
from tacit.inference.planning import plan
from tacit.inference.problem import layout
from tacit.inference.state import Rates
from tacit.ppl import Implicit, Normal, external, plate

KEY = jax.random.key(0)
NOISE = 0.3
SHORT = {"steps": 1500, "simulations": 6000, "ratio_estimators": 1}


def squared(key, theta):
    """One number that does not tell the sign of theta, and one that says nothing."""
    own, other = jax.random.normal(key, (2,))
    return jnp.stack([theta**2 + NOISE * own, other])


def two_modes():
    theta = Normal(0.0, 1.0, name="theta")
    Implicit(squared, theta, name="x")


def linear(key, theta):
    return theta + jnp.array([0.1, 1.0]) * jax.random.normal(key, (2,))


def conjugate():
    theta = Normal(np.zeros(2), 1.0, name="theta")
    Implicit(linear, theta, name="x")


def failing(key, theta):
    """Fails wherever theta is negative."""
    return jnp.where(theta < 0, jnp.nan, theta + 0.5 * jax.random.normal(key))


def half():
    theta = Normal(0.0, 1.0, name="theta")
    Implicit(failing, theta, name="x")


@pytest.fixture(scope="module")
def squares():
    """A fit whose posterior has two modes, at +-1."""
    options = InferenceOptions(objective="forward", **SHORT)
    return fit(jax.random.key(1), Problem(two_modes, {"x": np.array([1.0, 0.3])}), options=options, num_draws=4000)


def test_both_modes_have_their_mass(squares):
    theta = squares.posterior["theta"]
    grid = np.linspace(-4.0, 4.0, 4001)
    density = stats.norm.pdf(grid) * stats.norm.pdf(1.0, grid**2, NOISE)
    density /= density.sum()
    assert np.mean(theta > 0) == pytest.approx(0.5, abs=0.06)
    exact = np.interp([0.1, 0.3, 0.7, 0.9], np.cumsum(density), grid)
    np.testing.assert_allclose(np.quantile(theta, [0.1, 0.3, 0.7, 0.9]), exact, atol=0.06)


def test_what_a_gaussian_does_not_cover_is_covered_by_a_flow_and_the_fit_says_so(squares):
    assert squares.diagnostics["family"] == "flow"
    assert squares.diagnostics["objective"] == "forward"
    assert 0.9 * SHORT["simulations"] <= squares.diagnostics["simulations"] <= SHORT["simulations"]
    assert squares.diagnostics["resampled"]
    assert squares.diagnostics["k_hat"] < 0.7
    assert squares.warnings == []
    assert any(name.startswith("flow") for name in squares.variational)


def test_where_a_gaussian_is_enough_few_steps_are_made():
    """Of 5,000 simulations 4,472 steps, not 13,010, with all simulations made; also by a fit that was interrupted."""
    problem = Problem(conjugate, {"x": np.array([0.8, -1.0])})
    options = InferenceOptions(objective="forward", simulations=5000, ratio_estimators=1)
    session = update(initialize(KEY, problem, options=options), 700)
    assert session.total == 4472
    saved = save(session)
    found = finalize(run(session), 4000)
    told = {name: found.diagnostics[name] for name in ("steps", "budget", "ended", "ratio_estimators")}
    assert told == {"steps": 4472, "budget": 13_010, "ended": "few_steps", "ratio_estimators": 1}
    assert 4900 <= found.diagnostics["simulations"] <= 5000
    theta, variance = found.posterior["theta"], np.array([0.01, 1.0])
    np.testing.assert_allclose(theta.mean(axis=0), np.array([0.8, -1.0]) / (1 + variance), atol=0.1)
    np.testing.assert_allclose(theta.std(axis=0), np.sqrt(variance / (1 + variance)), rtol=0.15)
    resumed = finalize(run(load(problem, saved, options=options)), 4000)
    np.testing.assert_array_equal(resumed.posterior["theta"], theta)


def test_where_a_gaussian_is_not_enough_all_steps_are_made():
    problem = Problem(two_modes, {"x": np.array([1.0, 0.3])})
    options = InferenceOptions(objective="forward", simulations=5000)
    session = update(initialize(KEY, problem, options=options), 499)
    assert (session.total, int(session.state.learning)) == (4472, 4)
    session = update(session, 1)
    assert session.total == 13_010
    before = np.asarray(session.state.ratio)
    session = update(session, 1)
    # So many steps are made by two ratio estimators.
    learnt = np.any(np.asarray(session.state.ratio) != before, axis=1)
    assert (learnt.tolist(), int(session.state.learning)) == ([True, True, False, False], 2)


@pytest.mark.parametrize("budget", [200, 1001])
def test_simulations_never_exceed_the_budget(budget):
    options = InferenceOptions(objective="forward", steps=400, simulations=budget, ratio_estimators=1)
    session = run(initialize(KEY, Problem(two_modes, {"x": np.array([1.0, 0.3])}), options=options))
    made = finalize(session, 100)
    assert 0.9 * budget <= made.diagnostics["simulations"] <= budget


def test_parameters_of_the_ratio_estimator_decay():
    options = InferenceOptions(objective="forward", disc_learning_rate=0.01, **SHORT)
    session = initialize(KEY, Problem(two_modes, {"x": np.array([1.0, 0.3])}), options=options)

    def learnt(log):
        state = session.state._replace(judged=session.state.judged._replace(log_decay=log))
        return jax.jit(lambda: forward.update_disc(session.setup, session.rates, session.data, KEY, state).ratio)()

    strong, none = learnt(jnp.log(0.5)), learnt(-jnp.inf)
    np.testing.assert_allclose(strong - none, -0.01 * 0.5 * session.state.ratio, atol=1e-6)


def of_several(number):
    options = InferenceOptions(objective="forward", simulations=6000, steps=1500, ratio_estimators=number)
    return initialize(KEY, Problem(two_modes, {"x": np.array([1.0, 0.3])}), options=options)


def test_each_ratio_estimator_learns_as_if_it_were_alone():
    several, alone = of_several(3), of_several(1)
    rows = several.state.ratio
    assert rows.shape == (3, alone.state.ratio.shape[1])
    assert len(np.unique(rows[:, 0])) == 3

    def learnt(session, **changes):
        state = session.state._replace(**changes)
        return jax.jit(lambda: forward.update_disc(session.setup, session.rates, session.data, KEY, state))()

    together = learnt(several)
    each = [learnt(alone, ratio=row[None], ring=several.state.ring) for row in rows]
    for row, one in zip(together.ratio, each, strict=True):
        # A first step of Adam is 0.003 long, whatever the size of a gradient.
        np.testing.assert_allclose(row, one.ratio[0], atol=2e-4)
    assert float(together.loss_disc) == pytest.approx(np.mean([one.loss_disc for one in each]), rel=1e-4)
    # Those that no longer learn stay as they were.
    first = learnt(several, learning=jnp.asarray(1))
    np.testing.assert_allclose(first.ratio[0], together.ratio[0], atol=2e-4)
    np.testing.assert_array_equal(first.ratio[1:], rows[1:])


def test_r_is_the_mean_of_the_ratio_estimators_that_learn():
    several, alone = of_several(3), of_several(1)
    eps = jax.random.normal(KEY, (5, 1))

    def r(session, **changes):
        return observed_ratio(session.setup, session.data, session.state._replace(**changes), eps, eps)

    rows = several.state.ratio_average
    each = np.array([r(alone, ratio_average=row[None], local=several.state.local) for row in rows])
    assert np.std(each, axis=0).min() > 0
    np.testing.assert_allclose(r(several), each.mean(axis=0), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(r(several, learning=jnp.asarray(2)), each[:2].mean(axis=0), rtol=1e-4, atol=1e-6)


def test_new_simulations_tell_how_strongly_they_decay():
    """Against a ratio estimator that is too sure, a stronger decay, up to 0.3; against one that is not sure enough, a
    weaker."""
    options = InferenceOptions(objective="forward", **SHORT)
    session = update(initialize(KEY, Problem(conjugate, {"x": np.array([0.8, -1.0])}), options=options), 1200)
    setup, data, state = session.setup, session.data, session.state
    latents = jax.random.normal(KEY, (256, 2))
    raw = data.latent_centre + data.latent_spread * latents
    simulated = raw + jnp.array([0.1, 1.0]) * jax.random.normal(jax.random.key(1), (256, 2))

    def moved(scale, log_decay=state.judged.log_decay):
        fresh = state.judged._replace(log_decay=log_decay, pull=jnp.zeros(()), square=jnp.zeros(()))
        state_ = state._replace(ratio_average=scale * state.ratio_average, judged=fresh)
        told = forward.judge(setup, session.rates, data, state_, latents, simulated[:, None])
        return float(told.log_decay - fresh.log_decay)

    assert moved(1.6) > 0 > moved(0.7)
    limit = jnp.log(0.3)
    assert moved(1.6, limit) == 0 > moved(0.7, limit)

    def gap(step):
        """What is asked of known simulations, for the report."""
        rates = session.rates._replace(rounds=jnp.float32(1000))
        told = forward.judge(setup, rates, data, state._replace(step=step), latents, simulated[:, None])
        return float(told.gap - state.judged.gap)

    assert gap(jnp.array(1300)) == 0 != gap(jnp.array(1400))


def test_the_end_of_a_fit_compiles_little_more_than_its_draws(caplog):
    options = InferenceOptions(objective="forward", family="flow", **SHORT)
    session = update(initialize(KEY, Problem(conjugate, {"x": np.array([0.8, -1.0])}), options=options), 1)
    # Nothing that an earlier test has compiled is to be found.
    jax.clear_caches()
    with jax.log_compiles(), caplog.at_level("WARNING"):
        ended = finalize(session, 100)
    assert ended.diagnostics["held_out_gap"] is None  # no simulations were made yet
    told = [record.getMessage().split() for record in caplog.records]
    compiled = {words[4] for words in told if words[:3] == ["Finished", "XLA", "compilation"]}
    # The two others are a line each.
    assert compiled == {"jit(sample)", "jit(_threefry_seed)", "jit(stage)"}


def noisy(key, theta):
    """One number that tells theta, and 39 that say nothing, in no order."""
    first, *_ = x = jax.random.normal(key, (40,))
    return x.at[0].set(theta + 0.5 * first).reshape(5, 8)


def of_many_numbers():
    theta = Normal(0.0, 1.0, name="theta")
    Implicit(noisy, theta, name="x")


def test_simulations_known_by_heart_are_told(near):
    x = np.asarray(noisy(KEY, 0.5))
    options = InferenceOptions(objective="forward", simulations=300, steps=1200, ratio_estimators=1)
    result = fit(KEY, Problem(of_many_numbers, {"x": x}), options=options, num_draws=500)
    assert any("knows these by heart" in each for each in result.warnings)
    assert result.diagnostics["held_out_gap"] > 0.3 > near.diagnostics["held_out_gap"]
    assert near.warnings == []


def test_steps_by_the_number_of_simulations():
    """How many there are to be at first, and at most."""
    problem = Problem(two_modes, {"x": np.array([1.0, 0.3])})
    known = [
        (300, 600, 1200),
        (1000, 2000, 4000),
        (4000, 4000, 11_183),
        (16_000, 8000, 20_000),
        (50_000, 12_000, 12_000),
    ]
    for simulations, few, steps in known:
        session = initialize(KEY, problem, options=InferenceOptions(objective="forward", simulations=simulations))
        assert (session.total, session.options.steps) == (few, steps)
    # Steps that are asked for are made, also where fewer would be tried first.
    asked = InferenceOptions(objective="forward", simulations=300, steps=1000)
    assert initialize(KEY, problem, options=asked).total == 1000


@pytest.mark.parametrize(
    ("latents", "numbers", "simulations", "few"),
    [(1, 10, 1000, 2000), (4, 10, 9000, 6000), (8, 10, 9000, 3000), (1, 11, 9000, 1800), (1, 11, 4000, 1000)],
)
def test_fewer_steps_of_more_latents_and_of_more_numbers(latents, numbers, simulations, few):
    options = InferenceOptions(objective="forward", simulations=simulations)
    assert options.few_steps(objective="forward", external=False, numbers=numbers, latents=latents) == few


@pytest.mark.parametrize(
    ("numbers", "simulations", "steps", "rate", "estimators"),
    [
        (32, 100_000, 12_000, 0.003, 1),
        (33, 100_000, 6000, 0.005, 1),
        (32, 20_000, 20_000, 0.003, 5),
        (33, 20_000, 6000, 0.005, 2),
        (10, 1000, 4000, 0.003, 5),
        (11, 1000, 1000, 0.003, 5),
        (33, 6000, 6000, 0.005, 5),
    ],
)
def test_data_sets_of_many_numbers_take_fewer_steps_at_a_higher_rate(numbers, simulations, steps, rate, estimators):
    def many():
        theta = Normal(0.0, 1.0, name="theta")
        Normal(theta * jnp.ones(numbers), 1.0, name="x")

    options = InferenceOptions(objective="forward", simulations=simulations)
    setup, rates, resolved = plan(Problem(many, {"x": np.zeros(numbers)}), options, Parts())
    assert resolved.steps == steps
    assert setup.ratio_estimators == estimators
    assert rates.disc == pytest.approx(rate)


@pytest.fixture(scope="module")
def near():
    options = InferenceOptions(objective="forward", **SHORT)
    return fit(jax.random.key(2), Problem(conjugate, {"x": np.array([0.8, -1.0])}), options=options, num_draws=4000)


def test_a_conjugate_posterior(near):
    variance = 1.0 / (1.0 + 1.0 / np.array([0.1, 1.0]) ** 2)
    mean = variance * np.array([0.8, -1.0]) / np.array([0.1, 1.0]) ** 2
    theta = near.posterior["theta"]
    assert np.all(np.abs(theta.mean(axis=0) - mean) < 0.15 * np.sqrt(variance))
    np.testing.assert_allclose(theta.std(axis=0), np.sqrt(variance), rtol=0.1)


def test_a_gaussian_that_is_enough_stays(near):
    assert near.diagnostics["family"] == "full_rank"
    assert set(near.variational) == {"loc", "tril", "centre_globals", "spread_globals"}


def test_data_that_the_model_does_not_produce_are_told():
    options = InferenceOptions(objective="forward", **SHORT)
    far = fit(jax.random.key(2), Problem(conjugate, {"x": np.array([30.0, -1.0])}), options=options, num_draws=100)
    assert far.diagnostics["surprise"] == 0.0
    assert any("outside what the model produces" in each for each in far.warnings)


def two_kinds():
    theta = Normal(0.0, 1.0, name="theta")
    Normal(theta, 1000.0, name="wide")
    Normal(theta, 1.0, name="narrow")


@pytest.mark.parametrize(("wide", "narrow", "told"), [(900.0, 0.5, False), (0.5, 900.0, True)])
def test_observed_variables_are_judged_each_on_its_own_scale(wide, narrow, told):
    options = InferenceOptions(objective="forward", steps=100, simulations=2000)
    problem = Problem(two_kinds, {"wide": np.array(wide), "narrow": np.array(narrow)})
    figures = finalize(run(initialize(KEY, problem, options=options)), 100).diagnostics
    assert (figures["surprise"] == 0.0) == told


def test_draws_of_a_prior_far_wider_than_the_posterior_can_be_weighed():
    """A million of q's standard deviations away, where a flow's inverse would overflow."""
    options = InferenceOptions(objective="forward", family="flow", **SHORT)
    session = initialize(KEY, Problem(conjugate, {"x": np.array([0.8, -1.0])}), options=options)
    setup, data, state = session.setup, session.data, session.state
    # A flow that is far from the identity.
    flow = state.flow + 0.3 * jax.random.normal(KEY, state.flow.shape)
    state = state._replace(q=state.q._replace(tril=1e-6 * state.q.tril), flow=flow, flow_average=flow)
    draws = forward.sample(setup, data, state, KEY, 1000, mixed=True)
    assert np.isfinite(draws.log_weight).all()


def test_without_resampling_draws_are_those_of_q():
    options = InferenceOptions(objective="forward", resample=False, **SHORT)
    own = fit(jax.random.key(2), Problem(conjugate, {"x": np.array([0.8, -1.0])}), options=options, num_draws=2000)
    assert "resampled" not in own.diagnostics
    theta = own.posterior["theta"]
    loc, tril = own.variational["loc"], own.variational["tril"]
    centre, spread = own.variational["centre_globals"], own.variational["spread_globals"]
    sd = spread * np.sqrt(np.sum(tril**2, axis=1))
    assert np.all(np.abs(theta.mean(axis=0) - (centre + spread * loc)) < 5 * sd / np.sqrt(2000))
    np.testing.assert_allclose(theta.std(axis=0), sd, rtol=5 * np.sqrt(0.5 / 2000))


def test_a_session_goes_on_bit_for_bit(near):
    options = InferenceOptions(objective="forward", **SHORT)
    problem = Problem(conjugate, {"x": np.array([0.8, -1.0])})
    session = run(initialize(jax.random.key(2), problem, options=options), stop=lambda: True)
    assert 0 < session.done < session.total
    saved = {name: value.copy() for name, value in save(session).items()}
    again = finalize(run(load(problem, saved, options=options)), 4000)
    np.testing.assert_array_equal(again.posterior["theta"], near.posterior["theta"])


def test_simulations_that_fail_are_counted_and_count_against_their_latents():
    options = InferenceOptions(objective="forward", **SHORT)
    result = fit(jax.random.key(3), Problem(half, {"x": np.array(0.6)}), options=options, num_draws=2000)
    assert result.diagnostics["dropped_simulations"] > 500
    assert any("the simulations were not finite" in each for each in result.warnings)
    # Half of the prior, and a normal likelihood.
    exact = stats.truncnorm(-0.48 / np.sqrt(0.2), np.inf, 0.48, np.sqrt(0.2))
    assert np.mean(result.posterior["theta"] > 0) > 0.97
    assert result.posterior["theta"].mean() == pytest.approx(exact.mean(), abs=0.15 * exact.std())


def test_simulations_that_all_fail_end_the_fit():
    def program():
        theta = Normal(0.0, 1.0, name="theta")
        Implicit(lambda key, theta: theta * jnp.nan, theta, name="x")

    with pytest.raises(DivergedError):
        fit(KEY, Problem(program, {"x": np.array(0.6)}), options=InferenceOptions(objective="forward", **SHORT))


def of_points(N):
    theta = Normal(0.0, 1.0, name="theta")
    with plate("N", N):
        Normal(theta, 1.0, name="x")


def with_locals(N):
    with plate("N", N):
        z = Normal(0.0, 1.0, name="z")
        Normal(z, 1.0, name="x")


def test_more_latents_than_numbers_are_not_learnt_whole_unless_simulations_are_counted():
    def program(size):
        z = Normal(0.0, 1.0, name="z", sample_shape=(3,))
        Normal(z[:size], 1.0, name="x")

    def objective(size, **options):
        problem = Problem(program, {"x": np.zeros(size)}, {"size": size}, {"size": ()})
        return initialize(KEY, problem, options=InferenceOptions(**options)).setup.objective

    assert objective(3) == "forward"
    assert objective(2) == "reverse"
    assert objective(2, simulations=1000) == "forward"


@pytest.mark.parametrize(
    ("program", "num_points", "objective"),
    [(of_points, 4, "forward"), (of_points, 5, "reverse"), (with_locals, 4, "reverse")],
)
def test_few_points_without_latents_of_their_own_are_learnt_whole(program, num_points, objective):
    problem = Problem(program, {"x": np.zeros(num_points)}, {"N": num_points}, {"N": ()})
    assert initialize(KEY, problem).setup.objective == objective
    assert initialize(KEY, problem, options=InferenceOptions(objective="reverse")).setup.objective == "reverse"


@pytest.mark.parametrize(
    "wrong",
    [
        {"method": "klqp"},
        {"contrast": "empirical"},
        {"ratio_loss": "log"},
        {"family": "mean_field"},
        {"restarts": 2},
        {"stop_when_flat": True},
        {"gen_optimizer": {"name": "adam"}},
        {"disc_updates": 2},
        {"gen_samples": 64},
    ],
)
def test_options_that_the_forward_objective_has_not_are_refused(wrong):
    with pytest.raises(ValidationError, match="objective 'forward'"):
        InferenceOptions(objective="forward", **wrong)


@pytest.mark.parametrize("objective", [None, "reverse", "amortized"])
def test_several_ratio_estimators_are_of_the_forward_objective(objective):
    with pytest.raises(ValidationError, match="ratio_estimators is for objective 'forward': name it"):
        InferenceOptions(objective=objective, ratio_estimators=5)


def test_problems_that_the_forward_objective_has_not_are_refused():
    options = InferenceOptions(objective="forward")
    problem = Problem(with_locals, {"x": np.zeros(4)}, {"N": 4}, {"N": ()})
    with pytest.raises(InferenceError, match="'z' is of each data point"):
        initialize(KEY, problem, options=options)
    problem = Problem(of_points, {"x": np.zeros(4)}, {"N": 4}, {"N": ()})
    with pytest.raises(InferenceError, match="leave `parts` out"):
        initialize(KEY, problem, options=options, parts=Parts(scale=2.0))


def line(x):
    slope = Normal(np.zeros(2), 1.0, name="slope")
    with plate("N", len(x)):
        Normal(slope[0] + slope[1] * x, 0.5, name="y")


def test_points_told_apart_by_covariates_are_learnt_together():
    x = np.linspace(-1.0, 1.0, 6, dtype=np.float32)
    y = np.array([0.1, -0.2, 0.4, 0.9, 0.8, 1.5], np.float32)
    problem = Problem(line, {"y": y}, {"x": x}, {"x": ("N",)})
    result = fit(KEY, problem, options=InferenceOptions(objective="forward", **SHORT), num_draws=4000)
    design = np.stack([np.ones(6), x], axis=1)
    covariance = np.linalg.inv(np.eye(2) + design.T @ design / 0.25)
    mean, sd = covariance @ design.T @ y / 0.25, np.sqrt(np.diag(covariance))
    slope = result.posterior["slope"]
    np.testing.assert_allclose((slope.mean(axis=0) - mean) / sd, 0.0, atol=0.2)
    np.testing.assert_allclose(slope.std(axis=0) / sd, 1.0, atol=0.15)


def all_alike(N):
    slope = Normal(0.0, 1.0, name="slope")
    Implicit(lambda key, slope: slope + 0.1 * jax.random.normal(key, (N,)), slope, name="x")


@pytest.mark.parametrize(("size", "near"), [(32, True), (33, False)])
def test_few_numbers_are_seen_by_their_distance_from_what_was_observed(size, near):
    problem = Problem(all_alike, {"x": np.full(size, 5.0, np.float32)}, {"N": size}, {"N": ()})
    session = initialize(KEY, problem, options=InferenceOptions(objective="forward", **SHORT))
    centre, log_spread = session.state.local
    np.testing.assert_allclose(centre, 5.0 if near else 0.0, atol=0.2)
    np.testing.assert_allclose(jnp.exp(log_spread), 5.0 if near else 1.0, atol=0.2)


def test_the_scale_of_many_numbers_follows_simulations():
    problem = Problem(all_alike, {"x": np.full(40, 2.0, np.float32)}, {"N": 40}, {"N": ()})
    session = initialize(KEY, problem, options=InferenceOptions(objective="forward", **SHORT))
    before = [np.asarray(each) for each in session.state.local]
    after = update(session, 600).state.local
    assert float(after[0].min()) > float(before[0].max()) + 0.5
    assert float(after[1].max()) < float(before[1].min())


def test_many_points_are_not_learnt_together():
    def structure(N):
        inputs = {"x": np.zeros(N, np.float32)}
        return layout(Problem(line, {"y": np.zeros(N, np.float32)}, inputs, {"x": ("N",)}))

    assert forward.joined(structure(256))
    assert not forward.joined(structure(257))
    assert not forward.joined(layout(Problem(of_points, {"x": np.zeros(4)}, {"N": 4}, {"N": ()})))


def test_a_ring_keeps_the_newest():
    latents, data = np.arange(10.0)[:, None], np.arange(10.0)[:, None, None]
    ring = rings.start(6, jnp.asarray(latents[:4]), jnp.asarray(data[:4]))
    ring = rings.write(ring, jnp.asarray(latents[4:8]), jnp.asarray(data[4:8]).at[0].set(jnp.nan))
    assert int(ring.written) == 8
    assert sorted(ring.latents[:, 0].tolist()) == [2, 3, 4, 5, 6, 7]
    taken, values, finite = rings.batch(ring, KEY, 50)
    assert set(taken[:, 0].tolist()) == {2, 3, 4, 5, 6, 7}
    np.testing.assert_array_equal(np.asarray(finite), np.asarray(taken[:, 0] != 4))
    np.testing.assert_array_equal(np.asarray(values[:, 0, 0])[finite], np.asarray(taken[:, 0])[finite])
    assert np.all(np.asarray(values)[~np.asarray(finite)] == 0.0)


def test_pairs_are_of_every_data_set_and_every_draw():
    critic = PairCritic(3, 2, width=8, rank=4, pairs=5, key=KEY)
    points, eps = jax.random.normal(KEY, (6, 4, 3)), jax.random.normal(KEY, (7, 2))
    of_data, of_latents = jax.vmap(critic.of_data)(points), jax.vmap(critic.of_latents)(eps, eps)
    table = critic.pairs(of_data, of_latents)
    assert table.shape == (6, 7)
    one = critic.pairs(critic.of_data(points[2])[None], critic.of_latents(eps[3], eps[3])[None])
    np.testing.assert_allclose(one[0, 0], table[2, 3], rtol=1e-4, atol=1e-5)

    # r is a sum over the points of a data set, but for the constants of its two towers.
    def ratio(points):
        return critic.pairs(critic.of_data(points)[None], of_latents)[0]

    np.testing.assert_allclose(ratio(points[2][::-1]), table[2], rtol=1e-4, atol=1e-5)
    a, b, c, d = points[2]
    swapped = ratio(jnp.stack([a, b])) + ratio(jnp.stack([c, d])), ratio(jnp.stack([a, c])) + ratio(jnp.stack([b, d]))
    np.testing.assert_allclose(*swapped, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("budget", "steps", "at_once"), [(200, 100, 8), (1000, 12_000, 9), (100_000, 12_000, 128), (10**7, 12_000, 834)]
)
def test_as_many_simulations_at_once_as_the_budget_wants(budget, steps, at_once):
    assert forward.fresh_simulations(budget, steps, external=False) == at_once
    left = budget - forward.first_simulations(budget)
    assert steps * at_once >= left


def test_limits_of_simulations_at_once():
    assert forward.fresh_simulations(10**8, 100, external=False) == forward.RING // 2
    assert forward.fresh_simulations(1000, 12_000, external=True) == forward.FEWEST_EXTERNAL
    # No more than a pool of processes keeps until they are asked for.
    assert forward.fresh_simulations(200_000, 150, external=True) == 512


@pytest.mark.parametrize(
    ("budget", "steps", "external"),
    [(100_000, 12_000, False), (1000, 1000, False), (10_000, 10_000, True), (5000, 5000, True), (2000, 100, True)],
)
def test_every_round_comes(budget, steps, external):
    first, fresh = forward.first_simulations(budget), forward.fresh_simulations(budget, steps, external=external)
    rounds = (budget - first) // fresh + external
    rates = Rates(*(jnp.float32(x) for x in (steps, 0, 0, 0, 0, budget, rounds, 0, 1)))
    made = np.asarray(forward.begins_round(rates, jnp.arange(steps)))
    # What is left for the last step is a round that was begun before it.
    assert made.sum() in (rounds, rounds - external)
    assert made.sum() <= steps


def test_the_gaussian_moves_no_faster_than_r_can_follow():
    """At first at once; later over no less than two fifths of the steps over which r is averaged."""
    _, rates, _ = plan(Problem(two_modes, {"x": np.zeros(2)}), InferenceOptions(objective="forward"), Parts())
    early, late = np.array([0, 100, 400]), np.arange(1500, 12_000, 100)
    assert np.all(moments_rate(rates, early) > 0.09)
    averaged = np.minimum(AVERAGED, (10 + late) / 9)
    assert np.all(EVERY / moments_rate(rates, late) > 0.4 * averaged)


@pytest.mark.parametrize(
    ("budget", "steps", "few", "external"), [(10_000, 20_000, 2000, False), (2000, 6795, 1000, True)]
)
def test_every_round_comes_where_few_steps_were_not_enough(budget, steps, few, external):
    """As often as in a fit of few steps for 500 of these, until that is decided, and then evenly."""
    first, fresh = forward.first_simulations(budget), forward.fresh_simulations(budget, steps, external=external)
    rounds = (budget - first) // fresh + external

    def made(steps):
        rates = Rates(*(jnp.float32(x) for x in (steps, 0, 0, 0, 0, budget, rounds, few, 1)))
        begun = np.asarray(forward.begins_round(rates, jnp.arange(steps)))
        assert begun.sum() in (rounds, rounds - external)
        assert begun[:500].sum() == rounds * 500 // few
        return begun

    half = (steps - 500) // 2
    assert made(steps)[-half:].sum() == pytest.approx((rounds - rounds * 500 // few) * half / (steps - 500), abs=1)
    np.testing.assert_array_equal(made(few)[:500], made(steps)[:500])


def test_parts_of_the_ring():
    ring = rings.start(8, jnp.arange(5.0)[:, None], jnp.arange(5.0)[:, None, None])
    ring = rings.write(ring, jnp.arange(5.0, 10.0)[:, None], jnp.arange(5.0, 10.0)[:, None, None])
    assert rings.newest(ring, 3)[0][:, 0].tolist() == [9, 8, 7]
    assert rings.middle(ring, 4)[0][:, 0].tolist() == [4, 5, 6, 7]
    few = rings.start(8, jnp.arange(3.0)[:, None], jnp.arange(3.0)[:, None, None])
    assert set(rings.newest(few, 6)[0][:, 0].tolist()) == {0, 1, 2}
    assert set(rings.middle(few, 6)[0][:, 0].tolist()) == {0, 1, 2}


def test_what_is_not_there_is_not_written():
    ring = rings.start(8, jnp.arange(5.0)[:, None], jnp.arange(5.0)[:, None, None])
    same = rings.write(ring, jnp.full((4, 1), 9.0), jnp.full((4, 1, 1), 9.0), jnp.asarray(False))
    jax.tree.map(np.testing.assert_array_equal, same, ring)


def test_a_step_does_not_copy_the_ring():
    """Of many numbers it is large, and a branch of a condition that may write to it would copy it in each step."""
    options = InferenceOptions(objective="forward", simulations=2_000, steps=2_000)
    session = initialize(KEY, Problem(two_modes, {"x": np.array([1.0, 0.3])}), options=options)
    setup, rates, data = session.setup, session.rates, session.data

    def loop(state):
        return jax.lax.fori_loop(0, 3, lambda _, state: forward.step(setup, rates, data, state), state)

    compiled = jax.jit(loop).lower(session.state).compile().as_text()
    shape = ",".join(map(str, session.state.ring.data.shape))
    copies = [line for line in compiled.splitlines() if re.search(rf"= f32\[{shape}\]\S* copy\(", line)]
    # One is before the loop, since the state that is given in must be kept.
    assert len(copies) == 1


def test_a_stretch_of_the_ring_holds_no_simulation_twice():
    ring = rings.start(16, jnp.arange(12.0)[:, None], jnp.arange(12.0)[:, None, None])
    for key in jax.random.split(KEY, 20):
        latents, data, finite = rings.stretch(ring, key, 12)
        assert sorted(latents[:, 0].tolist()) == list(range(12))
        np.testing.assert_array_equal(latents[:, 0], data[:, 0, 0])
        assert finite.all()


def test_half_of_the_contrasts_are_among_neighbours():
    options = InferenceOptions(objective="forward", **SHORT)
    session = initialize(KEY, Problem(two_modes, {"x": np.array([1.0, 0.3])}), options=options)
    latents, data, finite = forward.contrasts(session.setup, KEY, session.state)
    assert latents.shape == (10, 16, 1)
    assert data.shape == (10, 16, 1, 2)
    assert finite.all()
    spread = np.std(latents[..., 0], axis=1)
    assert spread[:5].min() > 3 * spread[5:].max()
    # Each comes with what was simulated at it.
    raw = session.data.latent_centre + session.data.latent_spread * latents
    assert np.std(data[..., 0, 0] - raw[..., 0] ** 2) == pytest.approx(NOISE, rel=0.3)


OUTSIDE = InferenceOptions(objective="forward", steps=1500, simulations=1500, ratio_estimators=1)


@pytest.fixture(scope="module")
def outside(tmp_path_factory):
    """A conjugate simulator that is not JAX and fails one time in ten; and a folder in which it leaves a dot for each
    call in the file `calls`, and where a file `broken` breaks it."""
    folder = tmp_path_factory.mktemp("outside")
    (folder / "calls").write_text("")

    def simulate(rng, theta):
        with (folder / "calls").open("a") as file:
            file.write(".")
        if rng.random() < 0.1 or (folder / "broken").exists():
            raise ValueError("bad luck")
        return theta + np.array([0.1, 1.0]) * rng.normal(size=2)

    sampler = external(simulate, shape=(2,))

    def program():
        theta = Normal(np.zeros(2), 1.0, name="theta")
        Implicit(sampler, theta, name="x")

    return Problem(program, {"x": np.array([0.5, -0.5])}), folder


def test_a_simulator_that_is_not_jax(outside):
    problem, folder = outside
    result = fit(KEY, problem, options=OUTSIDE, num_draws=4000)
    # What is counted is what was run: nothing begun is lost, and nothing is run twice.
    assert len((folder / "calls").read_text()) == result.diagnostics["simulations"]
    assert 1450 < result.diagnostics["simulations"] <= 1500
    variance = 1.0 / (1.0 + np.array([100.0, 1.0]))
    mean = np.array([0.5, -0.5]) * np.array([100.0, 1.0]) * variance
    theta = result.posterior["theta"]
    np.testing.assert_allclose((theta.mean(axis=0) - mean) / variance**0.5, 0.0, atol=0.25)
    np.testing.assert_allclose(theta.std(axis=0) / variance**0.5, 1.0, atol=0.2)
    failed = result.diagnostics["simulation_failures"]["ValueError: bad luck"]
    assert failed == result.diagnostics["dropped_simulations"]
    assert abs(failed / 1500 - 0.1) < 4 * (0.09 / 1500) ** 0.5
    assert any(f"{failed} times: ValueError: bad luck" in warning for warning in result.warnings)


def test_a_fit_of_a_simulator_that_is_not_jax_goes_on_from_a_checkpoint(outside):
    problem, _ = outside
    whole = update(initialize(KEY, problem, options=OUTSIDE), 150)
    session = update(initialize(KEY, problem, options=OUTSIDE), 90)
    assert bool(session.state.begun.held)
    rest = update(load(problem, save(session), options=OUTSIDE), 60)
    for a, b in zip(jax.tree.leaves(rest.state.q), jax.tree.leaves(whole.state.q), strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(rest.state.ring.data, whole.state.ring.data)


def test_a_simulator_that_always_fails_says_why(outside):
    problem, folder = outside
    (folder / "broken").touch()
    with pytest.raises(DivergedError, match="most often ValueError: bad luck"):
        run(initialize(KEY, problem, options=OUTSIDE))


def test_a_simulator_that_is_not_jax_amortized(outside):
    problem, folder = outside
    (folder / "calls").write_text("")
    (folder / "broken").unlink(missing_ok=True)
    options = InferenceOptions(objective="amortized", simulations=600, steps=300)
    result = fit(KEY, problem, options=options, num_draws=500)
    assert len((folder / "calls").read_text()) == result.diagnostics["simulations"] <= 600
    assert result.diagnostics["simulation_failures"]["ValueError: bad luck"] > 20
    answers = Answers(problem, options, result.variational)
    assert np.all(np.isfinite(answers.answer({"x": np.zeros(2)}, seed=0, num_draws=100).posterior["theta"]))
    assert len((folder / "calls").read_text()) == result.diagnostics["simulations"]
