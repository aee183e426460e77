"""Several fits side by side that end early, on a posterior known by conjugacy; one session serves all tests."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tacit.errors import InferenceError
from tacit.inference import InferenceOptions, Problem, driver, finalize, initialize, load, pooling, restarts, run
from tacit.ppl import Normal, plate

X = np.random.default_rng(0).normal(1.5, 1.0, 50).astype(np.float32)
MEAN, SD = X.sum() / 51, 51**-0.5
OPTIONS = InferenceOptions(
    method="klqp", steps=1000, restarts=2, restart_choice="pooled", stop_when_flat=True, flat_tolerance=10.0
)


def one_mean(N):
    mu = Normal(0.0, 1.0, name="mu")
    with plate("N", N):
        Normal(mu, 1.0, name="x")


PROBLEM = Problem(one_mean, observed={"x": X}, inputs={"N": 50})


@pytest.fixture(scope="module")
def made():
    """A session at its end, its checkpoints, and what it reported."""
    checkpoints, reports = [], []
    session = initialize(jax.random.key(0), PROBLEM, options=OPTIONS)
    session = run(session, on_progress=reports.append, on_checkpoint=checkpoints.append, checkpoint_seconds=0.0)
    return session, checkpoints, reports


def test_pooled_draws_are_of_all_restarts_and_of_the_posterior(made):
    result = finalize(made[0], 4001)
    draws = result.posterior["mu"]
    assert len(draws) == result.diagnostics["draws"] == 4001
    assert draws.mean() == pytest.approx(MEAN, abs=0.1 * SD)
    assert draws.std() == pytest.approx(SD, rel=0.06)
    assert result.variational["loc"].shape == (2, 1)
    assert not np.array_equal(*result.variational["loc"])
    assert result.diagnostics["restarts"] == 2
    assert result.diagnostics["chosen_restarts"] == [0, 1]
    assert result.warnings == []


def test_a_flat_loss_ends_the_fit_before_its_budget(made):
    session, _, reports = made
    # Two windows of 50 steps after 350; then the closing tenth.
    assert session.done == session.total == int(np.ceil(451.5 / 0.9))
    diagnostics = finalize(session, 200).diagnostics
    assert (diagnostics["steps"], diagnostics["budget"], diagnostics["ended"]) == (session.total, 1000, "flat")
    assert reports[-1].step == reports[-1].total == session.total


def test_it_goes_on_from_a_checkpoint_bit_for_bit_and_ends_at_the_same_step(made):
    session, checkpoints, _ = made
    for saved in (checkpoints[0], checkpoints[-1]):
        resumed = run(load(PROBLEM, saved, options=OPTIONS))
        assert resumed.done == session.done
        np.testing.assert_array_equal(finalize(resumed, 200).posterior["mu"], finalize(session, 200).posterior["mu"])


def test_a_checkpoint_of_another_number_of_steps_is_refused(made):
    saved = driver.save(initialize(jax.random.key(0), PROBLEM, options=OPTIONS))
    for other in ({"steps": 900}, {"steps": 1100, "stop_when_flat": False}):
        with pytest.raises(InferenceError, match="1000 steps"):
            load(PROBLEM, saved, options=OPTIONS.model_copy(update=other))


def test_the_restart_whose_q_is_nearer_to_the_posterior_is_the_best(made):
    """One q is moved by two posterior standard deviations: its loss grows by 2^2 / 2."""
    session = made[0]
    q = session.state.q_average
    moved = q._replace(loc=q.loc.at[0].add(2.0 * q.tril[0, 0]))
    state = session.state._replace(q_average=moved)
    losses = np.asarray(restarts.judge(session.setup, session.data, jax.random.key(1), state))
    assert losses.shape == (2, 2)
    np.testing.assert_allclose(losses[0] - losses[1], 2.0, atol=0.15)
    assert restarts.best(losses) == 1
    best = session._replace(state=state, options=OPTIONS.model_copy(update={"restart_choice": "best"}))
    result = finalize(best, 1000)
    assert result.diagnostics["chosen_restarts"] == [1]
    assert result.diagnostics["restart_losses"] == [pytest.approx(2.0, abs=0.15), 0.0]
    assert result.posterior["mu"].mean() == pytest.approx(MEAN, abs=0.2 * SD)


def test_a_restart_that_is_not_finite_is_never_the_best():
    losses = np.array([[np.nan, np.nan], [5.0, 6.0]])
    assert restarts.best(losses) == 1
    assert pooling.comparison(losses, [1])["restart_losses"] == [None, 0.0]


def test_figures_of_several_restarts_count_the_worst():
    one = {"method": "klqp", "k_hat": 0.1, "draws": 10, "resampled": True, "effective_draws": 9.0}
    other = one | {"k_hat": 0.8, "resampled": False, "effective_draws": None}
    expected = {"method": "klqp", "k_hat": 0.8, "draws": 20, "resampled": False, "effective_draws": None}
    assert pooling.pooled([one, other]) == expected


def test_the_clock_is_common_to_all_restarts(made):
    state = made[0].state
    assert jnp.shape(state.step) == jnp.shape(state.frame_age) == ()
    assert state.key.shape == state.loss_gen.shape == (2,)
