"""The user's own variational program, against posteriors in closed form."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from numpyro.distributions import constraints

from tacit.errors import InferenceError
from tacit.inference import InferenceOptions, Parts, Problem, fit
from tacit.ppl import Gamma, Normal, Parameter, Poisson, from_distribution, plate

KEY = jax.random.key(0)
COUNTS = np.array([3, 5, 2, 4, 6, 3, 4, 5], np.int32)


def counts(N):
    rate = Gamma(2.0, 1.0, name="rate")
    with plate("N", N):
        Poisson(rate, name="x")


PROBLEM = Problem(counts, observed={"x": COUNTS}, inputs={"N": len(COUNTS)})


def gamma_factor():
    shape = Parameter(1.0, support=constraints.positive, name="shape")
    rate = Parameter(1.0, support=constraints.positive, name="inverse_scale")
    Gamma(shape, rate, name="rate")


def posterior():
    shape, rate = 2.0 + COUNTS.sum(), 1.0 + len(COUNTS)
    return shape / rate, np.sqrt(shape) / rate


def test_a_factor_of_the_posteriors_own_form_finds_it():
    options = InferenceOptions(method="klqp", steps=3000)
    result = fit(KEY, PROBLEM, options=options, parts=Parts(variational=gamma_factor), num_draws=4000)
    mean, sd = posterior()
    assert result.posterior["rate"].mean() == pytest.approx(mean, abs=0.1 * sd)
    assert result.posterior["rate"].std() == pytest.approx(sd, rel=0.1)
    # Every weight is the same where q is the posterior.
    assert result.diagnostics["effective_draws"] > 3900
    assert result.warnings == []
    assert np.exp(result.variational["variational['shape']"]) == pytest.approx(2.0 + COUNTS.sum(), rel=0.1)


def test_it_needs_no_likelihood():
    result = fit(
        KEY, PROBLEM, options=InferenceOptions(steps=6000), parts=Parts(variational=gamma_factor), num_draws=4000
    )
    mean, sd = posterior()
    assert result.posterior["rate"].mean() == pytest.approx(mean, abs=0.25 * sd)
    assert result.posterior["rate"].std() == pytest.approx(sd, rel=0.2)


def test_a_network_of_the_data_is_a_program_too():
    def program(N):
        with plate("N", N):
            z = Normal(0.0, 1.0, name="z")
            Normal(z, 1.0, name="x")

    def network(N, x):
        slope = Parameter(0.0, name="slope")
        scale = Parameter(1.0, support=constraints.positive, name="scale")
        with plate("N", N):
            Normal(slope * x, scale, name="z")

    x = np.random.default_rng(0).normal(0.0, np.sqrt(2.0), 1000).astype(np.float32)
    problem = Problem(program, observed={"x": x}, inputs={"N": 1000})
    options = InferenceOptions(method="klqp", steps=2000)
    result = fit(KEY, problem, options=options, parts=Parts(variational=network), num_draws=400)
    np.testing.assert_allclose(result.posterior["z"].mean(axis=0), x / 2, atol=0.25)
    assert result.posterior["z"].std(axis=0).mean() == pytest.approx(np.sqrt(0.5), rel=0.05)


def without_parameters():
    Gamma(2.0, 1.0, name="rate")


def of_another_name():
    Gamma(Parameter(1.0, support=constraints.positive, name="shape"), 1.0, name="speed")


def on_the_whole_line():
    Normal(Parameter(0.0, name="loc"), 1.0, name="rate")


def not_reparameterizable():
    weights = dist.Categorical(probs=jnp.array([0.5, 0.5]))
    loc = Parameter(jnp.zeros(2), name="loc")
    from_distribution(dist.MixtureSameFamily(weights, dist.LogNormal(loc.value, 1.0)), name="rate")


def of_unknown_input(temperature):
    Gamma(Parameter(1.0, support=constraints.positive, name="shape"), temperature, name="rate")


@pytest.mark.parametrize(
    ("program", "family", "says"),
    [
        (without_parameters, "full_rank", "no Parameter"),
        (of_another_name, "full_rank", "it lacks rate, and has in excess speed"),
        (on_the_whole_line, "full_rank", "outside the support"),
        (not_reparameterizable, "full_rank", "'rate' is not reparameterizable"),
        (of_unknown_input, "full_rank", "asks for 'temperature'; there is N, x"),
        (gamma_factor, "flow", "leave one of them out"),
    ],
)
def test_programs_that_are_no_law_of_the_latents_are_refused(program, family, says):
    with pytest.raises(InferenceError, match=says):
        fit(KEY, PROBLEM, options=InferenceOptions(steps=100, family=family), parts=Parts(variational=program))
