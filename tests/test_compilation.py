"""How a process chooses its device; in processes of their own, since a backend is chosen once."""

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
