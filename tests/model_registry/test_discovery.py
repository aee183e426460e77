import inspect

import jax
import jax.numpy as jnp
import pytest
from numpyro.distributions import constraints

from model_registry.discovery import (
    _OTHER_PRIMES,
    _PRIMES,
    dimension_symbols,
    discover,
    parameters,
    support_words,
)
from model_registry.fields import Field
from tacit.errors import ModelLoadError
from tacit.ppl import (
    Bernoulli,
    Beta,
    Deterministic,
    Dirichlet,
    Exponential,
    HalfCauchy,
    Implicit,
    MultivariateNormal,
    Normal,
    Poisson,
    Uniform,
    plate,
)


def shapes(program, **fields):
    return {name: variable.shape for name, variable in discover(program, fields).items()}


def test_sizes_are_traced_back_to_symbols_and_numbers():
    def program(x, N, D):
        Normal(0.0, 1.0, sample_shape=(D,), name="w")
        Normal(0.0, 1.0, sample_shape=(3,), name="three")
        Normal(0.0, 1.0, sample_shape=(101,), name="a_prime_of_its_own")
        Normal(jnp.zeros((N - 1, D)), 1.0, name="steps")
        Normal(jnp.zeros((2 * N + 1,)), 1.0, name="twice")
        Normal(jnp.zeros(N * D), 1.0, name="cells")
        Normal(jnp.zeros(N * N * D), 1.0, name="too_clever")
        MultivariateNormal(jnp.zeros(D), jnp.eye(D), sample_shape=(N,), name="rows")

    assert shapes(program, x=Field(("N", "D"))) == {
        "w": ("D",),
        "three": (3,),
        "a_prime_of_its_own": (101,),
        "steps": ("N - 1", "D"),
        "twice": ("2 * N + 1",),
        "cells": ("N * D",),
        "too_clever": ("?",),
        "rows": ("N", "D"),
    }


def test_kinds_dtypes_supports_and_plates():
    def program(N, K):
        tau = HalfCauchy(1.0, name="tau")
        p = Beta(1.0, 1.0, name="p")
        with plate("N", N):
            z = Normal(0.0, tau, name="z")
            with plate("K", K):
                Bernoulli(p, name="b")
            Implicit(lambda key, z: jax.random.poisson(key, jnp.exp(z)), z, name="count")
            Deterministic(2.0 * z, name="double")

    found = discover(program, {"count": Field(("N",), "int"), "b": Field(("K", "N"), "int")})
    described = {name: (v.kind, v.shape, v.dtype, v.support, v.plates) for name, v in found.items()}
    assert described == {
        "tau": ("sample", (), "float", "positive", ()),
        "p": ("sample", (), "float", "unit_interval", ()),
        "z": ("sample", ("N",), "float", "real", ("N",)),
        "b": ("sample", ("K", "N"), "int", "boolean", ("N", "K")),
        "count": ("implicit", ("N",), "int", "real", ("N",)),
        "double": ("deterministic", ("N",), "float", "real", ("N",)),
    }


def test_supports_in_words():
    def program(N):
        u = Uniform(0.0, 10.0, name="known")
        Uniform(-u, u, name="unknown")
        Dirichlet(jnp.ones(3), name="simplex")
        Exponential(1.0, name="positive")
        Normal(0.0, 1.0, name="real")
        MultivariateNormal(jnp.zeros(2), jnp.eye(2), name="real_vector")
        with plate("N", N):
            Poisson(1.0, name="count")

    supports = {name: v.support for name, v in discover(program, {"count": Field(("N",), "int")}).items()}
    assert supports == {
        "known": "interval(0, 10)",
        "unknown": "interval",
        "simplex": "simplex",
        "positive": "positive",
        "real": "real",
        "real_vector": "real",
        "count": "integer_nonnegative",
    }
    assert support_words(constraints.greater_than(2.5)) == "greater_than(2.5)"
    assert support_words(constraints.integer_interval(0, 3)) == "integer_interval(0, 3)"
    assert support_words(constraints.independent(constraints.positive, 1)) == "positive"


