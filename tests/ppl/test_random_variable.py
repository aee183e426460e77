import copy
import operator
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest

from tacit.errors import NoDensityError, ProgramError
from tacit.ppl import (
    Categorical,
    Deterministic,
    HalfNormal,
    Implicit,
    Normal,
    Plate,
    Poisson,
    from_distribution,
    interception,
    plate,
    unwrap,
)

VECTOR = np.array([0.5, 1.5, -2.0], dtype=np.float32)
COUNTS = np.array([3, 0, 2], dtype=np.int32)


@pytest.fixture
def v():
    return Normal(0.0, 1.0, sample_shape=(3,), name="v", value=VECTOR)


@pytest.fixture
def k():
    return Poisson(2.0, sample_shape=(3,), name="k", value=COUNTS)


FLOAT_OPERATORS = ("add", "sub", "mul", "truediv", "floordiv", "mod", "lt", "le", "eq", "ne", "gt", "ge")


@pytest.mark.parametrize("name", FLOAT_OPERATORS)
@pytest.mark.parametrize("other", [2.0, np.float32(2.0), np.array([1.0, 2.0, 3.0], np.float32), jnp.ones(3)], ids=type)
def test_operators_on_both_sides(v, name, other):
    operate = getattr(operator, name)
    np.testing.assert_array_equal(operate(v, other), operate(jnp.asarray(VECTOR), other))
    np.testing.assert_array_equal(operate(other, v), operate(other, jnp.asarray(VECTOR)))


@pytest.mark.parametrize("name", ["and_", "or_", "xor", "lshift", "rshift", "pow", "mod", "floordiv"])
def test_integer_operators_on_both_sides(k, name):
    operate = getattr(operator, name)
    np.testing.assert_array_equal(operate(k, 2), operate(jnp.asarray(COUNTS), 2))
    np.testing.assert_array_equal(operate(5, k), operate(5, jnp.asarray(COUNTS)))


def test_matmul_divmod_round_and_unary(v, k):
    np.testing.assert_allclose(v @ np.eye(3, dtype=np.float32), VECTOR)
    np.testing.assert_allclose(2.0 * np.eye(3, dtype=np.float32) @ v, 2.0 * VECTOR)
    np.testing.assert_array_equal(divmod(k, 2), np.divmod(COUNTS, 2))
    np.testing.assert_array_equal(divmod(7, k + 1), np.divmod(7, COUNTS + 1))
    np.testing.assert_array_equal([-v, +v, abs(v)], [-VECTOR, VECTOR, abs(VECTOR)])
    np.testing.assert_array_equal(~k, ~COUNTS)
    np.testing.assert_allclose(round(v, 0), [0.0, 2.0, -2.0], rtol=1e-6)


def test_two_random_variables(v, k):
    np.testing.assert_array_equal(v + k, VECTOR + COUNTS)
    np.testing.assert_array_equal(v == v, [True] * 3)


def test_what_is_no_array_is_left_to_python(v):
    assert v != "v"
    assert (v == None) is False  # noqa: E711
    with pytest.raises(TypeError, match="unsupported operand"):
        v + (1.0, 2.0, 3.0)  # noqa: RUF005
    with pytest.raises(TypeError, match="unhashable"):
        hash(v)


def test_attributes(v):
    assert (v.name, v.shape, v.ndim, v.size, v.dtype) == ("v", (3,), 1, 3, jnp.float32)
    assert (v.kind, v.is_set, v.plates, v.sample_shape, v.event_dim) == ("sample", True, (), (3,), 0)
    assert repr(v) == "RandomVariable('v', Normal, shape=(3,), dtype=float32)"
    np.testing.assert_array_equal(v.T, VECTOR)
    np.testing.assert_array_equal(v.at[0].set(9.0), [9.0, 1.5, -2.0])
    np.testing.assert_array_equal(v.reshape(3, 1).sum(axis=0), [0.0])
    with pytest.raises(AttributeError):
        v.no_such_attribute  # noqa: B018
    with pytest.raises(AttributeError):
        v._no_such_attribute  # noqa: B018


