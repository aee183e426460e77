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
