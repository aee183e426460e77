"""Simulators that are not JAX, as samplers of a program."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tacit.errors import ProgramError
from tacit.ppl import Implicit, Normal, external, plate, seed, tape
from tacit.ppl.external import ahead, external_calls

KEY = jax.random.key(0)


def normal(rng, loc, scale):
    return loc + scale * rng.normal(size=3)


def fussy(rng, x):
    if x < 0:
        raise ValueError("x is negative")
    return [x]


@pytest.fixture
def counted(tmp_path: Path):
    """A sampler, and how often it has simulated."""
    path = tmp_path / "calls"
    path.write_text("")

    def simulate(rng, x):
        with path.open("a") as file:
            file.write(".")
        return x + rng.normal(size=1)

    return external(simulate, shape=(1,)), lambda: len(path.read_text())


def test_a_draw_depends_on_key_and_arguments_alone_however_it_is_called():
    sampler = external(normal, shape=(3,))
    keys, locs = jax.random.split(KEY, 5), jnp.arange(5.0)
    each = jnp.stack([sampler(key, loc, 2.0) for key, loc in zip(keys, locs, strict=True)])
    np.testing.assert_array_equal(jax.jit(jax.vmap(lambda key, loc: sampler(key, loc, 2.0)))(keys, locs), each)
    nested = jax.vmap(lambda loc: jax.vmap(lambda key: sampler(key, loc, 2.0))(keys))(locs)
    np.testing.assert_array_equal(jnp.diagonal(nested).T, each)
    assert len(np.unique(np.asarray(each))) == 15


def test_as_a_random_variable_in_a_plate():
    sampler = external(normal, shape=(3,))
    with seed(KEY), tape() as trace:
        loc = Normal(0.0, 1.0, name="loc")
        with plate("N", 4):
            x = Implicit(sampler, loc, 0.1, event_dim=1, name="x")
    assert x.shape == (4, 3)
    assert x.dtype == jnp.float32
    assert np.all(np.abs(x.value - trace["loc"].value) < 1.0)
    assert len(np.unique(np.asarray(x.value))) == 12


def test_failures_are_nan_and_counted_by_reason():
    sampler = external(fussy, shape=(1,))
    draws = jax.vmap(sampler)(jax.random.split(KEY, 3), jnp.array([1.0, -1.0, -2.0]))
    np.testing.assert_array_equal(draws[:, 0], [1.0, np.nan, np.nan])
    assert sampler.failures == {"ValueError: x is negative": 2}


def test_a_result_of_another_shape_is_a_failure_that_says_so():
    sampler = external(fussy, shape=(2,))
    np.testing.assert_array_equal(sampler(KEY, 1.0), [np.nan, np.nan])
    assert sampler.failures == {"it returned shape (1,), and external was told (2,)": 1}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"shape": 3}, r"shape is a tuple of sizes, as in \(10,\)"),
        ({"time_limit_s": 0.0}, "a number of seconds above 0"),
    ],
)
def test_what_makes_no_sense_is_refused(wrong, said):
    with pytest.raises(ProgramError, match=said):
        external(normal, **{"shape": (3,), **wrong})


def test_what_is_begun_ahead_is_simulated_once(counted):
    sampler, calls = counted
    keys = jax.random.split(KEY, 4)
    expected = jax.vmap(lambda key: sampler(key, 1.0))(keys)
    assert calls() == 4

    @jax.jit
    def begin_and_finish():
        with ahead():
            nothing = jax.vmap(lambda key: sampler(key, 1.0))(keys)
        return nothing, jax.vmap(lambda key: sampler(key, 1.0 + jnp.sum(nothing)))(keys)

    nothing, draws = begin_and_finish()
    np.testing.assert_array_equal(nothing, np.zeros((4, 1)))
    np.testing.assert_array_equal(draws, expected)
    assert calls() == 8


def test_a_sampler_that_a_program_calls_twice_is_begun_twice(counted):
    sampler, calls = counted
    first, second = jax.random.split(KEY)

    @jax.jit
    def begin_and_finish():
        with ahead():
            nothing = sampler(first, 1.0) + sampler(second, 2.0)
        return sampler(first, 1.0 + jnp.sum(nothing)), sampler(second, 2.0 + jnp.sum(nothing))

    draws = begin_and_finish()
    assert calls() == 2
    np.testing.assert_array_equal(draws, [sampler(first, 1.0), sampler(second, 2.0)])


def test_draws_that_nobody_wants_are_not_simulated(counted):
    sampler, calls = counted

    @jax.jit
    def latent(key):
        with seed(key), tape() as trace:
            z = Normal(0.0, 1.0, name="z")
            Implicit(sampler, z, name="x")
        return trace["z"].value

    assert jnp.isfinite(latent(KEY))
    assert calls() == 0


def test_to_derivatives_a_draw_is_a_constant():
    sampler = external(normal, shape=(3,))
    slope = jax.grad(lambda loc: jnp.sum(sampler(KEY, loc, 1.0)) + 2.0 * loc)(1.0)
    assert slope == 2.0


def test_a_program_tells_which_it_calls(counted):
    sampler, calls = counted

    def program(key):
        with seed(key):
            Implicit(lambda key: 2 * sampler(key, 0.0), name="x")
            return Implicit(sampler, 0.0, name="y").value

    with external_calls() as called:
        jax.eval_shape(program, KEY)
    assert called == [sampler]
    assert calls() == 0


def test_a_sampler_made_inside_a_program_is_refused():
    with seed(KEY), pytest.raises(ProgramError, match=r"make external\(normal, \.\.\.\) once, outside the program"):
        Implicit(external(normal, shape=(3,)), 0.0, 1.0, name="x")