def test_scalars_convert(k):
    z = Normal(0.0, 1.0, name="z", value=1.25)
    assert (float(z), int(z), complex(z), bool(z), f"{z:.1f}") == (1.25, 1, 1.25 + 0j, True, "1.2")
    assert f"{z}" == repr(z)
    n = Poisson(2.0, name="n", value=2)
    assert [*range(n)] == [0, 1]
    assert np.arange(5)[n] == 2


def test_containers(v, k):
    assert len(v) == 3
    assert [float(x) for x in v] == VECTOR.tolist()
    assert [float(x) for x in reversed(v)] == VECTOR.tolist()[::-1]
    assert 1.5 in v
    np.testing.assert_array_equal(v[1:], VECTOR[1:])
    component = Categorical(jnp.ones(3) / 3, name="c", sample_shape=(4,), value=np.array([0, 2, 2, 1]))
    np.testing.assert_array_equal(v[component], VECTOR[[0, 2, 2, 1]])
    np.testing.assert_array_equal(v[v > 0], VECTOR[VECTOR > 0])
    matrix = Normal(0.0, 1.0, name="m", value=np.eye(3), sample_shape=(3, 3))
    np.testing.assert_array_equal(matrix[component, 2], np.eye(3)[[0, 2, 2, 1], 2])
    np.testing.assert_array_equal(jnp.asarray(VECTOR)[component.value], VECTOR[[0, 2, 2, 1]])


@pytest.mark.parametrize(
    "function",
    [
        jnp.exp,
        jnp.sum,
        jnp.shape,
        jnp.zeros_like,
        jnp.linalg.norm,
        jax.nn.softmax,
        jax.scipy.special.logsumexp,
        lambda x: jnp.stack([x, x]),
        lambda x: jnp.array([x, x]),
        lambda x: jnp.where(x > 0, x, 0.0),
        lambda x: jnp.einsum("i,i->", x, x),
        lambda x: jnp.concatenate([x, x]),
        lambda x: jnp.zeros(3).at[1].set(x[1]),
        np.exp,
        np.asarray,
        lambda x: np.array(x, dtype=np.float64, copy=True),
        lambda x: np.array(x, copy=True),
        lambda x: jax.vmap(jnp.square)(jnp.asarray(x)),
    ],
)
def test_functions_of_jax_and_numpy(v, function):
    np.testing.assert_allclose(function(v), function(jnp.asarray(VECTOR)), rtol=1e-6)


def test_arrays_proper_are_asked_for(v):
    component = Categorical(jnp.ones(3) / 3, name="c", value=1)
    with pytest.raises(ProgramError, match=r"table\[k.value\]"), interception(lambda f, *a, **k: f(*a, **k)):
        jnp.asarray(VECTOR)[component]
    with pytest.raises(ValueError, match="unrelated"), interception(lambda f, *a, **k: f(*a, **k)):
        raise ValueError("unrelated")


def test_density_at_its_own_value_and_elsewhere(v):
    expected = -0.5 * VECTOR**2 - 0.5 * np.log(2 * np.pi)
    np.testing.assert_allclose(v.log_prob(), expected, rtol=1e-6)
    np.testing.assert_allclose(v.log_prob(v), expected, rtol=1e-6)
    np.testing.assert_allclose(v.log_prob(0.0), -0.5 * np.log(2 * np.pi), rtol=1e-6)


def test_no_density():
    for rv in (Deterministic(1.0, name="d"), Implicit(jax.random.normal, name="s", key=jax.random.key(0))):
        with pytest.raises(NoDensityError, match=rf"'{rv.name}' is {rv.kind}"):
            rv.log_prob()
    assert repr(rv) == "RandomVariable('s', implicit, shape=(), dtype=float32)"


def double(rv):
    assert (rv.name, rv.sample_shape) == ("v", (3,))
    return jnp.sum(2.0 * rv + 0.0 * rv.log_prob())


def test_as_a_pytree_under_every_transformation(v):
    expected = 2.0 * VECTOR.sum()
    assert jnp.isclose(jax.jit(double)(v), expected)
    assert jnp.isclose(jax.checkpoint(double)(v), expected)
    gradient = jax.grad(lambda rv: jnp.sum(2.0 * rv))(v)
    np.testing.assert_array_equal(gradient.value, [2.0] * 3)
    carry, _ = jax.lax.scan(lambda rv, _: (rv, None), v, None, length=2)
    np.testing.assert_array_equal(carry.value, VECTOR)
    batch = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), v)
    np.testing.assert_allclose(jax.vmap(double)(batch), [expected] * 2)
    leaves, structure = jax.tree.flatten(v)
    assert hash(structure) == hash(jax.tree.structure(v))
    assert jax.tree.unflatten(structure, leaves).name == "v"


