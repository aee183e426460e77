"""The package as a whole: its names, its examples, and what importing it costs."""

import doctest
import importlib
import pkgutil
import subprocess
import sys

import pytest

import tacit.ppl
from tacit.ppl import distributions

OWN = {
    "Deterministic",
    "Implicit",
    "LogJoint",
    "Parameter",
    "Plate",
    "RandomVariable",
    "ValueSetter",
    "external",
    "from_distribution",
    "from_numpyro",
    "get_next_interceptor",
    "interceptable",
    "interception",
    "make_log_joint_fn",
    "make_value_setter",
    "plate",
    "seed",
    "tape",
    "unwrap",
}
MODULES = ["tacit.ppl", *(f"tacit.ppl.{module.name}" for module in pkgutil.iter_modules(tacit.ppl.__path__))]


def test_the_public_names():
    assert set(tacit.ppl.__all__) == OWN | set(distributions.__all__)
    assert len(tacit.ppl.__all__) == len(set(tacit.ppl.__all__))
    assert all(hasattr(tacit.ppl, name) for name in tacit.ppl.__all__)


@pytest.mark.parametrize("module", MODULES)
def test_examples_in_the_documentation(module):
    failed, _ = doctest.testmod(importlib.import_module(module))
    assert failed == 0


def test_there_are_examples_in_every_module_a_user_meets():
    finder = doctest.DocTestFinder()
    for name in (
        "constructors",
        "distributions",
        "implicit",
        "interception",
        "numpyro_adapter",
        "parameters",
        "plates",
        "transformations",
    ):
        found = finder.find(importlib.import_module(f"tacit.ppl.{name}"))
        assert any(test.examples for test in found), name


def test_importing_starts_no_backend():
    program = "import tacit.ppl, jax; print(jax._src.xla_bridge.backends_are_initialized())"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "False"
