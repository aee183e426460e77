import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tacit.errors import (
    DuplicateNameError,
    MissingValueError,
    NoDensityError,
    ProgramError,
    UnknownVariableError,
)
from tacit.ppl import (
    Deterministic,
    Implicit,
    Normal,
    ValueSetter,
    interception,
    make_log_joint_fn,
    make_value_setter,
    plate,
    seed,
    tape,
)

KEY = jax.random.key(0)
X = np.array([0.0, 1.0, 2.0], np.float32)
Y = np.array([0.1, 0.9, 2.1], np.float32)


def regression(x, *, scale=1.0):
    w = Normal(0.0, 1.0, name="w")
    mean = Deterministic(w * x, name="mean")
    with plate("N", len(x)):
        return Normal(mean, scale, name="y")


def gaussian(x, loc=0.0, scale=1.0):
    return np.sum(-0.5 * ((x - loc) / scale) ** 2 - np.log(scale) - 0.5 * np.log(2 * np.pi))


class TestTape:
    def test_order_and_what_was_set(self):
        with seed(KEY), tape() as trace, make_value_setter(y=Y):
            y = regression(X)
        assert [(name, rv.is_set) for name, rv in trace.items()] == [("w", False), ("mean", False), ("y", True)]
        assert trace["y"] is y

    def test_duplicate_names(self):
        with seed(KEY), tape():
            Normal(0.0, 1.0, name="z")
            with pytest.raises(DuplicateNameError, match="'z'"):
                Normal(0.0, 1.0, name="z")

    def test_inside_a_setter_it_sees_what_was_set(self):
        with seed(KEY), make_value_setter(w=2.0), tape() as trace:
            regression(X)
        np.testing.assert_array_equal(trace["mean"].value, 2.0 * X)


class TestValueSetter:
    @pytest.mark.parametrize(
        "setter",
        [
            lambda: make_value_setter(w=2.0),
            lambda: make_value_setter({"w": 2.0}),
            lambda: make_value_setter({"w": 1.0}, w=2.0),
            lambda: interception(make_value_setter(w=2.0)),
            lambda: make_value_setter(w=2.0, y=None),
            lambda: make_value_setter(w=2.0, other=1.0).lenient(),
        ],
    )
    def test_sets(self, setter):
        with seed(KEY), tape() as trace, setter():
            regression(X)
        assert [rv.is_set for rv in trace.values()] == [True, False, False]
        np.testing.assert_array_equal(trace["mean"].value, 2.0 * X)

    def test_names_that_are_no_identifiers(self):
        with make_value_setter({"a/b": 1.0, "self": 2.0}):
            assert float(Normal(0.0, 1.0, name="a/b")) == 1.0
            assert float(Normal(0.0, 1.0, name="self")) == 2.0

    def test_unknown_names_are_refused_at_the_end_of_the_block(self):
        message = r"'weigth'; it has 'weight'.* Did you mean 'weight'"
        with pytest.raises(UnknownVariableError, match=message), make_value_setter(weigth=1.0):
            Normal(0.0, 1.0, name="weight", key=KEY)
        with pytest.raises(UnknownVariableError, match="it has none"), make_value_setter(z=1.0):
            pass

    def test_an_error_of_the_program_is_not_replaced(self):
        with pytest.raises(KeyError, match="own"), make_value_setter(z=1.0):
            raise KeyError("own")

    def test_the_outermost_wins(self):
        with make_value_setter(z=1.0), make_value_setter(z=2.0):
            assert float(Normal(0.0, 1.0, name="z")) == 1.0
        with make_value_setter(z=None), make_value_setter(z=2.0):
            assert float(Normal(0.0, 1.0, name="z")) == 2.0

    def test_one_setter_serves_nested_blocks(self):
        setter = make_value_setter(z=1.0)
        assert isinstance(setter, ValueSetter)
        with setter as entered:
            with setter:
                assert float(Normal(0.0, 1.0, name="z")) == 1.0
            assert float(Normal(0.0, 1.0, name="z")) == 1.0
        assert entered is setter

    def test_plain_interceptor(self):
        setter = make_value_setter(z=1.0)
        with interception(lambda f, *args, **kwargs: setter(f, *args, **kwargs)):
            assert float(Normal(0.0, 1.0, name="z")) == 1.0

    def test_setting_a_deterministic(self):
        with make_value_setter(w=1.0, mean=np.zeros(3), y=Y), tape() as trace:
            regression(X)
        np.testing.assert_array_equal(trace["y"].distribution.loc, [0.0] * 3)