def test_made_under_every_transformation():
    def log_prob(x):
        with plate("N", 3):
            return jnp.sum(Normal(x, 1.0, name="x", value=jnp.zeros(3)).log_prob())

    assert jnp.isclose(jax.jit(jax.grad(log_prob))(0.5), -1.5)
    assert jnp.isclose(jax.grad(jax.checkpoint(log_prob))(0.5), -1.5)
    assert jax.vmap(log_prob)(jnp.arange(2.0)).shape == (2,)
    _, stacked = jax.lax.scan(lambda c, x: (c, Normal(x, 1.0, name="s", value=x)), 0.0, jnp.arange(2.0))
    np.testing.assert_array_equal(stacked.value, [0.0, 1.0])


def test_out_of_jit_with_its_law_and_plates():
    @jax.jit
    def run(key):
        with plate("N", 2):
            return Normal(0.0, 3.0, name="x", key=key)

    x = run(jax.random.key(0))
    assert (x.name, x.plates, x.is_set) == ("x", (Plate("N", 2, -1),), False)
    np.testing.assert_allclose(x.log_prob(0.0), [-0.5 * np.log(2 * np.pi) - np.log(3.0)] * 2, rtol=1e-6)


def test_copied_and_pickled(v):
    for other in (copy.copy(v), copy.deepcopy(v), pickle.loads(pickle.dumps(v))):  # noqa: S301
        np.testing.assert_array_equal(other.value, VECTOR)
        np.testing.assert_array_equal(other.log_prob(), v.log_prob())
        assert other.meta == v.meta


def test_strict_dtype_promotion():
    with jax.numpy_dtype_promotion("strict"):
        z = Normal(jnp.zeros(2), jnp.ones(2), name="z", key=jax.random.key(0))
        x = Poisson(jnp.exp(z), name="x", value=jnp.array([1, 2]))
        y = Normal(0.0, 1.0, name="y", value=np.array(1))
        assert (x.log_prob() + (2.0 * z - 1.0)).dtype == y.dtype == jnp.float32


def test_unwrap(v):
    assert unwrap(v) is v.value
    assert unwrap(3) == 3


def test_the_support_is_looked_at_where_it_is_not_known():
    def scores(x):
        own = HalfNormal(1.0, name="x", value=x)
        return own.log_prob(), own.log_prob(x)

    np.testing.assert_array_equal(jax.jit(scores)(-1.0), [-np.inf, -np.inf])
    checked = HalfNormal(1.0, name="x", value=1.0)
    np.testing.assert_allclose(checked.log_prob(), checked.log_prob(1.0))
    with pytest.warns(UserWarning, match="Out-of-support"):
        assert checked.log_prob(-1.0) == -np.inf
    # Half of this mixture has no density at -1: it looks for itself.
    parts = [dist.HalfNormal(1.0), dist.Normal(0.0, 1.0)]
    law = dist.MixtureGeneral(dist.Categorical(np.array([0.5, 0.5])), parts, support=dist.constraints.real)
    expected = np.log(0.5) + dist.Normal(0.0, 1.0).log_prob(-1.0)
    density = jax.jit(lambda: from_distribution(law, name="m", value=-1.0).log_prob())
    np.testing.assert_allclose(density(), expected, rtol=1e-6)


def test_a_checked_value_costs_no_look_when_compiled():
    def score(rate, known):
        with plate("N", 3):
            x = Poisson(rate, name="x", value=COUNTS if known else jnp.asarray(COUNTS) + jnp.int32(rate))
        return x.log_prob()

    looks = [str(jax.make_jaxpr(score, static_argnums=1)(1.0, known)).count("-inf") for known in (True, False)]
    assert looks[0] < looks[1]


def test_nan_is_seen_in_the_density():
    density = jax.jit(lambda x: Normal(0.0, 1.0, name="x", value=x).log_prob())
    assert np.isnan(density(np.nan))
    assert density(np.inf) == -np.inf
