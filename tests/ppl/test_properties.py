"""Random programs: replay, conditioning and vectorised replay mean what they say."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tacit.ppl import (
    Deterministic,
    Exponential,
    HalfNormal,
    Implicit,
    Laplace,
    Normal,
    Poisson,
    interception,
    make_log_joint_fn,
    make_value_setter,
    plate,
    seed,
    tape,
)

# Shapes repeat, so that what JAX has compiled for one program serves the next.
SIZES = {"A": 2, "B": 3}
quick = settings(max_examples=25, deadline=None)


class Variable(NamedTuple):
    """One line of a program: a family, the plates around it, and the earlier variables it depends on."""

    family: str
    plates: tuple[str, ...]
    parents: tuple[int, ...]


FAMILIES = {
    "normal": lambda mean, name: Normal(mean, 0.5, name=name),
    "laplace": lambda mean, name: Laplace(mean, 1.0, name=name),
    "half_normal": lambda mean, name: HalfNormal(jnp.exp(0.1 * mean), name=name),
    "exponential": lambda mean, name: Exponential(jnp.exp(-0.1 * mean), name=name),
    "poisson": lambda mean, name: Poisson(jnp.exp(jnp.clip(mean, -3.0, 3.0)), name=name),
    "deterministic": lambda mean, name: Deterministic(2.0 * mean, name=name),
    "implicit": lambda mean, name: Implicit(lambda key, m: m + jax.random.normal(key, m.shape), mean, name=name),
}
WITH_DENSITY = [family for family in FAMILIES if family != "implicit"]


@st.composite
def programs(draw, families=tuple(FAMILIES)):
    """A random program: what it depends on stands in the same plates or in fewer."""
    lines: list[Variable] = []
    for _ in range(draw(st.integers(1, 5))):
        plates = draw(st.sampled_from([(), ("A",), ("A", "B")]))
        possible = [i for i, line in enumerate(lines) if plates[: len(line.plates)] == line.plates]
        parents = draw(st.sets(st.sampled_from(possible), max_size=2)) if possible else set()
        lines.append(Variable(draw(st.sampled_from(families)), plates, tuple(sorted(parents))))

    def program():
        made = []
        for i, line in enumerate(lines):
            mean = sum((made[parent] * 0.5 for parent in line.parents), jnp.zeros(()))
            made.append(in_plates(line.plates, lambda f=FAMILIES[line.family], m=mean, i=i: f(m, f"v{i}")))

    return program


def in_plates(names, make):
    if not names:
        return make()
    with plate(names[0], SIZES[names[0]]):
        return in_plates(names[1:], make)


def run(program, key, **values):
    with seed(key), tape() as trace, make_value_setter(values):
        program()
    return {name: rv.value for name, rv in trace.items()}


keys = st.integers(0, 2**31 - 1).map(jax.random.key)


@quick
@given(programs(), keys)
def test_setting_every_variable_and_replaying_gives_back_the_tape(program, key):
    with seed(key), tape() as trace:
        program()
    with tape() as replayed, make_value_setter(**trace):
        program()
    assert list(replayed) == list(trace)
    for name, rv in replayed.items():
        assert rv.is_set
        assert (rv.shape, rv.dtype, rv.kind, rv.plates) == (
            trace[name].shape,
            trace[name].dtype,
            trace[name].kind,
            trace[name].plates,
        )
        np.testing.assert_array_equal(rv.value, trace[name].value)


@quick
@given(programs(families=tuple(WITH_DENSITY)), keys, st.data())
def test_conditioning_then_scoring_is_scoring_with_the_value_passed(program, key, data):
    values = run(program, key)
    fixed = data.draw(st.sets(st.sampled_from(sorted(values))))

    def conditioned():
        with interception(make_value_setter({name: values[name] for name in fixed})):
            program()

    rest = {name: value for name, value in values.items() if name not in fixed}
    whole = make_log_joint_fn(program).terms(**values)
    part = make_log_joint_fn(conditioned).terms(**rest)
    assert list(part) == list(whole)
    for name, term in part.items():
        np.testing.assert_array_equal(term, whole[name])


@settings(max_examples=8, deadline=None)
@given(programs(families=tuple(family for family in FAMILIES if family != "poisson")), keys, st.data())
def test_vectorised_replay_is_a_loop(program, key, data):
    names = sorted(run(program, key))
    fixed = data.draw(st.sets(st.sampled_from(names)))
    drawn = [run(program, jax.random.fold_in(key, i)) for i in range(2)]
    values = [{name: draw[name] for name in fixed} for draw in drawn]
    run_keys = jax.random.split(key, 2)
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *values)
    together = jax.vmap(lambda k, v: run(program, k, **v))(run_keys, stacked)
    for i in range(2):
        for name, value in run(program, run_keys[i], **values[i]).items():
            np.testing.assert_allclose(together[name][i], value, rtol=1e-5, atol=1e-6)


@quick
@given(programs(), keys, st.data())
def test_setting_some_leaves_the_noise_of_the_roots_alone(program, key, data):
    values = run(program, key)
    fixed = data.draw(st.sampled_from(sorted(values)))
    again = run(program, key, **{fixed: values[fixed]})
    for name, value in again.items():
        np.testing.assert_array_equal(value, values[name])
