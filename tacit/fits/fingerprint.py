"""The fingerprint of a fit: equal exactly when the same computation was asked for."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


def fingerprint(
    arrays: Mapping[str, NDArray[Any]],
    *,
    model: str,
    version: str,
    code_hash: str,
    options: Mapping[str, Any],
    engine_revision: int,
    seed: int,
    draws: int,
) -> str:
    """SHA-256, in hex, over everything that decides the draws of a fit.

    Args:
        arrays: The typed data; values, dtypes and shapes all count.
        model: Name of the model.
        version: Its version.
        code_hash: Hash of its source.
        options: Every inference option, as JSON values.
        engine_revision: Of the engine that computes it; see `tacit.engine`.
        seed: Seed of the fit.
        draws: Number of posterior draws.
    """
    head = {
        "model": model,
        "version": version,
        "code_hash": code_hash,
        "options": options,
        "engine_revision": engine_revision,
        "seed": seed,
        "draws": draws,
        "arrays": {name: [array.dtype.str, list(array.shape)] for name, array in arrays.items()},
    }
    digest = hashlib.sha256(json.dumps(head, sort_keys=True, allow_nan=False).encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C").tobytes())
    return digest.hexdigest()
