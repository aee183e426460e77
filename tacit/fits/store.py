"""Fits in a blob store: the one place that knows which record lies under which key.

    open/{id}                          marks a fit that has no outcome yet; found again after any crash
    owners/{owner}/{id}                marks whose fit it is
    fits/{id}/data.safetensors
    fits/{id}/request.json             from here on the fit is accepted
    fits/{id}/attempts/{n}.json        a worker began; created by exactly one
    fits/{id}/attempts/{n}.end.json    it ended without deciding the fit
    fits/{id}/checkpoint/{n}-{step}-{sha256}.safetensors
                                       where attempt n was; older ones go when a newer one is durable
    fits/{id}/result/{n}/*             what attempt n produced; attempts that overlap cannot mix
    fits/{id}/cancel.json              the fit is to be cancelled; whoever works on it looks here
    fits/{id}/outcome.json             created by exactly one writer; names the artefacts and their checksums

Every record is written once. Whoever reads sees the fit as it stood at some moment, and later moments only add.
"""

import hashlib
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

from numpy.typing import NDArray

from tacit.errors import NotFoundError, StoreError, UnavailableError
from tacit.fits import arrays as array_files
from tacit.fits.arrays import ArrayFile, Arrays
from tacit.fits.blobs import Blobs
from tacit.fits.idempotency import IdempotencyKeys
from tacit.fits.ids import is_fit_id
from tacit.fits.records import (
    AnyRecord,
    Artefact,
    Attempt,
    AttemptEnd,
    Cancel,
    Fit,
    FitRequest,
    Outcome,
    ProgressRecord,
    Status,
    now,
)
from tacit.fits.twins import Twins

_log = logging.getLogger(__name__)

_OPEN = "open/"
_FITS = "fits/"
_OWNERS = "owners/"
# Bytes of a large file that are looked at together.
_PART = 4 * 1024 * 1024


