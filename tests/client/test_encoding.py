"""Data in the forms that users have, as they travel."""

import base64
import io
import json
from typing import Any

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from tacit.client import UnsendableError
from tacit.client.encoding import encode, to_json


def _decoded(value: dict[str, Any]) -> Any:
    assert set(value) == {"dtype", "shape", "data_b64"}
    dtype = np.dtype(value["dtype"]).newbyteorder("<")
    return np.frombuffer(base64.b64decode(value["data_b64"]), dtype).reshape(value["shape"])


@pytest.mark.parametrize(
    ("array", "dtype"),
    [
        (np.arange(6.0).reshape(2, 3), "float64"),
        (np.arange(6.0).reshape(2, 3).T, "float64"),
        (np.arange(3, dtype=">f4"), "float32"),
        (np.arange(3, dtype=np.float16), "float32"),
        (np.arange(3, dtype=np.longdouble), "float64"),
        (np.arange(3), "int64"),
        (np.arange(3, dtype=">i2"), "int32"),
        (np.arange(3, dtype=np.uint32), "int64"),
        (np.array([True, False]), "int32"),
        ([[1, 2], [3, 4]], "int64"),
        ((1.5, 2), "float64"),
        (range(4), "int64"),
        (pd.Series([1.5, 2.5], index=[7, 8]), "float64"),
        (pd.DataFrame({"a": [1.0, 2.0], "b": [3, 4]}), "float64"),
        (xr.DataArray(np.ones((2, 2)), dims=("N", "D")), "float64"),
        (jnp.ones(3), "float32"),
    ],
)
def test_arrays_travel_in_binary(array: Any, dtype: str) -> None:
    sent = encode({"x": array})["x"]
    assert sent["dtype"] == dtype
    np.testing.assert_array_equal(_decoded(sent), np.asarray(array))


def test_tables_are_fields() -> None:
    frame = pd.DataFrame({"y": [1.0, 2.0], "sigma": [3.0, 4.0]})
    dataset = xr.Dataset({"y": ("J", [1.0, 2.0]), "sigma": ("J", [3.0, 4.0])}, coords={"J": [10, 20]})
    for data in (frame, dataset, {"y": frame.y, "sigma": dataset.sigma}):
        sent = encode(data)
        assert list(sent) == ["y", "sigma"]
        np.testing.assert_array_equal(_decoded(sent["sigma"]), [3.0, 4.0])


@pytest.mark.parametrize("number", [3, 2.5, np.float32(2.5), np.int64(3), np.array(2.5), True, None, "three"])
def test_single_values_travel_as_they_are(number: Any) -> None:
    assert encode({"n": number}) == {"n": number}
    assert json.loads(to_json(encode({"n": number}))) == {"n": number}


def test_single_numbers_that_json_lacks_travel_in_binary() -> None:
    assert np.isnan(_decoded(encode({"n": float("nan")})["n"]))


@pytest.mark.parametrize("numbers", [[1.0, 2.0], [1, 2]])
def test_masked_numbers_travel_as_nan(numbers: list[float]) -> None:
    sent = _decoded(encode({"x": np.ma.masked_array(numbers, mask=[0, 1])})["x"])
    np.testing.assert_array_equal(sent, [1.0, np.nan])


@pytest.mark.parametrize("value", [[[1, 2], [3]], [1, None], ["a", "b"], {"dtype": "float32"}])
def test_what_is_no_array_of_numbers_is_left_to_the_service(value: Any) -> None:
    assert encode({"x": value}) == {"x": value}


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ([1, 2], "Data are fields by name"),
        ({"when": pd.Series(pd.to_datetime(["2026-01-01"]))}, "when has something that is not a number"),
        ({"x": pd.Series([1, pd.NaT])}, "x has something that is not a number"),
    ],
)
def test_what_cannot_be_sent_is_named(data: Any, says: str) -> None:
    with pytest.raises(UnsendableError, match=says):
        encode(data)


def test_bodies_without_a_form_in_json_are_refused() -> None:
    with pytest.raises(UnsendableError, match="cannot be sent as JSON"):
        to_json({"options": {"rate": float("inf")}})
    with pytest.raises(UnsendableError, match="cannot be sent as JSON"):
        to_json({"file": io.BytesIO()})
