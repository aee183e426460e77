import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from tacit.fits import fingerprint

_GIVEN: dict[str, Any] = {
    "model": "m",
    "version": "1",
    "code_hash": "c",
    "options": {"num_steps": 10, "rate": 0.1},
    "engine_revision": 1,
    "seed": 3,
    "draws": 4,
}
_ARRAYS = {"x": np.array([[1.0, 2.0]], dtype=np.float32), "y": np.array([3.0], dtype=np.float32)}


def test_order_and_layout_do_not_matter() -> None:
    swapped = {"y": _ARRAYS["y"], "x": np.asfortranarray(_ARRAYS["x"].astype(">f4")).astype("<f4")}
    options = dict(reversed(_GIVEN["options"].items()))
    assert fingerprint(swapped, **{**_GIVEN, "options": options}) == fingerprint(_ARRAYS, **_GIVEN)


@pytest.mark.parametrize(
    "change",
    [
        {"model": "n"},
        {"version": "2"},
        {"code_hash": "d"},
        {"options": {"num_steps": 11, "rate": 0.1}},
        {"engine_revision": 2},
        {"seed": 4},
        {"draws": 5},
    ],
    ids=lambda change: next(iter(change)),
)
def test_everything_asked_for_counts(change: dict[str, Any]) -> None:
    assert fingerprint(_ARRAYS, **{**_GIVEN, **change}) != fingerprint(_ARRAYS, **_GIVEN)


@pytest.mark.parametrize(
    "arrays",
    [
        {**_ARRAYS, "y": np.array([3.5], dtype=np.float32)},
        {**_ARRAYS, "y": np.array([3.0], dtype=np.float64)},
        {**_ARRAYS, "y": np.array([[3.0]], dtype=np.float32)},
        {"x": _ARRAYS["x"], "z": _ARRAYS["y"]},
        {"x": _ARRAYS["x"]},
    ],
    ids=["value", "dtype", "shape", "name", "fewer"],
)
def test_all_of_the_arrays_counts(arrays: dict[str, Any]) -> None:
    assert fingerprint(arrays, **_GIVEN) != fingerprint(_ARRAYS, **_GIVEN)


def test_it_is_the_same_in_another_process() -> None:
    program = (
        "import numpy as np; from tacit.fits import fingerprint;"
        "print(fingerprint({'x': np.array([[1.0, 2.0]], dtype=np.float32), 'y': np.array([3.0], dtype=np.float32)},"
        "model='m', version='1', code_hash='c', options={'num_steps': 10, 'rate': 0.1}, engine_revision=1,"
        "seed=3, draws=4))"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == fingerprint(_ARRAYS, **_GIVEN)