class TestLogJoint:
    @pytest.mark.parametrize(
        "call",
        [
            lambda f: f(X, scale=2.0, w=0.5, y=Y),
            lambda f: f(x=X, scale=2.0, w=0.5, y=Y),
            lambda f: jax.jit(f)(X, scale=2.0, w=0.5, y=Y),
            lambda f: f(X, scale=2.0, **{"y": Y, "w": jnp.array(0.5)}),
            lambda f: f(X, scale=2.0, w=Normal(0.0, 1.0, name="w", value=0.5), y=Y),
        ],
    )
    def test_inputs_by_position_and_keyword(self, call):
        log_joint = make_log_joint_fn(regression)
        expected = gaussian(0.5) + gaussian(Y, 0.5 * X, 2.0)
        np.testing.assert_allclose(call(log_joint), expected, rtol=1e-5)
        np.testing.assert_allclose(sum(call(log_joint.terms).values()), expected, rtol=1e-5)

    def test_terms_leave_out_deterministic_variables(self):
        terms = make_log_joint_fn(regression).terms(X, w=0.5, y=Y)
        assert list(terms) == ["w", "y"]
        np.testing.assert_allclose(terms["w"], gaussian(0.5), rtol=1e-5)

    def test_a_deterministic_may_be_given(self):
        terms = make_log_joint_fn(regression).terms(X, w=0.5, y=Y, mean=Y)
        np.testing.assert_allclose(terms["y"], gaussian(np.zeros(3)), rtol=1e-5)

    def test_gradient_and_vmap(self):
        log_joint = make_log_joint_fn(regression)
        gradient = jax.grad(lambda w: log_joint(X, w=w, y=Y))
        np.testing.assert_allclose(gradient(0.5), -0.5 + np.sum(X * (Y - 0.5 * X)), rtol=1e-5)
        batched = jax.vmap(lambda w: log_joint(X, w=w, y=Y))(jnp.array([0.5, 1.0]))
        np.testing.assert_allclose(batched[1], gaussian(1.0) + gaussian(Y, X), rtol=1e-5)

    def test_set_inside_or_around(self):
        def observed(x):
            with make_value_setter(y=Y):
                regression(x)

        expected = make_log_joint_fn(regression)(X, w=0.5, y=Y)
        assert make_log_joint_fn(observed)(X, w=0.5) == expected
        with make_value_setter(y=Y):
            assert make_log_joint_fn(regression)(X, w=0.5) == expected
        # What is passed is what is scored.
        assert make_log_joint_fn(observed)(X, w=0.5, y=Y + 1) == make_log_joint_fn(regression)(X, w=0.5, y=Y + 1)

    @pytest.mark.parametrize("value", [{}, {"y": None}])
    def test_it_never_samples(self, value):
        log_joint = make_log_joint_fn(regression)
        with pytest.raises(MissingValueError, match="needs a value for 'y': pass y="):
            log_joint(X, w=0.5, **value)
        with pytest.raises(MissingValueError, match="'y'"), seed(KEY):
            log_joint(X, w=0.5, **value)
        with pytest.raises(MissingValueError, match="'z'"):
            make_log_joint_fn(lambda: Normal(0.0, 1.0, name="z", key=KEY))()

    def test_unknown_keywords(self):
        log_joint = make_log_joint_fn(regression)
        with pytest.raises(
            UnknownVariableError, match=r"'scael'; it has .*, and the inputs 'scale'. Did you mean 'scale'"
        ):
            log_joint(X, w=0.5, y=Y, scael=1.0)

    def test_a_name_that_is_input_and_variable(self):
        def model(z):
            Normal(z, 1.0, name="z")

        log_joint = make_log_joint_fn(model)
        with pytest.raises(ProgramError, match="'z' is both an input of the program and a random variable"):
            log_joint(z=1.0)
        np.testing.assert_allclose(log_joint(1.0, z=1.5), gaussian(0.5), rtol=1e-5)

    def test_a_program_that_observes_its_input(self):
        def model(z=None):
            Normal(1.0, 1.0, name="z", value=z)

        np.testing.assert_allclose(make_log_joint_fn(model)(z=1.5), gaussian(0.5), rtol=1e-5)
        with pytest.raises(MissingValueError, match="'z'"):
            make_log_joint_fn(model)()

    def test_unusual_signatures(self):
        def positional(a, /, *rest, self, **options):
            assert (rest, options) == ((2.0,), {})
            Normal(a + self, 1.0, name="a")

        np.testing.assert_allclose(make_log_joint_fn(positional)(1.0, 2.0, self=0.5, a=1.0), gaussian(0.5), rtol=1e-5)

    def test_implicit_duplicate_and_empty(self):
        with pytest.raises(NoDensityError, match="'s' is implicit"):
            make_log_joint_fn(lambda: Implicit(jax.random.normal, name="s"))(s=0.0)

        def twice():
            Normal(0.0, 1.0, name="z")
            Normal(0.0, 1.0, name="z")

        with pytest.raises(DuplicateNameError, match="'z'"):
            make_log_joint_fn(twice)(z=0.0)
        empty = make_log_joint_fn(lambda: None)()
        assert (empty, empty.dtype) == (0.0, jnp.float32)

    def test_strict_dtype_promotion(self):
        def model():
            z = Normal(0.0, 1.0, name="z")
            Normal(z * jnp.ones(2), 1.0, name="x")

        with jax.numpy_dtype_promotion("strict"):
            assert make_log_joint_fn(model)(z=0.5, x=np.zeros(2)).dtype == jnp.float32


def test_arguments_are_documented():
    assert "strict" in inspect.signature(ValueSetter).parameters
