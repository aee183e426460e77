import subprocess
import sys
import textwrap

import pytest

from model_registry import Field, Model
from tacit.ppl import Normal, plate


@pytest.fixture(scope="session")
def run_fresh():
    """Runs Python code in a fresh interpreter and fails with its output if it does."""

    def run(code):
        command = [sys.executable, "-c", textwrap.dedent(code)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr

    return run


@pytest.fixture
def make_model():
    """A small valid model, with whatever a test changes."""

    def program(x, N):
        mu = Normal(0.0, 1.0, name="mu")
        with plate("N", N):
            Normal(mu + x, 1.0, name="y")

    def make(**changes):
        valid = {
            "name": "small-model",
            "title": "A small model",
            "description": "For the tests.",
            "program": program,
            "data": {"y": Field(("N",)), "x": Field(("N",))},
            "example": {"y": [1.0, 2.0], "x": [0.0, 1.0]},
        }
        return Model(**valid | changes)

    return make
