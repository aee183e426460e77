"""The scale of its own that each point has: what it is in closed form, and what it is for."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tacit.inference import InferenceOptions, Problem, fit
from tacit.inference.implicit_klqp import init, jump, prepare
from tacit.inference.parts import Parts
from tacit.inference.planning import plan
from tacit.inference.point_scale import MOST_POINTS
from tacit.inference.problem import arrays, layout
from tacit.ppl import BernoulliLogits, Normal, plate

KEY = jax.random.key(0)
X = np.linspace(-300.0, 300.0, 40).astype(np.float32)


def line(x):
    slope = Normal(0.0, 1.0, name="slope")
    with plate("N", len(x)):
        Normal(slope * x, 1.0, name="y")


@pytest.fixture
def problem():
    y = 0.5 * X + np.random.default_rng(0).normal(size=len(X)).astype(np.float32)
    return Problem(line, observed={"y": y}, inputs={"x": X}, axes={"x": ("N",)})


def has_one(problem, **options):
    return plan(problem, InferenceOptions(**options), Parts())[0].point_scale


def test_it_is_that_of_simulations_around_the_frame(problem):
    """At the prior y[n] ~ N(0, x[n]^2 + 1); where the slope is 0.5 within 0.01, N(0.5 x[n], (0.01 x[n])^2 + 1)."""
    setup, _, _ = plan(problem, InferenceOptions(), Parts())
    data = prepare(setup, KEY, arrays(problem, layout(problem)))
    state = init(setup, KEY, data)
    np.testing.assert_allclose(state.point_scale.spread[:, 0], np.sqrt(X**2 + 1), rtol=0.5)
    assert np.max(np.abs(state.point_scale.centre[:, 0]) / np.sqrt(X**2 + 1)) < 0.5
    loc = (0.5 - data.latent_centre.globals) / data.latent_spread.globals
    q = state.q._replace(loc=loc, tril=0.01 * jnp.eye(1) / data.latent_spread.globals)
    frame, local = jump(setup, data, state._replace(q=q))
    np.testing.assert_array_equal(frame.loc, loc)
    spread = np.sqrt((0.01 * X) ** 2 + 1)
    np.testing.assert_allclose(local.spread[:, 0], spread, rtol=0.5)
    assert np.max(np.abs(local.centre[:, 0] - 0.5 * X) / spread) < 0.5


def test_points_that_are_alike_have_the_same_scale(problem):
    twice = Problem(
        line,
        observed={"y": np.tile(problem.observed["y"], 2)},
        inputs={"x": np.tile(X, 2)},
        axes={"x": ("N",)},
    )
    setup, _, _ = plan(twice, InferenceOptions(), Parts())
    state = init(setup, KEY, prepare(setup, KEY, arrays(twice, layout(twice))))
    for part in state.point_scale:
        np.testing.assert_array_equal(part[: len(X)], part[len(X) :])


def test_who_has_one(problem):
    def logits(x):
        slope = Normal(0.0, 1.0, name="slope")
        with plate("N", len(x)):
            BernoulliLogits(slope * x, name="y")

    def own(x):
        slope = Normal(0.0, 1.0, name="slope")
        with plate("N", len(x)):
            height = Normal(0.0, 1.0, name="height")
            Normal(height + slope * x, 1.0, name="y")

    def alike(N):
        mean = Normal(0.0, 1.0, name="mean")
        with plate("N", N):
            Normal(mean, 1.0, name="y")

    y = problem.observed["y"]
    given = {"inputs": {"x": X}, "axes": {"x": ("N",)}}
    assert has_one(problem)
    assert not has_one(problem, method="klqp")
    assert not has_one(problem, contrast="empirical")
    assert not has_one(problem, objective="forward")
    for size, expected in ((MOST_POINTS, True), (MOST_POINTS + 1, False)):
        many = np.zeros(size, np.float32)
        assert has_one(Problem(line, observed={"y": many}, inputs={"x": many}, axes={"x": ("N",)})) == expected
    assert not has_one(Problem(logits, observed={"y": (y > 0).astype(np.int32)}, **given))
    assert not has_one(Problem(own, observed={"y": y}, **given))
    assert not has_one(Problem(alike, observed={"y": y}, inputs={"N": len(y)}))


def test_noise_that_is_a_small_part_of_the_spread_of_the_data():
    """The posterior is 600 times as narrow as the prior, and the spread of y 200 times its noise. On the common scale
    alone the sds come out 1.16 to 1.27 times too large (seeds 0 and 1), on both 1.03 to 1.08."""

    def plane(x):
        w = Normal(jnp.zeros(3), 1.0, name="w")
        with plate("N", len(x)):
            Normal(x @ w.value, 1.0, name="y")

    rng = np.random.default_rng(0)
    x = 100 * rng.normal(size=(40, 3)).astype(np.float32)
    y = (x @ rng.normal(size=3) + rng.normal(size=40)).astype(np.float32)
    covariance = np.linalg.inv(np.eye(3) + x.T.astype(float) @ x)
    sd = np.sqrt(np.diag(covariance))
    problem = Problem(plane, observed={"y": y}, inputs={"x": x}, axes={"x": ("N", "D")})
    draws = fit(KEY, problem, options=InferenceOptions(steps=3000), num_draws=4000).posterior["w"]
    assert np.max(np.abs(draws.mean(axis=0) - covariance @ x.T.astype(float) @ y) / sd) < 0.3
    np.testing.assert_allclose(draws.std(axis=0) / sd, 1.0, atol=0.12)