class FitStore:
    """Reads and writes the records of fits. Safe to share between threads and processes."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self.twins = Twins(blobs)
        self.idempotency = IdempotencyKeys(blobs)

    def accept(self, request: FitRequest, data: bytes) -> None:
        """Make a fit durable: when this returns it will run, whatever crashes.

        One that is tried again goes on from the newest checkpoint of the fit before it.

        Args:
            request: The resolved request; `request.data` describes `data`.
            data: The arrays of the fit, encoded.
        """
        folder = _folder(request.id)
        self._blobs.put(f"{folder}data.safetensors", data)
        if request.retried_from is not None:
            self._copy_checkpoint(request.retried_from, request.id)
        # The marks come before the commit: a fit with a mark and no request was never promised to anyone.
        if request.owner is not None:
            self._blobs.put(_owned_key(request.owner, request.id), b"")
        self._blobs.put(f"{_OPEN}{request.id}", b"")
        if not self._blobs.create(_request_key(request.id), request.to_bytes()):
            raise StoreError(f"There is a fit {request.id} already.")

    def fit(self, fit_id: str) -> Fit:
        """All records of a fit.

        Raises:
            NotFoundError: There is no such fit.
        """
        request = self._read(_request_key(fit_id), FitRequest)
        if request is None:
            raise _no_such_fit(fit_id)
        with self._unless_deleted(fit_id):
            fit = self._with_records(request)
        if fit.outcome is None and not self._blobs.exists(_request_key(fit_id)):
            raise _no_such_fit(fit_id)
        return fit

    def _with_records(self, request: FitRequest) -> Fit:
        fit_id = request.id
        attempts: list[Attempt] = []
        ends: list[AttemptEnd] = []
        for key in self._blobs.list(f"{_folder(fit_id)}attempts/"):
            if key.endswith(".end.json"):
                ends.append(self._must_read(key, AttemptEnd))
            else:
                attempts.append(self._must_read(key, Attempt))
        cancel = self._read(_cancel_key(fit_id), Cancel)
        outcome = self._read(f"{_folder(fit_id)}outcome.json", Outcome)
        return Fit(request, tuple(attempts), tuple(ends), cancel, outcome)

    def data(self, request: FitRequest) -> Arrays:
        """The data of a fit, checked against its checksum."""
        return array_files.from_bytes(self.encoded_data(request))

    def encoded_data(self, request: FitRequest) -> bytes:
        """The data of a fit as `accept` took it, checked against its checksum."""
        with self._unless_deleted(request.id):
            return self._checked(f"{_folder(request.id)}data.safetensors", request.data)

    def begin_attempt(self, fit: Fit, *, worker: str, device: str) -> Attempt | None:
        """Record that a worker begins the next attempt; None when another worker was faster."""
        attempt = Attempt(number=len(fit.attempts) + 1, worker=worker, device=device, started_at=now())
        key = f"{_attempt_key(fit.request.id, attempt.number)}.json"
        return attempt if self._blobs.create(key, attempt.to_bytes()) else None

    def end_attempt(self, fit_id: str, number: int, *, code: str, message: str, counts: bool) -> None:
        """Record why an attempt ended without an outcome; the first reason stays."""
        end = AttemptEnd(number=number, code=code, message=message, counts=counts, ended_at=now())
        self._blobs.create(f"{_attempt_key(fit_id, number)}.end.json", end.to_bytes())

    def request_cancel(self, fit_id: str) -> None:
        """Have whoever works on the fit stop; no harm when it was asked before."""
        self._blobs.create(_cancel_key(fit_id), Cancel(requested_at=now()).to_bytes())

    def cancel_requested(self, fit_id: str) -> bool:
        """Whether the fit is to be cancelled, or deleted even, as far as can be told now; cheap."""
        try:
            return self._blobs.exists(_cancel_key(fit_id)) or not self._blobs.exists(_request_key(fit_id))
        except UnavailableError:
            return False

    def put_checkpoint(self, fit_id: str, attempt: int, step: int, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Keep where an attempt is, and drop what it and earlier attempts kept before."""
        data = array_files.to_bytes(arrays)
        key = _checkpoint_key(fit_id, attempt, step, data)
        self._blobs.put(key, data)
        for older in self._blobs.list(_checkpoints(fit_id)):
            if older < key:
                self._blobs.delete(older)

    def checkpoint(self, fit_id: str) -> Arrays | None:
        """The newest checkpoint that is whole; a damaged one is passed over with a line in the log."""
        newest = self._newest_checkpoint(fit_id)
        return array_files.from_bytes(newest[1]) if newest is not None else None

    def _newest_checkpoint(self, fit_id: str) -> tuple[str, bytes] | None:
        """Its key and content."""
        for key in reversed(self._blobs.list(_checkpoints(fit_id))):
            data = self._blobs.get(key)
            # One that is gone by now made room for a newer one, of an attempt that overlaps with ours.
            if data is None:
                continue
            if key.endswith(f"-{array_files.artefact(data).sha256}.safetensors"):
                return key, data
            _log.error("the checkpoint %s is damaged and passed over", key)
        return None

    def _copy_checkpoint(self, source: str, target: str) -> None:
        """Give a fit the newest checkpoint of another, as that of an attempt before its first."""
        newest = self._newest_checkpoint(source)
        if newest is not None:
            key, data = newest
            _, _, rest = key.removeprefix(_checkpoints(source)).partition("-")
            self._blobs.put(f"{_checkpoints(target)}{0:04d}-{rest}", data)

    def put_artefact(self, fit_id: str, attempt: int, name: str, data: bytes) -> Artefact:
        """Write one file of the result of an attempt; name it in the outcome to make it count."""
        self._blobs.put(_result_key(fit_id, attempt, name), data)
        return array_files.artefact(data)

    def cancelled(self, fit_id: str, *, attempt: int | None = None, progress: ProgressRecord | None = None) -> bool:
        """Decide that a fit was cancelled; False when it was decided before."""
        return self.finish(
            fit_id, Outcome(status=Status.CANCELLED, finished_at=now(), attempt=attempt, progress=progress)
        )

    def finish(self, fit_id: str, outcome: Outcome) -> bool:
        """Decide a fit. False, with nothing changed, when it was decided before, or is no more."""
        if not self._blobs.exists(_request_key(fit_id)):
            return False
        first = self._blobs.create(f"{_folder(fit_id)}outcome.json", outcome.to_bytes())
        self._blobs.delete(f"{_OPEN}{fit_id}")
        if first and outcome.status is Status.SUCCEEDED:
            self._blobs.delete(_checkpoints(fit_id))
        return first

    def artefact(self, fit: Fit, name: str) -> bytes:
        """One file of the result, checked against its checksum.

        Raises:
            NotFoundError: The outcome names no such file.
            StoreError: The file is missing or damaged; the message names it.
        """
        with self._unless_deleted(fit.request.id):
            return self._checked(*_named(fit, name))

    def arrays(self, fit: Fit, name: str) -> Arrays:
        """One file of arrays of the result; errors as `artefact`."""
        return array_files.from_bytes(self.artefact(fit, name))

    def array_file(self, fit: Fit, name: str) -> ArrayFile:
        """One file of arrays of the result, to be read by rows; never all of it at once. Errors as `artefact`."""
        key, expected = _named(fit, name)
        with self._unless_deleted(fit.request.id):
            digest = hashlib.sha256()
            for start in range(0, expected.size, _PART):
                digest.update(self._part(key, start, min(_PART, expected.size - start)))
            # One byte more tells a file that has grown.
            if digest.hexdigest() != expected.sha256 or self._blobs.part(key, expected.size, 1):
                raise _damaged(key)
            return ArrayFile(partial(self._part, key))

    def _part(self, key: str, start: int, size: int) -> bytes:
        data = self._blobs.part(key, start, size)
        if data is None:
            raise StoreError(f"The stored file {key} is missing.")
        if len(data) != size:
            raise _damaged(key)
        return data

    def delete(self, fit_id: str) -> None:
        """Remove a fit that is decided, and all that belongs to it."""
        request: FitRequest | None = None
        with suppress(StoreError):  # a damaged fit can be deleted, too
            request = self._read(_request_key(fit_id), FitRequest)
        # Without its request a fit does not exist: a crash after this leaves rubbish, never half a fit.
        self._blobs.delete(_request_key(fit_id))
        if request is not None:
            self.twins.release(request)
        if request is not None and request.owner is not None:
            self._blobs.delete(_owned_key(request.owner, fit_id))
        self._blobs.delete(f"{_OPEN}{fit_id}")
        self._blobs.delete(_folder(fit_id))

    def exists(self, fit_id: str) -> bool:
        """Whether there is such a fit."""
        return self._blobs.exists(_request_key(fit_id))

    def is_underway(self, fit_id: str) -> bool:
        """Whether there is such a fit and it is not decided. Far cheaper than its records."""
        outcome = f"{_folder(fit_id)}outcome.json"
        return self._blobs.exists(_request_key(fit_id)) and not self._blobs.exists(outcome)

    def owner(self, fit_id: str) -> str | None:
        """Whose fit it is, which never changes; None when it was made without a key.

        Raises:
            NotFoundError: There is no such fit.
        """
        request = self._read(_request_key(fit_id), FitRequest)
        if request is None:
            raise _no_such_fit(fit_id)
        return request.owner

    def fit_ids(self, *, before: str | None = None, owner: str | None = None) -> list[str]:
        """Ids of all fits, those accepted latest first; only those that sort before an id, only those of an owner.

        Some may have no records: those of fits that are just being accepted, or deleted.
        """
        names = reversed(self._blobs.names(_FITS if owner is None else f"{_OWNERS}{owner}/"))
        return [name for name in names if is_fit_id(name) and (before is None or name < before)]

    def check(self) -> None:
        """Write something; raises UnavailableError when that cannot be done."""
        self._blobs.put("health", b"ok")

    def open_fits(self) -> list[str]:
        """Ids of the accepted fits that have no outcome, oldest first. Costs nothing per finished fit."""
        return [fit_id for fit_id in self._marked() if self._is_open(fit_id)]

    def has_unfinished(self, count: int, *, owner: str | None) -> bool:
        """Whether there are at least `count` fits without an outcome: of an owner, or of anyone when that is None."""
        found = self._marked()
        if len(found) >= count and owner is not None:
            found = [fit_id for fit_id in found if self._blobs.exists(_owned_key(owner, fit_id))]
        return len(found) >= count and sum(map(self._is_open, found)) >= count

    def _marked(self) -> list[str]:
        return [name for key in self._blobs.list(_OPEN) if is_fit_id(name := key.removeprefix(_OPEN))]

    def _is_open(self, fit_id: str) -> bool:
        if self._blobs.exists(f"{_folder(fit_id)}outcome.json"):
            self._blobs.delete(f"{_OPEN}{fit_id}")
            return False
        return self._blobs.exists(_request_key(fit_id))

    @contextmanager
    def _unless_deleted(self, fit_id: str) -> Iterator[None]:
        """What is missing because the fit was deleted meanwhile is no damage."""
        try:
            yield
        except StoreError:
            if not self._blobs.exists(_request_key(fit_id)):
                raise _no_such_fit(fit_id) from None
            raise

    def _checked(self, key: str, expected: Artefact) -> bytes:
        data = self._blobs.get(key)
        if data is None:
            raise StoreError(f"The stored file {key} is missing.")
        if array_files.artefact(data) != expected:
            raise _damaged(key)
        return data

    def _read(self, key: str, kind: type[AnyRecord]) -> AnyRecord | None:
        data = self._blobs.get(key)
        return None if data is None else kind.from_bytes(data, key=key)

    def _must_read(self, key: str, kind: type[AnyRecord]) -> AnyRecord:
        record = self._read(key, kind)
        if record is None:
            raise StoreError(f"The stored record {key} is missing.")
        return record


