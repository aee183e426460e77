import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest

from tacit.errors import InvalidValueError, MissingKeyError, ProgramError
from tacit.ppl import Implicit, Normal, plate, seed

KEY = jax.random.key(0)


def scalar(key, loc=0.0):
    return loc + jax.random.normal(key)


def pair(key):
    return jax.random.normal(key, (2,))


def vectorised(key, loc):
    return loc + jax.random.normal(key, loc.shape)


def distinct(x):
    return len(np.unique(x)) == np.size(x)


def test_nested_plates_and_sample_shape():
    with seed(KEY), plate("A", 3), plate("B", 4):
        x = Implicit(scalar, 1.0, sample_shape=(5,), name="x")
    assert x.shape == (5, 4, 3)
    assert distinct(x.value)


def test_event_axes_stay_rightmost():
    with seed(KEY), plate("A", 3), plate("B", 4):
        x = Implicit(pair, event_dim=1, sample_shape=(5,), name="x")
    assert (x.shape, x.event_dim) == ((5, 4, 3, 2), 1)
    assert distinct(x.value)


def test_a_vectorised_sampler_keeps_its_axes_and_gains_the_missing():
    loc = jnp.array([0.0, 100.0, 200.0])
    with seed(KEY), plate("A", 3), plate("B", 4):
        x = Implicit(vectorised, loc, name="x")
    assert x.shape == (4, 3)
    assert distinct(x.value)
    np.testing.assert_allclose(np.round(x.value / 100.0), np.tile([0.0, 1.0, 2.0], (4, 1)))


def test_explicit_axes_leave_room_between():
    with seed(KEY), plate("A", 3, dim=-3):
        x = Implicit(scalar, name="x")
        y = Implicit(pair, event_dim=1, name="y")
        with plate("B", 4, dim=-1):
            z = Implicit(scalar, name="z")
    assert (x.shape, y.shape, z.shape) == ((3, 1, 1), (3, 1, 1, 2), (3, 1, 4))
    assert distinct(x.value)
    assert distinct(z.value)


def test_shapes_are_those_of_a_law_in_the_same_plates():
    with seed(KEY), plate("A", 3, dim=-2), plate("B", 4):
        assert Implicit(scalar, name="x").shape == Normal(0.0, 1.0, name="y").shape == (3, 4)


def test_random_variables_are_arguments():
    loc = Normal(0.0, 1.0, name="loc", value=1000.0)
    assert (
        float(Implicit(lambda key, tree: tree["a"][0] + jax.random.normal(key), {"a": [loc]}, name="x", key=KEY)) > 900
    )


def test_a_sampler_that_does_not_fit_the_plate():
    with (
        seed(KEY),
        plate("A", 3),
        pytest.raises(InvalidValueError, match=r"returned shape \(2,\), .* plate 'A' of size 3"),
    ):
        Implicit(pair, name="x")


def test_what_a_sampler_has_to_return_in_a_plate_is_said():
    expected = r"event_dim is 0\)\. It has to return one element, and is then called once for each"
    with seed(KEY), plate("A", 3), pytest.raises(InvalidValueError, match=expected):
        Implicit(pair, name="x")


def test_arguments_are_passed_whole_also_where_the_sampler_is_called_once_per_element():
    shapes = []

    def largest(key, loc, covariate):
        shapes.append((loc.shape, covariate.shape))
        return jnp.max(loc + covariate) + jax.random.normal(key)

    with seed(KEY), plate("A", 3):
        loc = Normal(0.0, 1.0, name="loc", value=np.array([0.0, 1000.0, 0.0]))
        x = Implicit(largest, loc, jnp.zeros(3), name="x")
    assert set(shapes) == {((3,), (3,))}
    assert distinct(x.value)
    assert np.all(x.value > 900)


def test_noise_of_one_number_is_shared_by_the_plate_and_a_mapped_sampler_has_its_own():
    def mapped(key, loc):
        return jax.vmap(scalar)(jax.random.split(key, len(loc)), loc)

    with seed(KEY), plate("A", 3):
        shared = Implicit(scalar, jnp.zeros(3), name="shared")
        own = Implicit(mapped, jnp.zeros(3), name="own")
    assert len(np.unique(shared.value)) == 1
    assert distinct(own.value)


def test_set():
    with plate("A", 3):
        x = Implicit(scalar, sample_shape=(2,), name="x", value=np.zeros((2, 3)))
    assert (x.is_set, x.kind, x.dtype) == (True, "implicit", jnp.float32)
    assert x.support is dist.constraints.real


def test_a_key_a_name_and_a_shape_are_required():
    with pytest.raises(MissingKeyError, match="'x'"):
        Implicit(scalar, name="x")
    with pytest.raises(ProgramError, match="needs a name"):
        Implicit(scalar, key=KEY)
    with pytest.raises(ProgramError, match="sample_shape"):
        Implicit(scalar, name="x", key=KEY, sample_shape=2)


def test_under_jit_vmap_and_grad():
    def simulate(loc, key):
        with seed(key), plate("A", 2):
            return Implicit(scalar, loc, name="x").value

    keys = jax.random.split(KEY, 3)
    both = jax.jit(jax.vmap(simulate))(jnp.arange(3.0), keys)
    np.testing.assert_allclose(both, [simulate(float(i), key) for i, key in enumerate(keys)], rtol=1e-5)
    np.testing.assert_allclose(jax.grad(lambda loc: simulate(loc, KEY).sum())(0.0), 2.0)
