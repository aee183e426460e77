import numpy as np
import pytest
from numpy.typing import NDArray

from tacit.errors import StoreError
from tacit.fits import arrays


@pytest.mark.parametrize(
    "array",
    [
        np.float32(1.5) * np.ones((2, 3), dtype=np.float32),
        np.arange(12.0).reshape(3, 4).T,
        np.array([1, 2], dtype=">i4"),
        np.array(7),
        np.zeros((0, 2)),
        np.array([np.nan, np.inf, -np.inf]),
        np.array([True, False]),
    ],
    ids=["float32", "transposed", "big-endian", "scalar", "empty", "non-finite", "bool"],
)
def test_arrays_survive(array: NDArray[np.generic]) -> None:
    back = arrays.from_bytes(arrays.to_bytes({"a": array}))["a"]
    assert back.shape == array.shape
    assert back.dtype == array.dtype.newbyteorder("=")
    np.testing.assert_array_equal(back, array)


def test_other_bytes_are_refused() -> None:
    with pytest.raises(StoreError, match="cannot be read"):
        arrays.from_bytes(b"\x80\x04K\x01.")


def test_no_object_arrays() -> None:
    with pytest.raises(Exception, match="object"):
        arrays.to_bytes({"a": np.array([object()])})


def test_a_file_is_read_by_rows() -> None:
    given = {
        "a": np.arange(24, dtype=np.float32).reshape(4, 3, 2),
        "b": np.array([True, False, True, True]),
        "c": np.arange(4, dtype=np.int32),
        "d": np.arange(4.0),
    }
    data = arrays.to_bytes(given)
    file = arrays.ArrayFile(lambda start, size: data[start : start + size])
    assert {name: entry.shape for name, entry in file.entries.items()} == {k: v.shape for k, v in given.items()}
    for name, array in given.items():
        rows = file.rows(name, 1, 3)
        assert rows.dtype == array.dtype
        np.testing.assert_array_equal(rows, array[1:3])


@pytest.mark.parametrize("data", [b"", b"\x80\x04K\x01.", b"\x03" + bytes(7) + b"[1]", b"\x07" + bytes(7) + b'{"a":1}'])
def test_other_files_are_refused(data: bytes) -> None:
    with pytest.raises(StoreError, match="cannot be read"):
        arrays.ArrayFile(lambda start, size: data[start : start + size])