def encode_data(arrays: Mapping[str, NDArray[Any]]) -> tuple[bytes, Artefact]:
    """The arrays of a fit as bytes, and what its request has to say about them."""
    data = array_files.to_bytes(arrays)
    return data, array_files.artefact(data)


def _folder(fit_id: str) -> str:
    if not is_fit_id(fit_id):
        raise _no_such_fit(fit_id)
    return f"{_FITS}{fit_id}/"


def _no_such_fit(fit_id: str) -> NotFoundError:
    return NotFoundError(f"There is no fit {fit_id[:64]!r}.")


def _owned_key(owner: str, fit_id: str) -> str:
    return f"{_OWNERS}{owner}/{fit_id}"


def _attempt_key(fit_id: str, number: int) -> str:
    return f"{_folder(fit_id)}attempts/{number:04d}"


def _request_key(fit_id: str) -> str:
    return f"{_folder(fit_id)}request.json"


def _cancel_key(fit_id: str) -> str:
    return f"{_folder(fit_id)}cancel.json"


def _checkpoints(fit_id: str) -> str:
    return f"{_folder(fit_id)}checkpoint/"


def _checkpoint_key(fit_id: str, attempt: int, step: int, data: bytes) -> str:
    """Sorts by attempt, then step; holds the checksum, so that one write makes the checkpoint and its proof."""
    return f"{_checkpoints(fit_id)}{attempt:04d}-{step:012d}-{array_files.artefact(data).sha256}.safetensors"


def _named(fit: Fit, name: str) -> tuple[str, Artefact]:
    """Where a file of the result is, and what it must be."""
    outcome = fit.outcome
    if outcome is None or outcome.attempt is None or name not in outcome.artefacts:
        raise NotFoundError(f"Fit {fit.request.id} has no {name}.")
    return _result_key(fit.request.id, outcome.attempt, name), outcome.artefacts[name]


def _damaged(key: str) -> StoreError:
    return StoreError(f"The stored file {key} is damaged: its checksum is not the one recorded.")


def _result_key(fit_id: str, attempt: int, name: str) -> str:
    return f"{_folder(fit_id)}result/{attempt:04d}/{name}"
