"""Fits to test with."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tacit.fits import FitRequest, FitStore, new_fit_id, records
from tacit.fits.store import encode_data

ARRAYS: dict[str, NDArray[Any]] = {
    "y": np.array([28.0, 8.0, -3.0], dtype=np.float32),
    "n": np.array(3, dtype=np.int32),
}


def make_request(**changes: Any) -> FitRequest:
    """A request as the API would store it, for the arrays above."""
    values: dict[str, Any] = {
        "id": new_fit_id(),
        "model": "eight-schools",
        "version": "1",
        "code_hash": "c" * 64,
        "fingerprint": "f" * 64,
        "options": {"num_steps": 10},
        "seed": 7,
        "draws": 4,
        "timeout_s": 60,
        "device": "cpu",
        "tags": ("nightly",),
        "dims": {"J": 3},
        "data": encode_data(ARRAYS)[1],
        "created_at": records.now(),
    }
    return FitRequest(**{**values, **changes})


def accept(store: FitStore, **changes: Any) -> FitRequest:
    """Store a fit as accepted."""
    request = make_request(**changes)
    store.accept(request, encode_data(ARRAYS)[0])
    return request
