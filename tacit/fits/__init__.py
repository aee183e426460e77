"""What a fit is: its id, its records, where they are stored, and what Redis carries about it."""

from tacit.fits.admission import Admission, Cache, admit, admit_once
from tacit.fits.api_keys import ApiKey, ApiKeys, Scope
from tacit.fits.blobs import Blobs, LocalBlobs
from tacit.fits.fingerprint import fingerprint
from tacit.fits.ids import is_fit_id, new_fit_id
from tacit.fits.opening import open_blobs, open_keys, open_store
from tacit.fits.records import (
    NOT_CONVERGED,
    Artefact,
    Attempt,
    AttemptEnd,
    Cancel,
    Fit,
    FitFailure,
    FitRequest,
    Outcome,
    Priority,
    ProgressRecord,
    Status,
)
from tacit.fits.store import FitStore

__all__ = [
    "NOT_CONVERGED",
    "Admission",
    "ApiKey",
    "ApiKeys",
    "Artefact",
    "Attempt",
    "AttemptEnd",
    "Blobs",
    "Cache",
    "Cancel",
    "Fit",
    "FitFailure",
    "FitRequest",
    "FitStore",
    "LocalBlobs",
    "Outcome",
    "Priority",
    "ProgressRecord",
    "Scope",
    "Status",
    "admit",
    "admit_once",
    "fingerprint",
    "is_fit_id",
    "new_fit_id",
    "open_blobs",
    "open_keys",
    "open_store",
]
