"""Data as a user has them, made into JSON that carries arrays in binary.

Data are anything with `items()`: a dict, a `pandas.DataFrame` (a field per column), an `xarray.Dataset`. A field is
anything that NumPy makes an array of: lists, NumPy, pandas, xarray, JAX, PyTorch.
"""

import base64
import json
import math
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tacit.client.errors import UnsendableError


class Data(Protocol):
    """Fields by name."""

    def items(self) -> Iterable[tuple[Any, Any]]: ...


# The dtypes of the wire, by the kind of an array's own; the first that holds all its numbers.
_DTYPES = {"f": ("float32", "float64"), "i": ("int32", "int64"), "u": ("int32", "int64"), "b": ("int32",)}


def encode(data: Data | None) -> dict[str, Any]:
    """Fields as JSON: single numbers as they are, arrays as `{dtype, shape, data_b64}`.

    A masked number is sent as nan, that is, as missing. What is no rectangular array of numbers is passed on for the
    service to say what is wrong with it.

    Raises:
        UnsendableError: `data` has no fields, or one is not JSON either.
    """
    if data is None:
        return {}
    if not hasattr(data, "items"):
        raise UnsendableError(f"Data are fields by name, such as {{'y': [1.5, 2.0]}}; this is a {type(data).__name__}.")
    return {str(name): _field(str(name), value) for name, value in data.items()}


def to_json(body: Mapping[str, Any]) -> bytes:
    """A request body.

    Raises:
        UnsendableError: Something in it has no form in JSON.
    """
    try:
        return json.dumps(body, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError) as error:
        raise UnsendableError(f"This cannot be sent as JSON: {error}.") from error


def _field(name: str, value: Any) -> Any:
    if isinstance(value, Mapping | str | bool | int) or value is None:
        return value
    try:
        array = np.asanyarray(value)
    except ValueError:  # lists of unlike lengths: the service says which
        return value
    if np.ma.isMaskedArray(array) and array.dtype.kind in _DTYPES:
        # Whether a value may be missing is for the service to say.
        array = np.ma.filled(array.astype(np.float64), np.nan)
    array = np.asarray(array)
    if array.dtype.kind not in _DTYPES:
        return _checked(name, array.tolist())
    if array.ndim == 0 and math.isfinite(array):
        return array.item()
    return _binary(array)


def _binary(array: NDArray[Any]) -> dict[str, Any]:
    sent = array.astype(_dtype(array)).astype("<" + _dtype(array).str[1:], order="C")
    return {
        "dtype": sent.dtype.name,
        "shape": list(sent.shape),
        "data_b64": base64.b64encode(sent.tobytes()).decode("ascii"),
    }


def _dtype(array: NDArray[Any]) -> np.dtype[Any]:
    names = _DTYPES[array.dtype.kind]
    fitting = (np.dtype(name) for name in names if np.can_cast(array.dtype, name))
    # What fits none, such as long doubles, is rounded to the widest: the service computes in float32 anyway.
    return next(fitting, np.dtype(names[-1]))


def _checked(name: str, value: Any) -> Any:
    """A list that holds something else than numbers, if it can be sent at all."""
    try:
        json.dumps(value)
    except (TypeError, ValueError) as error:
        raise UnsendableError(f"{name} has something that is not a number: {error}.") from error
    return value
