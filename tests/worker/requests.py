"""Accepted fits of the models' example data."""

from typing import Any

from model_registry import load_registry
from tacit.fits import FitRequest, FitStore, new_fit_id, records
from tacit.fits.store import encode_data
from tacit.inference import InferenceOptions


def submit_example(store: FitStore, *, steps: int, model: str = "poisson-rate", **changes: Any) -> FitRequest:
    """Store a fit as the API would; it is not queued."""
    found = load_registry().get(model)
    dataset = found.resolve(found.example)
    data, artefact = encode_data(dataset.stored)
    values: dict[str, Any] = {
        "id": new_fit_id(),
        "model": model,
        "version": found.version,
        "code_hash": found.code_hash,
        "fingerprint": "f" * 64,
        "options": InferenceOptions(**{**found.defaults, "steps": steps}).model_dump(mode="json"),
        "seed": 1,
        "draws": 50,
        "timeout_s": 600,
        "device": "cpu",
        "dims": dict(dataset.dims),
        "data": artefact,
        "created_at": records.now(),
    }
    request = FitRequest(**{**values, **changes})
    store.accept(request, data)
    return request
