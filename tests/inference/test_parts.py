"""The user's own parts in the place of the engine's, and the choices of options, by cases with known answers."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pydantic
import pytest
from numpyro.distributions import constraints

from tacit.errors import InferenceError
from tacit.inference import InferenceOptions, Parts, Problem, contrasts, finalize, fit, initialize, update
from tacit.inference.ratio_losses import log_loss
from tacit.ppl import Implicit, Normal, Parameter, plate

KEY = jax.random.key(0)
X = np.random.default_rng(0).normal(0.7, 1.0, 40).astype(np.float32)
Y = np.random.default_rng(1).normal(0.7, 2.0, 40).astype(np.float32)


def one_mean(N):
    mu = Normal(0.0, 1.0, name="mu")
    with plate("N", N):
        Normal(mu, 1.0, name="x")


def two_kinds(N):
    mu = Normal(0.0, 1.0, name="mu")
    with plate("N", N):
        Normal(mu, 1.0, name="x")
        Normal(mu, 2.0, name="y")


MEAN = Problem(one_mean, observed={"x": X}, inputs={"N": 40})
BOTH = Problem(two_kinds, observed={"x": X, "y": Y}, inputs={"N": 40})


def posterior(weight_x, weight_y=0.0):
    """Mean and sd of mu when each x counts `weight_x` times, each y `weight_y` times."""
    precision = 1.0 + 40 * (weight_x + weight_y / 4)
    return (weight_x * X.sum() + weight_y / 4 * Y.sum()) / precision, precision**-0.5


def assert_posterior(draws, mean, sd):
    assert abs(draws.mean() - mean) < 0.15 * sd
    assert draws.std() == pytest.approx(sd, rel=0.1)


class Quadratic(eqx.Module):
    """log Normal(x; mu, sd) up to a function of x, when `slope` is 1 / sd^2 and `curve` is -1 / (2 sd^2)."""

    slope: jax.Array
    curve: jax.Array
    name: str = eqx.field(static=True)

    def __init__(self, name="x"):
        self.slope, self.curve, self.name = jnp.zeros(()), jnp.zeros(()), name

    def __call__(self, data, local_latents, global_latents):
        assert local_latents == {}
        mu = global_latents["mu"]
        return self.slope * data[self.name] * mu + self.curve * mu**2


def quadratic(key):
    return Quadratic()


def test_the_empirical_contrast_draws_globals_wider_than_q():
    """The mean square of mu around the centre of q, here taken for the loss, grows with the square of the width."""
    square = eqx.tree_at(lambda r: r.curve, Quadratic(), jnp.ones(()))
    parts = Parts(ratio_estimator=lambda key: square, ratio_loss=lambda psamples, qsamples: qsamples)

    def around_centre(width):
        options = InferenceOptions(contrast="empirical", proposal_width=width)
        session = initialize(KEY, MEAN, options=options, parts=parts)
        report = contrasts.empirical(
            session.setup, session.rates, session.data, KEY, session.state.ratio, session.state
        )
        return float(report.loss - session.data.latent_centre.globals[0] ** 2)

    assert around_centre(3.0) == pytest.approx(9.0 * around_centre(1.0), rel=1e-3)


def test_the_users_ratio_estimator_learns_the_true_ratio():
    options = InferenceOptions(steps=3000, disc_learning_rate=0.03)
    parts = Parts(ratio_estimator=quadratic)
    session = initialize(KEY, MEAN, options=options, parts=parts)
    session = update(session, 3000)
    learnt = session.state.ratio_average
    assert float(learnt.slope) == pytest.approx(1.0, abs=0.15)
    assert float(learnt.curve) == pytest.approx(-0.5, abs=0.15)
    assert_posterior(finalize(session, 4000).posterior["mu"], *posterior(1.0))


class Off(eqx.Module):
    """The true log likelihood of one_mean up to a function of x, and an error that never changes: for all points
    together `error` of mu, that in standard deviations from its posterior mean."""

    unused: jax.Array
    error: Callable[[jax.Array], jax.Array] = eqx.field(static=True)

    def __call__(self, data, local_latents, global_latents):
        mu, (mean, sd) = global_latents["mu"], posterior(1.0)
        return data["x"] * mu - mu**2 / 2 + self.error((mu - mean) / sd) / len(X) + 0.0 * self.unused


@pytest.mark.parametrize("error", [lambda u: 1.5 * u, lambda u: 2.0 * u / (1.0 + u**2)], ids=["line", "bump"])
def test_what_the_ratio_estimator_gets_wrong_is_removed(error):
    """Alone the errors would move q by 1.5 and by about 0.6 standard deviations."""
    parts = Parts(ratio_estimator=lambda key: Off(jnp.zeros(()), error))
    result = fit(KEY, MEAN, options=InferenceOptions(steps=2000), parts=parts, num_draws=4000)
    assert_posterior(result.posterior["mu"], *posterior(1.0))


class Both(eqx.Module):
    x: Quadratic
    y: Quadratic

    def __call__(self, data, local_latents, global_latents):
        return {name: part(data, local_latents, global_latents) for name, part in (("x", self.x), ("y", self.y))}


def both(key):
    return Both(Quadratic("x"), Quadratic("y"))


def test_a_dict_of_ratios_takes_a_dict_of_scales():
    parts = Parts(ratio_estimator=both, scale=(("x", 1.0), ("y", 3.0)))
    result = fit(KEY, BOTH, options=InferenceOptions(steps=3000, disc_learning_rate=0.03), parts=parts, num_draws=4000)
    assert_posterior(result.posterior["mu"], *posterior(1.0, 3.0))


def test_one_scale_multiplies_the_likelihood():
    result = fit(KEY, MEAN, options=InferenceOptions(steps=2000), parts=Parts(scale=0.5), num_draws=4000)
    assert_posterior(result.posterior["mu"], *posterior(0.5))


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        (Parts(scale=(("x", 1.0), ("y", 1.0))), "the default ratio estimator has one output"),
        (Parts(ratio_estimator=both), "returns a dict of 'x', 'y', scale has one array"),
        (Parts(ratio_estimator=lambda key: lambda data, z, beta: jnp.zeros(3)), r"returns shape \(3,\)"),
    ],
)
def test_parts_that_do_not_fit_are_refused(parts, says):
    with pytest.raises(InferenceError, match=says):
        fit(KEY, BOTH, options=InferenceOptions(steps=100), parts=parts, num_draws=10)


def test_a_callable_loss_does_what_the_named_one_does():
    named = fit(KEY, MEAN, options=InferenceOptions(steps=200, ratio_loss="log"), num_draws=10)
    given = fit(KEY, MEAN, options=InferenceOptions(steps=200), parts=Parts(ratio_loss=log_loss), num_draws=10)
    np.testing.assert_array_equal(named.posterior["mu"], given.posterior["mu"])


def test_a_loss_added_to_q_pulls_it():
    """The loss of q's mean, (mean - m)^2 / (2 sd^2) in units of the prior, gains weight * mean^2 / 2."""
    weight = 41.0  # as much as prior and data together: half way to zero
    parts = Parts(gen_regularization=lambda q: weight * jnp.sum(q.loc**2) / 2)
    options = InferenceOptions(method="klqp", steps=1000)
    pulled = fit(KEY, MEAN, options=options, parts=parts, num_draws=4000).posterior["mu"].mean()
    mean, sd = posterior(1.0)
    assert pulled == pytest.approx(mean / 2, abs=0.15 * sd)