def test_nothing_is_run_and_no_device_is_touched(run_fresh):
    # The front end and the parent of the workers load models; a JAX backend there hangs forks and takes GPU memory.
    run_fresh("""
        from jax._src import xla_bridge
        from model_registry import load_registry
        registry = load_registry()
        assert len(registry.models) >= 4 and not registry.problems, registry.problems
        for model in registry.models.values():
            model.problem(model.resolve(model.describe()["example"]["data"]))
        assert not xla_bridge.backends_are_initialized()
    """)


def test_a_program_that_runs_only_at_some_sizes_is_refused():
    def program(N):
        Normal(jnp.zeros((N // 2, 2)), 1.0, name="z")
        with plate("N", N):
            Normal(jnp.zeros(10), 1.0, name="y")

    with pytest.raises(ModelLoadError) as raised:
        discover(program, {"y": Field(("N",))})
    assert "does not run with N = 101; it must for every size" in str(raised.value)
    assert "InvalidValueError" in str(raised.value)


def test_a_program_whose_variables_come_and_go_with_the_size_is_refused():
    def program(N):
        if N > 200:
            Normal(0.0, 1.0, name="extra")
        with plate("N", N):
            Normal(0.0, 1.0, name="y")

    with pytest.raises(ModelLoadError, match=r"other variables at other sizes \(extra\)"):
        discover(program, {"y": Field(("N",))})


def test_a_program_whose_axes_come_and_go_with_the_size_is_refused():
    def program(N):
        Normal(jnp.zeros((N, 1) if N > 200 else (N,)), 1.0, name="y")

    with pytest.raises(ModelLoadError, match="'y' has 1 axes at some sizes"):
        discover(program, {"y": Field(("N",))})


def test_branching_on_a_random_value_is_refused_with_its_remedy():
    def program(N):
        z = Normal(0.0, 1.0, name="z")
        with plate("N", N):
            Normal(1.0 if z > 0 else 2.0, 1.0, name="y")

    with pytest.raises(ModelLoadError, match="does not run with N = 101"):
        discover(program, {"y": Field(("N",))})


@pytest.mark.parametrize("program", [lambda *x: None, lambda **x: None, lambda x, /: None])
def test_parameters_that_cannot_be_given_by_name_are_refused(program):
    with pytest.raises(ModelLoadError, match="name every parameter"):
        parameters(program)


def test_parameters_and_symbols_in_order():
    assert parameters(lambda b, a, *, c=1: None) == ("b", "a", "c")
    assert dimension_symbols({"x": Field(("N", 3, "D")), "y": Field(("D", "K"))}) == ("N", "D", "K")


def test_no_two_symbols_are_confused():
    symbols = tuple(f"S{i}" for i in range(12))
    assert len({b - a for a, b in zip(_PRIMES, _OTHER_PRIMES, strict=True)}) == 12
    with_each = {f"y{i}": Field((symbol,)) for i, symbol in enumerate(symbols)}

    def program(**sizes):
        for i, symbol in enumerate(symbols):
            Normal(jnp.zeros(sizes[symbol]), 1.0, name=f"y{i}")
            Normal(jnp.zeros(sizes[symbol] - 1), 1.0, name=f"d{i}")

    given_by_name = [inspect.Parameter(symbol, inspect.Parameter.KEYWORD_ONLY) for symbol in symbols]
    program.__signature__ = inspect.Signature(given_by_name)
    found = shapes(program, **with_each)
    assert found == {f"y{i}": (f"S{i}",) for i in range(12)} | {f"d{i}": (f"S{i} - 1",) for i in range(12)}


def test_too_many_symbols_are_refused():
    fields = {"y": Field(tuple(f"S{i}" for i in range(13)))}
    with pytest.raises(ModelLoadError, match="13 dimension symbols; 12 are the most"):
        discover(lambda: None, fields)
