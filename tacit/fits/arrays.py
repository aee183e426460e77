"""Named arrays as bytes (safetensors: typed, checked, no code inside)."""

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from tacit.errors import StoreError
from tacit.fits.records import Artefact

Arrays = dict[str, NDArray[Any]]

# The names that safetensors has for what `to_bytes` writes.
_DTYPES = {"BOOL": "?", "U8": "u1", "I8": "i1", "F16": "<f2"} | {
    f"{word}{8 * size}": f"<{kind}{size}" for word, kind in (("U", "u"), ("I", "i"), ("F", "f")) for size in (2, 4, 8)
}


def to_bytes(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Encode arrays of booleans, integers or floats, of any shape."""
    # safetensors writes the buffer as it lies: it has to be contiguous and little-endian.
    plain = {name: _canonical(array) for name, array in arrays.items()}
    encoded: bytes = save(plain)
    return encoded


def from_bytes(data: bytes) -> Arrays:
    """Decode what `to_bytes` wrote.

    Raises:
        StoreError: The bytes are no such file.
    """
    try:
        decoded: Arrays = load(data)
    except SafetensorError as error:
        raise StoreError(f"A stored file of arrays cannot be read: {error}") from error
    return decoded


class Entry(NamedTuple):
    """One array of a file: what it is, and at which byte of the file it begins."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    start: int


class ArrayFile:
    """An encoded file that is read by rows, so that its size is no matter.

    Args:
        read: `read(start, size)` gives `size` bytes from byte `start` of the file on.

    Raises:
        StoreError: The file is none that `to_bytes` wrote.
    """

    def __init__(self, read: Callable[[int, int], bytes]) -> None:
        self._read = read
        try:
            # Eight bytes that say how long the header is, the header, the arrays.
            length = int.from_bytes(read(0, 8), "little")
            header = dict(json.loads(read(8, length)))
            self.entries = {
                name: _entry(each, after=8 + length) for name, each in header.items() if name != "__metadata__"
            }
        except (ValueError, LookupError, TypeError) as error:
            raise StoreError(f"A stored file of arrays cannot be read: {error}") from error

    def rows(self, name: str, start: int, stop: int) -> NDArray[Any]:
        """Rows `start` to `stop` (exclusive) of an array."""
        dtype, shape, begins = self.entries[name]
        size = dtype.itemsize * math.prod(shape[1:])
        data = self._read(begins + start * size, (stop - start) * size)
        return np.frombuffer(data, dtype).reshape(stop - start, *shape[1:])


def _entry(described: Mapping[str, Any], *, after: int) -> Entry:
    start, _ = described["data_offsets"]
    return Entry(np.dtype(_DTYPES[described["dtype"]]), tuple(described["shape"]), after + start)


def artefact(data: bytes) -> Artefact:
    """What has to be remembered about a file to recognise it."""
    return Artefact(sha256=hashlib.sha256(data).hexdigest(), size=len(data))


def _canonical(array: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C")
