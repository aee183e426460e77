"""Parameters: a law that is flat in the unconstrained space, drawn from around the start."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpyro.distributions import biject_to, constraints

from tacit.errors import ProgramError
from tacit.ppl import Normal, Parameter, make_log_joint_fn, plate, seed

KEY = jax.random.key(0)


@pytest.mark.parametrize(
    ("initial", "support"),
    [
        (0.5, constraints.real),
        (2.0, constraints.positive),
        (np.array([0.2, 0.7]), constraints.unit_interval),
        (np.array([0.2, 0.3, 0.5]), constraints.simplex),
        (np.eye(2), constraints.positive_definite),
    ],
)
def test_it_is_flat_in_the_unconstrained_space(initial, support):
    rv = Parameter(initial, name="p", support=support, key=KEY)
    assert rv.kind == "parameter"
    assert rv.shape == np.shape(initial)
    assert bool(jnp.all(support(rv.value)))
    transform = biject_to(rv.support)
    for shift in (0.0, 1.3):
        at = transform.inv(rv.value) + shift
        value = transform(at)
        jacobian = jnp.sum(transform.log_abs_det_jacobian(at, value))
        assert float(jnp.sum(rv.log_prob(value)) + jacobian) == pytest.approx(0.0, abs=1e-4)


def test_draws_lie_around_the_start():
    rv = Parameter(2.0, name="p", support=constraints.positive, spread=0.1, sample_shape=(4000,), key=KEY)
    logs = np.log(rv.value)
    assert logs.mean() == pytest.approx(np.log(2.0), abs=4 * 0.1 / 4000**0.5)
    assert logs.std() == pytest.approx(0.1, rel=0.05)


def test_the_log_joint_takes_it_as_any_variable():
    def model():
        loc = Parameter(0.0, name="loc")
        return Normal(loc, 1.0, name="x")

    assert float(make_log_joint_fn(model)(loc=1.0, x=1.0)) == pytest.approx(-0.5 * np.log(2 * np.pi))


def test_it_may_be_made_while_jax_traces():
    @jax.jit
    def draw(start):
        return Parameter(start, name="p", support=constraints.positive, key=KEY).value

    assert float(draw(1.0)) > 0.0


def test_a_plate_is_refused():
    with seed(KEY), plate("N", 3), pytest.raises(ProgramError, match="common to all data points"):
        Parameter(0.0, name="p")


def test_a_start_outside_the_support_is_refused():
    with pytest.raises(ProgramError, match="does not lie in"):
        Parameter(-1.0, name="p", support=constraints.positive, key=KEY)