def test_a_loss_added_to_the_ratio_estimator_holds_it_back():
    parts = Parts(ratio_estimator=quadratic, disc_regularization=lambda r: 1e4 * (r.slope**2 + r.curve**2))
    session = update(initialize(KEY, MEAN, options=InferenceOptions(steps=300), parts=parts), 75)
    assert abs(float(session.state.ratio.slope)) < 0.05


def test_disc_and_gen_are_updated_alone():
    session = initialize(KEY, MEAN, options=InferenceOptions(steps=200))
    q, ratio = jax.device_get((session.state.q, session.state.ratio))
    session = update(session, 5, variables="Disc")
    assert not _equal(session.state.ratio, ratio)
    assert _equal(session.state.q, q)
    ratio = jax.device_get(session.state.ratio)
    session = update(session, 5, variables="Gen")
    assert _equal(session.state.ratio, ratio)
    assert not _equal(session.state.q, q)
    assert session.done == 10


def _equal(a, b):
    return all(np.array_equal(x, y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))


CORRELATED = np.array([[2.0, 1.2], [1.2, 1.0]])


def sum_and_first(x):
    """Precision of w given N rows: I + x' x, correlated."""
    w = Normal(0.0, 1.0, name="w", sample_shape=(2,))
    with plate("N", x.shape[0]):
        Normal(x @ w.value, 1.0, name="y")


