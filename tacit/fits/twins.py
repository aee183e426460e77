"""Which fit stands for a fingerprint, so that the same computation is not made twice.

    twins/{scope}/{fingerprint}/{n}.json     the n-th fit that was to compute this; the latest one of use counts

A blob store can create, and not compare and swap. So a claim is never changed: who finds none of use (their fits
failed, were cancelled or deleted) creates the number after the latest, which exactly one can. A fit that was forced
comes before an older one that has succeeded; when it comes to nothing, the older one counts again.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from pydantic import ValidationError

from tacit.fits.blobs import Blobs
from tacit.fits.records import FitRequest, Record, now

_TWINS = "twins/"


class TwinClaim(Record):
    """This fit computes the fingerprint; it is stored right after, or was when it is gone."""

    fit_id: str
    claimed_at: datetime


class Twin(NamedTuple):
    """A claim and its number; no claim where it was just released, or is damaged: nobody can stand on it."""

    number: int
    claim: TwinClaim | None


class Twins:
    """Claims on fingerprints. Safe to share between threads and processes."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    def newest_first(self, request: FitRequest) -> Iterator[Twin]:
        """Whose turn it is, or was, to compute what a request asks for; each is read when it is come to."""
        for name in reversed(self._blobs.names(_folder(request))):
            yield Twin(int(name.partition(".")[0]), self._read(f"{_folder(request)}{name}"))

    def claim(self, request: FitRequest, number: int) -> bool:
        """Say that this fit will compute it, as the `number`-th; False when another was faster."""
        claim = TwinClaim(fit_id=request.id, claimed_at=now())
        return self._blobs.create(_key(request, number), claim.to_bytes())

    def forget(self, request: FitRequest, number: int) -> None:
        """Drop a claim that will never be of use again. Never the latest: its number says which one comes next."""
        self._blobs.delete(_key(request, number))

    def release(self, request: FitRequest) -> None:
        """Forget the claims of a fit that is no more, or never came to be."""
        for name in self._blobs.names(_folder(request)):
            claim = self._read(f"{_folder(request)}{name}")
            if claim is not None and claim.fit_id == request.id:
                self._blobs.delete(f"{_folder(request)}{name}")

    def _read(self, key: str) -> TwinClaim | None:
        """A claim; None when it was just released, or is damaged."""
        data = self._blobs.get(key)
        try:
            return TwinClaim.model_validate_json(data) if data is not None else None
        except ValidationError:
            return None


def scope(request: FitRequest) -> str:
    """Among whose fits twins are looked for: nobody may learn what another one fits."""
    return request.owner or "shared"


def _folder(request: FitRequest) -> str:
    return f"{_TWINS}{scope(request)}/{request.fingerprint}/"


def _key(request: FitRequest, number: int) -> str:
    return f"{_folder(request)}{number:06d}.json"
