"""How a process uses JAX; in processes of their own, since much of it is chosen once."""

import json
import os
import subprocess
import sys

import pytest

ASK = """
import os, sys
from pathlib import Path
from tacit import compilation
try:
    print(compilation.configure(device=sys.argv[1], cache=Path(sys.argv[2])))
except RuntimeError as error:
    print(error)
print(os.environ.get("XLA_PYTHON_CLIENT_PREALLOCATE"))
"""


@pytest.mark.parametrize(
    ("device", "given", "told"),
    [
        ("cpu", {}, ["cpu", "None"]),
        # Workers share a GPU, so none may take most of its memory at its start, unless that is asked for.
        ("gpu", {}, ["JAX finds no GPU here: install the gpu extra, or set TACIT_DEVICE=cpu.", "false"]),
        ("gpu", {"XLA_PYTHON_CLIENT_PREALLOCATE": "true"}, ["JAX finds no GPU here", "true"]),
    ],
)
def test_device(tmp_path, device, given, told):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("XLA_PYTHON")}
    found = subprocess.run(
        [sys.executable, "-c", ASK, device, str(tmp_path)],
        env=environment | {"JAX_PLATFORMS": "cpu"} | given,
        capture_output=True,
        text=True,
        check=True,
    )
    said = found.stdout.splitlines()
    assert len(said) == 2
    assert said[0].startswith(told[0])
    assert said[1] == told[1]


PRODUCT = """
import json, jax, jax.numpy as jnp
import tacit.inference
product = jax.make_jaxpr(lambda a, b: a @ b)(jnp.ones((2, 2)), jnp.ones((2, 2))).eqns[0]
print(json.dumps([each.name for each in product.params["precision"] or ()]))
"""


@pytest.mark.parametrize(
    ("given", "precision"),
    [({}, ["HIGHEST", "HIGHEST"]), ({"JAX_DEFAULT_MATMUL_PRECISION": "high"}, ["HIGH", "HIGH"])],
)
def test_products_are_not_rounded_unless_that_is_asked_for(given, precision):
    """On a GPU JAX's own default rounds their factors to 10 bits."""
    environment = {name: value for name, value in os.environ.items() if name != "JAX_DEFAULT_MATMUL_PRECISION"}
    found = subprocess.run(
        [sys.executable, "-c", PRODUCT],
        env=environment | {"JAX_PLATFORMS": "cpu"} | given,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(found.stdout) == precision
