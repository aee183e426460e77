import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest

from tacit.errors import InvalidValueError
from tacit.ppl import (
    Bernoulli,
    Delta,
    Deterministic,
    Dirichlet,
    Gamma,
    Geometric,
    Implicit,
    Normal,
    Poisson,
    Uniform,
    from_distribution,
    plate,
    seed,
)


@pytest.mark.parametrize(
    ("make", "value", "message"),
    [
        (lambda **k: Normal(0.0, 1.0, **k), np.zeros(2), r"'x' .* shape \(2,\); expected \(\)"),
        (lambda **k: Normal(np.zeros(2), 1.0, **k), 0.0, r"'x' .* shape \(\); expected \(2,\)"),
        (lambda **k: Normal(0.0, 1.0, sample_shape=(3,), **k), np.zeros((1, 3)), r"shape \(1, 3\); expected \(3,\)"),
        (lambda **k: Normal(0.0, 1.0, **k), 1j, "dtype complex.*; expected real numbers"),
        (lambda **k: Normal(0.0, 1.0, **k), "a", "'a', which cannot be read as an array"),
        (lambda **k: Normal(0.0, 1.0, **k), object(), "cannot be read as an array"),
        (lambda **k: Normal(0.0, 1.0, **k), [[1.0], [1.0, 2.0]], "cannot be read as an array"),
        (lambda **k: Normal(0.0, 1.0, **k), jax.random.key(0), "dtype key.*; expected real numbers"),
        (lambda **k: Poisson(1.0, **k), 1.0, "dtype float.*; expected integers"),
        (lambda **k: Poisson(1.0, **k), 2**40, "does not fit int32"),
        (lambda **k: Poisson(1.0, **k), -1, "was given -1; expected a value in IntegerNonnegative"),
        (lambda **k: Bernoulli(0.5, **k), 2, "was given 2; expected a value in Boolean"),
        (lambda **k: Normal(0.0, 1.0, **k), np.nan, "was given nan; expected a value in Real"),
        (lambda **k: Gamma(np.ones(3), 1.0, **k), [1.0, -2.0, -3.0], r"-2.0 at index \(1,\); .* Positive"),
        (lambda **k: Uniform(0.0, jnp.ones(()), **k), 1.5, "was given 1.5; .* Interval"),
        (lambda **k: Dirichlet(np.ones(2), **k), [0.5, 0.6], r"was given \[0.5 0.6\]; .* Simplex"),
        (lambda **k: Dirichlet(np.ones((2, 2)), **k), [[0.5, 0.5], [0.5, 0.6]], r"\[0.5 0.6\] at index \(1,\)"),
        (lambda **k: Implicit(jax.random.normal, **k), np.zeros(2), r"shape \(2,\); expected \(\)"),
        (lambda **k: Implicit(jax.random.bernoulli, **k), 1, "dtype int.*; expected booleans"),
        (lambda **k: Implicit(jax.random.exponential, support=dist.constraints.positive, **k), -1.0, "Positive"),
        (lambda **k: Deterministic(np.zeros(2), **k), 0.0, r"shape \(\); expected \(2,\)"),
        (lambda **k: Deterministic(np.arange(2), **k), [0.5, 1.5], "dtype float.*; expected integers"),
    ],
)
def test_a_wrong_value_is_refused_with_its_name(make, value, message):
    with pytest.raises(InvalidValueError, match=message):
        make(name="x", value=value)


@pytest.mark.parametrize(
    ("make", "value", "expected"),
    [
        (lambda **k: Normal(0.0, 1.0, **k), 1, np.float32(1)),
        (lambda **k: Normal(0.0, 1.0, **k), True, np.float32(1)),
        (lambda **k: Normal(0.0, 1.0, **k), np.float64(0.5), np.float32(0.5)),
        (lambda **k: Normal(0.0, 1.0, **k), np.float16(0.5), np.float16(0.5)),
        (lambda **k: Normal(np.zeros(2), 1.0, **k), [1, 2.5], np.array([1, 2.5], np.float32)),
        (lambda **k: Normal(np.zeros(2), 1.0, **k), [jnp.ones(()), 2.0], np.array([1, 2], np.float32)),
        (lambda **k: Poisson(1.0, **k), np.int64(3), np.int32(3)),
        (lambda **k: Poisson(1.0, **k), np.uint8(3), np.uint8(3)),
        (lambda **k: Bernoulli(0.5, **k), True, np.int32(1)),
        (lambda **k: Delta(1.0, **k), 1.0, np.float32(1)),
        (lambda **k: Implicit(jax.random.normal, **k), 1, np.float32(1)),
        (lambda **k: Deterministic(np.float32(0.5), **k), 2, np.float32(2)),
    ],
)
def test_a_fitting_value_is_taken(make, value, expected):
    rv = make(name="x", value=value)
    assert (rv.is_set, rv.dtype) == (True, expected.dtype)
    np.testing.assert_array_equal(rv.value, expected)


def test_random_variables_are_values():
    z = Normal(0.0, 1.0, name="z", value=0.5)
    assert float(Normal(0.0, 1.0, name="x", value=z)) == 0.5
    np.testing.assert_array_equal(Normal(np.zeros(2), 1.0, name="x", value=[z, z]).value, [0.5, 0.5])


def test_constants_are_checked_while_tracing_and_tracers_are_not():
    def log_prob(scale, value):
        return Gamma(scale, 1.0, name="x", value=value).log_prob()

    assert jax.jit(log_prob).eval_shape(1.0, -1.0).shape == ()
    with pytest.raises(InvalidValueError, match=r"was given -1\.0"):
        jax.jit(lambda scale: log_prob(scale, -1.0)).eval_shape(1.0)
    # Bounds that are traced cannot be compared with.
    jax.jit(lambda high: Uniform(0.0, high, name="x", value=5.0).log_prob()).eval_shape(1.0)


def test_what_a_mask_leaves_out_may_be_anything():
    law = dist.Gamma(jnp.ones(3), 1.0).mask(np.array([True, False, True]))
    value = np.array([1.0, np.nan, 2.0], np.float32)
    x = from_distribution(law, name="x", value=value)
    np.testing.assert_allclose(jnp.sum(x.log_prob()), -3.0, rtol=1e-6)
    gradient = jax.grad(
        lambda rate: jnp.sum(
            from_distribution(dist.Gamma(1.0, rate * jnp.ones(3)).mask(law._mask), name="x", value=value).log_prob()
        )
    )(1.0)
    np.testing.assert_allclose(gradient, (1 - 1.0) + (1 - 2.0))
    with plate("M", 2, dim=-2):
        y = from_distribution(law, name="y", value=np.stack([value, value]))
    np.testing.assert_allclose(jnp.sum(y.log_prob()), -6.0, rtol=1e-6)
    with pytest.raises(InvalidValueError, match=r"nan at index \(1,\)"):
        from_distribution(dist.Gamma(jnp.ones(3), 1.0), name="x", value=value)
    with pytest.raises(InvalidValueError, match=r"-1.0 at index \(0,\)"):
        from_distribution(law, name="x", value=-value)


def test_discrete_draws_are_integers():
    with seed(jax.random.key(0)):
        assert jnp.issubdtype(Geometric(0.5, name="x").dtype, jnp.integer)
