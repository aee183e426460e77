"""What a fit is: its id, its records, where they are stored, and what Redis carries about it."""

from tacit.fits.blobs import Blobs, LocalBlobs
from tacit.fits.fingerprint import fingerprint
from tacit.fits.ids import is_fit_id, new_fit_id
from tacit.fits.records import (
    Artefact,
    Attempt,
    AttemptEnd,
    Cancel,
    Fit,
    FitFailure,
    FitRequest,
    Outcome,
    ProgressRecord,
    Status,
)
from tacit.fits.store import FitStore

__all__ = [
    "Artefact",
    "Attempt",
    "AttemptEnd",
    "Blobs",
    "Cancel",
    "Fit",
    "FitFailure",
    "FitRequest",
    "FitStore",
    "LocalBlobs",
    "Outcome",
    "ProgressRecord",
    "Status",
    "fingerprint",
    "is_fit_id",
    "new_fit_id",
]
