import inspect

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest

from tacit.errors import InvalidValueError, MissingKeyError, ProgramError
from tacit.ppl import (
    Categorical,
    Deterministic,
    ImproperUniform,
    IntervalCensoredDistribution,
    MixtureSameFamily,
    Normal,
    Plate,
    from_distribution,
    interception,
    plate,
)

KEY = jax.random.key(0)


@pytest.mark.parametrize("name", [None, "", 3, KEY])
@pytest.mark.parametrize(
    "make",
    [
        lambda name: Normal(0.0, 1.0, name=name, key=KEY),
        lambda name: from_distribution(dist.Normal(0.0, 1.0), name=name, key=KEY),
        lambda name: Deterministic(1.0, name=name),
    ],
)
def test_a_name_is_required(make, name):
    with pytest.raises(ProgramError, match="needs a name, as in"):
        make(name)


def test_a_key_or_a_value_is_required():
    with pytest.raises(MissingKeyError, match=r"'z' has to be sampled .* seed"):
        Normal(0.0, 1.0, name="z")
    with pytest.raises(ProgramError, match=r"'z': key= takes a PRNG key"):
        Normal(0.0, 1.0, name="z", key=0)


def test_sample_shape_is_a_tuple():
    assert Normal(jnp.zeros(2), 1.0, name="z", sample_shape=[np.int64(3)], key=KEY).shape == (3, 2)
    with pytest.raises(ProgramError, match=r"'z': sample_shape is a tuple of sizes"):
        Normal(0.0, 1.0, name="z", sample_shape=3, key=KEY)


def test_an_error_of_the_law_says_which_variable():
    with pytest.raises(ValueError, match="scale") as caught:
        Normal(0.0, -1.0, name="z", key=KEY)
    assert caught.value.__notes__ == ["while making the random variable 'z' with Normal"]
    with pytest.raises(TypeError, match="mean"):
        Normal(mean=0.0, name="z", key=KEY)


def test_what_is_no_law_is_refused():
    with pytest.raises(ProgramError, match="takes a NumPyro distribution; got 3"):
        from_distribution(3, name="z")


def test_what_cannot_be_sampled_is_refused():
    with pytest.raises(ProgramError, match="'z' follows ImproperUniform, which cannot be sampled: set its value"):
        ImproperUniform(dist.constraints.real, (), (), name="z", key=KEY)
    with pytest.raises(ProgramError, match=r"draws \(shape \(\)\) are no values of it \(shape \(2,\)\)"):
        IntervalCensoredDistribution(dist.Normal(0.0, 1.0), False, False, name="z", key=KEY)


def test_random_variables_are_parameters_anywhere():
    z = Normal(jnp.zeros(3), 1.0, name="z", value=jnp.arange(3.0))
    scale = Normal(0.0, 1.0, name="s", value=2.0)
    for mixture in (
        MixtureSameFamily(dist.Categorical(logits=z), dist.Normal(z, scale), name="x", value=0.5),
        from_distribution(
            dist.MixtureSameFamily(dist.Categorical(logits=z), dist.Normal(z, scale)), name="x", value=0.5
        ),
    ):
        expected = dist.MixtureSameFamily(dist.Categorical(logits=jnp.arange(3.0)), dist.Normal(jnp.arange(3.0), 2.0))
        np.testing.assert_allclose(mixture.log_prob(), expected.log_prob(0.5), rtol=1e-6)
        assert jax.jit(lambda rv: rv.log_prob())(mixture).shape == ()
    kept = dist.Normal(0.0, 1.0)
    assert from_distribution(kept, name="x", value=0.0).distribution is kept


def test_one_call_of_an_interceptor_per_variable():
    calls = []

    def note(f, *args, **kwargs):
        calls.append((f.__name__, args, kwargs["name"]))
        return f(*args, **kwargs)

    with interception(note):
        Normal(0.0, scale=1.0, name="z", value=0.0)
        Deterministic(2.0, name="d")
    assert calls == [("Normal", (0.0,), "z"), ("Deterministic", (2.0,), "d")]


def test_deterministic_records_and_is_replaced():
    d = Deterministic(jnp.arange(3), name="d")
    assert (d.kind, d.is_set, d.dtype, d.distribution) == ("deterministic", False, jnp.int32, None)
    with plate("N", 3):
        replaced = Deterministic(Normal(0.0, 1.0, name="z", value=np.zeros(3)), name="d", value=np.ones(3))
    assert (replaced.is_set, replaced.plates) == (True, (Plate("N", 3, -1),))
    np.testing.assert_array_equal(replaced.value, [1.0] * 3)


def test_signature_and_documentation():
    signature = inspect.signature(Normal)
    assert [*signature.parameters] == [
        "loc",
        "scale",
        "validate_args",
        "name",
        "sample_shape",
        "value",
        "key",
        "plates",
    ]
    assert signature.parameters["name"].default is inspect.Parameter.empty
    assert (Normal.__name__, Normal.__module__) == ("Normal", "tacit.ppl.distributions")
    assert "numpyro.distributions.Normal" in inspect.getdoc(Normal)
    assert "name (required)" in inspect.getdoc(Categorical)


def test_parameters_that_do_not_fit_the_plate():
    with (
        pytest.raises(InvalidValueError, match=r"'z' has batch shape \(2,\), which does not fit plate 'N' of size 3"),
        plate("N", 3),
    ):
        Normal(np.zeros(2), 1.0, name="z", key=KEY)