def correlated_problem():
    x = np.random.default_rng(2).multivariate_normal([0, 0], CORRELATED, 30).astype(np.float32)
    y = (x @ [0.5, -0.5] + np.random.default_rng(3).normal(size=30)).astype(np.float32)
    return Problem(sum_and_first, observed={"y": y}, inputs={"x": x}, axes={"x": ("N", "D")}), np.eye(2) + x.T @ x


def test_mean_field_has_the_precisions_of_the_diagonal():
    problem, precision = correlated_problem()
    options = InferenceOptions(method="klqp", steps=1000, family="mean_field")
    draws = fit(KEY, problem, options=options, num_draws=4000).posterior["w"]
    np.testing.assert_allclose(draws.std(axis=0), np.diag(precision) ** -0.5, rtol=0.06)
    assert abs(np.corrcoef(draws.T)[0, 1]) < 0.05


@pytest.mark.parametrize(
    "chosen",
    [
        {"gen_optimizer": {"name": "adam", "schedule": "linear"}, "gen_learning_rate": 0.02},
        {"gen_optimizer": {"name": "sgd", "options": {"momentum": 0.5}}, "gen_learning_rate": 0.05},
    ],
)
def test_q_arrives_by_other_optimizers(chosen):
    problem, precision = correlated_problem()
    options = InferenceOptions.model_validate({"method": "klqp", "steps": 2000, **chosen})
    draws = fit(KEY, problem, options=options, num_draws=4000).posterior["w"]
    np.testing.assert_allclose(draws.std(axis=0), np.diag(np.linalg.inv(precision)) ** 0.5, rtol=0.06)


def test_q_arrives_by_an_optax_object():
    problem, precision = correlated_problem()
    parts = Parts(gen_optimizer=optax.adam(optax.cosine_decay_schedule(0.02, 2000)))
    options = InferenceOptions(method="klqp", steps=2000)
    draws = fit(KEY, problem, options=options, parts=parts, num_draws=4000).posterior["w"]
    np.testing.assert_allclose(draws.std(axis=0), np.diag(np.linalg.inv(precision)) ** 0.5, rtol=0.06)


@pytest.mark.parametrize(
    ("chosen", "says"),
    [
        ({"disc_optimizer": {"name": "adamm"}}, "optimizer 'adamm' is not known; use one of"),
        ({"disc_optimizer": {"name": "natural"}}, "optimizer 'natural' is not known"),
        ({"gen_optimizer": {"name": "sgd", "options": {"b7": 1.0}}}, "does not take these options"),
        ({"gen_optimizer": {"name": "sgd", "schedule": "step"}}, "Input should be 'constant', 'cosine'"),
    ],
)
def test_optimizers_that_do_not_exist_are_refused(chosen, says):
    with pytest.raises(pydantic.ValidationError, match=says):
        InferenceOptions.model_validate(chosen)


def hidden(N):
    mu = Normal(0.0, 1.0, name="mu")
    with plate("N", N):
        z = Implicit(lambda key, mean: mean + 0.1 * jax.random.normal(key), mu, name="z")
        Normal(z.value, 1.0, name="x")


def test_an_implicit_local_latent_is_refused_where_its_prior_would_be_lost():
    with pytest.raises(InferenceError, match="local latent 'z' is implicit"):
        fit(KEY, Problem(hidden, observed={"x": X}, inputs={"N": 40}), num_draws=10)


def drifting(N):
    theta = Parameter(0.0, name="theta", spread=2.0)
    scale = Parameter(1.0, name="scale", support=constraints.positive)
    with plate("N", N):
        z = Normal(0.0, 1.0, name="z")
        Normal(theta + z, scale, name="x")


def test_parameters_are_estimated_at_the_maximum_of_the_evidence():
    """x ~ N(theta, 1 + scale^2): the evidence is greatest at the mean of x and at its variance less one."""
    x = np.random.default_rng(0).normal(3.0, 2.0, 400).astype(np.float32)
    options = InferenceOptions(method="klqp", steps=2000)
    result = fit(jax.random.key(0), Problem(drifting, observed={"x": x}, inputs={"N": 400}), options=options)
    # To within a quarter of the standard errors, 0.1 and, of log scale, 0.047.
    assert result.posterior["theta"].mean() == pytest.approx(x.mean(), abs=0.025)
    assert np.log(result.posterior["scale"]).mean() == pytest.approx(np.log(x.var() - 1.0) / 2, abs=0.02)
