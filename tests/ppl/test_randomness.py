import jax
import numpy as np
import pytest

from tacit.errors import ProgramError
from tacit.ppl import Normal, make_value_setter, seed, tape

KEY = jax.random.key(3)


def model():
    z = Normal(0.0, 1.0, name="z")
    return Normal(z, 1.0, name="x")


def draws(key, **values):
    with seed(key), tape() as trace, make_value_setter(**values):
        model()
    return {name: float(rv) for name, rv in trace.items()}


def test_the_same_key_gives_the_same_draws_and_another_key_others():
    assert draws(KEY) == draws(KEY)
    other = draws(jax.random.key(4))
    assert all(draws(KEY)[name] != other[name] for name in other)


def test_variables_have_noise_of_their_own_that_setting_others_leaves_alone():
    free, fixed = draws(KEY), draws(KEY, z=0.0)
    np.testing.assert_allclose(fixed["x"], free["x"] - free["z"], rtol=1e-5)
    assert free["x"] - free["z"] != free["z"]


def test_the_innermost_seed_wins():
    with seed(jax.random.key(9)), seed(KEY):
        assert float(Normal(0.0, 1.0, name="z")) == draws(KEY)["z"]


def test_a_second_run_in_one_block_is_another():
    with seed(KEY):
        assert float(model()) != float(model())


def test_a_key_of_its_own_is_kept():
    with seed(KEY):
        first, second = (Normal(0.0, 1.0, name=n, key=jax.random.key(1)) for n in "ab")
    assert float(first) == float(second)


def test_raw_keys_are_keys():
    with seed(jax.random.PRNGKey(0)):
        assert np.isfinite(float(model()))


@pytest.mark.parametrize("key", [0, None, np.zeros(2, np.uint32), jax.random.split(KEY)])
def test_what_is_no_key_is_refused(key):
    with pytest.raises(ProgramError, match="takes a PRNG key"), seed(key):
        pass
