"""Named arrays as bytes (safetensors: typed, checked, no code inside)."""

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from tacit.errors import StoreError
from tacit.fits.records import Artefact

Arrays = dict[str, NDArray[Any]]


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


def artefact(data: bytes) -> Artefact:
    """What has to be remembered about a file to recognise it."""
    return Artefact(sha256=hashlib.sha256(data).hexdigest(), size=len(data))


def _canonical(array: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C")
