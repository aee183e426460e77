"""What inference reads off a program."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest

from tacit.errors import InferenceError
from tacit.inference.problem import Problem, arrays, layout, prior_draw, run_points, take_points
from tacit.ppl import Bernoulli, Deterministic, Dirichlet, HalfCauchy, Implicit, Normal, Uniform, plate

SIGMA = np.array([15.0, 10.0, 16.0, 11.0], np.float32)
Y = np.array([28.0, 8.0, -3.0, 7.0], np.float32)


def schools(sigma):
    mu = Normal(0.0, 5.0, name="mu")
    tau = HalfCauchy(5.0, name="tau")
    with plate("J", sigma.shape[0]):
        theta = Normal(mu, tau, name="theta")
        Deterministic(theta / tau, name="ratio")
        Normal(theta, sigma, name="y")


SCHOOLS = Problem(schools, observed={"y": Y}, inputs={"sigma": SIGMA}, axes={"sigma": ("J",)})


def test_local_and_global_latents_fall_out_of_the_plate():
    structure = layout(SCHOOLS)
    assert [site.name for site in structure.globals] == ["mu", "tau"]
    assert [(site.name, site.axis) for site in structure.locals] == [("theta", 0)]
    assert (structure.plate, structure.num_points) == ("J", 4)
    assert structure.inputs == (("sigma", 0),)


def test_without_a_plate_everything_is_global_and_there_is_one_point():
    def program():
        z = Normal(jnp.zeros(3), 1.0, name="z")
        Normal(z, 1.0, name="x")

    structure = layout(Problem(program, observed={"x": np.zeros(3)}))
    assert structure.plate is None
    assert structure.num_points == 1
    assert structure.global_dim == 3
    assert structure.observed[0].shape == (3,)


def test_log_prior_is_numpyros_with_the_jacobian():
    structure = layout(SCHOOLS)
    data = arrays(SCHOOLS, structure)
    log_tau = 0.7
    run = run_points(
        jax.random.key(0),
        schools,
        structure,
        data.inputs,
        jnp.array([1.0, log_tau]),
        jnp.arange(4.0)[:, None],
        observed=data.observed,
    )
    tau = np.exp(log_tau)
    expected_global = dist.Normal(0.0, 5.0).log_prob(1.0) + dist.HalfCauchy(5.0).log_prob(tau) + log_tau
    assert float(run.log_prior_global) == pytest.approx(float(expected_global), rel=1e-5)
    assert float(run.log_prior_local) == pytest.approx(
        float(dist.Normal(1.0, tau).log_prob(jnp.arange(4.0)).sum()), rel=1e-5
    )
    assert float(run.log_likelihood) == pytest.approx(
        float(dist.Normal(jnp.arange(4.0), SIGMA).log_prob(Y).sum()), rel=1e-5
    )
    np.testing.assert_allclose(run.values["ratio"], np.arange(4.0) / tau, rtol=1e-5)


def test_a_subset_of_points_runs_with_its_own_covariates():
    structure = layout(SCHOOLS)
    points = take_points(structure, arrays(SCHOOLS, structure), jnp.array([3, 1]))
    run = run_points(
        jax.random.key(0), schools, structure, points.inputs, jnp.zeros(2), jnp.zeros((2, 1)), observed=points.observed
    )
    expected = dist.Normal(0.0, SIGMA[[3, 1]]).log_prob(Y[[3, 1]]).sum()
    assert float(run.log_likelihood) == pytest.approx(float(expected), rel=1e-5)


def test_the_number_of_points_reaches_programs_that_ask_for_it():
    def program(N):
        rate = Normal(0.0, 1.0, name="z")
        with plate("N", N):
            Normal(rate, 1.0, name="x")

    problem = Problem(program, observed={"x": np.zeros(5)}, inputs={"N": 5})
    structure = layout(problem)
    run = run_points(jax.random.key(0), program, structure, {}, jnp.zeros(1), jnp.zeros((2, 0)))
    assert run.observed["x"].shape == (2,)


def test_supports_that_depend_on_other_latents_and_simplices():
    def program():
        high = Uniform(1.0, 2.0, name="high")
        Uniform(0.0, high, name="u")
        weights = Dirichlet(jnp.ones(3), name="weights")
        Normal(weights[0], 1.0, name="x")

    problem = Problem(program, observed={"x": 0.0})
    structure = layout(problem)
    assert structure.global_dim == 4  # the simplex of 3 has 2 free coordinates
    run = run_points(jax.random.key(0), program, structure, {}, 3.0 * jnp.ones(4), jnp.zeros((1, 0)))
    assert 0.0 < float(run.values["u"]) < float(run.values["high"]) < 2.0
    assert float(run.values["weights"].sum()) == pytest.approx(1.0, abs=1e-6)


def test_prior_draws_match_the_prior():
    structure = layout(SCHOOLS)
    inputs = arrays(SCHOOLS, structure).inputs
    draw = jax.jit(jax.vmap(lambda k: prior_draw(k, schools, structure, inputs)))
    global_latents, local_latents, data = draw(jax.random.split(jax.random.key(0), 4000))
    assert local_latents.shape == (4000, 4, 1)
    assert data["y"].shape == (4000, 4)
    # Four standard errors of a mean and of a standard deviation.
    assert abs(float(global_latents[:, 0].mean())) < 4 * 5 / np.sqrt(4000)
    assert abs(float(global_latents[:, 0].std()) - 5) < 4 * 5 / np.sqrt(8000)
    # log of a half-Cauchy is symmetric about log of its scale.
    assert abs(float(jnp.mean(global_latents[:, 1] > np.log(5.0))) - 0.5) < 4 * 0.5 / np.sqrt(4000)


def test_prior_draw_at_given_globals():
    structure = layout(SCHOOLS)
    inputs = arrays(SCHOOLS, structure).inputs
    at = jnp.array([2.0, np.log(0.01)])
    global_latents, local_latents, _ = prior_draw(jax.random.key(0), schools, structure, inputs, global_latents=at)
    np.testing.assert_allclose(global_latents, at, rtol=1e-6)
    np.testing.assert_allclose(local_latents[:, 0], 2.0, atol=0.06)


def discrete():
    Bernoulli(0.5, name="b")
    Normal(0.0, 1.0, name="x")


def implicit_global():
    Implicit(lambda key: jax.random.normal(key), name="z")
    Normal(0.0, 1.0, name="x")


def set_inside():
    z = Normal(0.0, 1.0, name="z")
    Normal(z, 1.0, name="w", value=0.5)
    Normal(z, 1.0, name="x")


def no_latents():
    Normal(0.0, 1.0, name="x")


def two_plates():
    z = Normal(0.0, 1.0, name="z")
    with plate("A", 2):
        Normal(z, 1.0, name="x")
    with plate("B", 2):
        Normal(z, 1.0, name="y")


@pytest.mark.parametrize(
    ("program", "observed", "message"),
    [
        (discrete, {"x": 0.0}, "'b' is discrete"),
        (implicit_global, {"x": 0.0}, "'z' is implicit"),
        (set_inside, {"x": 0.0}, "sets 'w' itself"),
        (no_latents, {"x": 0.0}, "no latent variables"),
        (no_latents, {}, "no observed variables"),
        (two_plates, {"x": np.zeros(2), "y": np.zeros(2)}, "different outermost plates"),
    ],
)
def test_what_cannot_be_inferred_is_refused(program, observed, message):
    with pytest.raises(InferenceError, match=message):
        layout(Problem(program, observed=observed))
