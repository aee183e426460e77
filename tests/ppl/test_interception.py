import jax
import jax.numpy as jnp
import pytest

from tacit.errors import ProgramError
from tacit.ppl import (
    Implicit,
    Normal,
    StudentT,
    get_next_interceptor,
    interceptable,
    interception,
    make_log_joint_fn,
    make_value_setter,
    plate,
    seed,
    tape,
)
from tacit.ppl.interception import active_interceptors

KEY = jax.random.key(0)


@interceptable
def twice(x, **_):
    return 2 * x


def forward(f, *args, **kwargs):
    return interceptable(f)(*args, **kwargs)


def test_innermost_first_and_forwarded_outwards():
    seen = []

    def note(label):
        def interceptor(f, *args, **kwargs):
            seen.append(label)
            return forward(f, *args, **kwargs) + label

        return interceptor

    with interception(note(1)), interception(note(10)):
        assert twice(3) == 17
        assert [i is not None for i in active_interceptors()] == [True, True]
    assert seen == [10, 1]
    assert twice(3) == 6
    assert active_interceptors() == ()


def test_wrapping_twice_is_wrapping_once():
    assert interceptable(twice) is twice


def test_not_forwarding_ends_the_call():
    with interception(lambda f, *args, **kwargs: pytest.fail("skipped")), interception(lambda f, *a, **k: "own"):
        assert twice(3) == "own"


def test_next_interceptor_shortens_the_stack_for_the_block():
    with interception(forward), interception(lambda f, *args: "inner"):
        with get_next_interceptor() as interceptor:
            assert interceptor(twice, 3) == "inner"
            assert active_interceptors() == (forward,)
        assert len(active_interceptors()) == 2
    with get_next_interceptor() as interceptor:
        assert interceptor(max, 3, 4) == 4


def test_an_exception_restores_the_stack():
    def fail(f, *args, **kwargs):
        raise KeyError("on purpose")

    with interception(forward):
        with pytest.raises(KeyError), interception(fail):
            twice(3)
        assert active_interceptors() == (forward,)
    assert active_interceptors() == ()


def test_an_interceptor_may_change_the_class():
    def heavy_tails(f, *args, **kwargs):
        return StudentT(3.0, *args, **kwargs) if f.__name__ == "Normal" else forward(f, *args, **kwargs)

    with seed(KEY), tape() as trace, interception(heavy_tails):
        Normal(0.0, 2.0, name="z")
    assert type(trace["z"].distribution).__name__ == "StudentT"


def test_what_is_no_random_variable_is_not_recorded():
    with tape() as trace, interception(lambda f, *args, **kwargs: jnp.zeros(2)):
        z = Normal(0.0, 1.0, name="z")
    assert trace == {}
    assert z.shape == (2,)

    with interception(lambda f, *args, **kwargs: jnp.zeros(2)):
        assert make_log_joint_fn(lambda: Normal(0.0, 1.0, name="z"))() == 0.0


def blocks():
    return {
        "seed": lambda: seed(KEY),
        "tape": tape,
        "setter": lambda: make_value_setter(z=0.0),
        "plate": lambda: plate("N", 3),
        "own": lambda: interception(forward),
    }


@pytest.mark.parametrize("block", blocks())
@pytest.mark.parametrize(
    "transform",
    [
        jax.jit,
        jax.vmap,
        jax.checkpoint,
        lambda f: lambda x: jax.grad(lambda y: jnp.sum(f(y)))(x),
        lambda f: lambda x: jax.lax.scan(lambda c, y: (c, f(y)), 0.0, x),
        lambda f: lambda x: jax.lax.cond(True, f, f, x),
        lambda f: lambda x: jax.eval_shape(f, x),
    ],
    ids=["jit", "vmap", "checkpoint", "grad", "scan", "cond", "eval_shape"],
)
def test_a_block_does_not_span_a_transformation(block, transform):
    def inside(x):
        return Normal(x, 1.0, name="z", value=jnp.zeros_like(x)).value

    with pytest.raises(ProgramError, match="inside a JAX transformation"), blocks()[block]():
        transform(inside)(jnp.ones(2))


def test_a_block_inside_a_transformation_is_fine_inside_another():
    @jax.jit
    def outer(key, x):
        def inner(key, x):
            with seed(key), tape() as trace:
                Normal(x, 1.0, name="z")
            return trace["z"].value

        with seed(key):
            z = Normal(0.0, 1.0, name="z")
        return z + jnp.sum(jax.vmap(inner)(jax.random.split(key, 2), x))

    assert jnp.isfinite(outer(KEY, jnp.ones(2)))


@pytest.mark.parametrize(
    "misuse",
    [
        lambda z: 1.0 if z > 0 else 2.0,
        lambda z: 1.0 if z.value > 0 else 2.0,
        lambda z: 1.0 if z else 2.0,
        lambda z: float(z),
        lambda z: float(jnp.exp(z)),
        lambda z: int(z),
        lambda z: complex(z),
        lambda z: [0] * z,
        lambda z: jnp.zeros(int(z)),
        lambda z: __import__("numpy").exp(z),
        lambda z: jnp.arange(3)[jnp.arange(3) > z],
    ],
)
def test_python_that_needs_a_number_while_tracing(misuse):
    def run(key):
        with seed(key):
            misuse(Normal(0.0, 1.0, name="z"))

    with pytest.raises(ProgramError, match="known while JAX traces"):
        jax.jit(run)(KEY)


def test_without_any_block_a_variable_still_says_so_itself():
    with pytest.raises(ProgramError, match="'z'"):
        jax.jit(lambda x: bool(Normal(0.0, 1.0, name="z", value=x)))(1.0)


def test_a_sampler_may_run_a_program_of_its_own():
    def simulate(key, loc):
        with seed(key):
            hidden = Normal(loc, 1.0, name="x")
            return hidden + Normal(0.0, 1.0, name="noise")

    with seed(KEY), tape() as trace, plate("N", 4):
        Implicit(simulate, 0.5, name="x")
    assert {name: rv.shape for name, rv in trace.items()} == {"x": (4,)}
