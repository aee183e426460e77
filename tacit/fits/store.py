"""Fits in a blob store, laid out as `tacit.fits.layout` says.

Every record is written once. Whoever reads sees the fit as it stood at some moment, and later moments only add.
"""

import hashlib
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

from numpy.typing import NDArray

from tacit.errors import NotFoundError, StoreError, UnavailableError
from tacit.fits import arrays as array_files
from tacit.fits import layout
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
from tacit.fits.webhooks import Webhooks

_log = logging.getLogger(__name__)

# Bytes of a large file that are looked at together.
_PART = 4 * 1024 * 1024

Changed = Callable[["FitStore", str], None]


class FitStore:
    """Reads and writes the records of fits. Safe to share between threads and processes.

    Args:
        blobs: Where they rest.
        changed: Called after every write that moves a fit on, with this store and the id of the fit; must not raise.
    """

    def __init__(self, blobs: Blobs, *, changed: Changed | None = None) -> None:
        self._blobs = blobs
        self._changed = changed
        self.twins = Twins(blobs)
        self.webhooks = Webhooks(blobs)
        self.idempotency = IdempotencyKeys(blobs)

    def accept(self, request: FitRequest, data: bytes) -> None:
        """Make a fit durable: when this returns it will run, whatever crashes.

        One that is tried again goes on from the newest checkpoint of the fit before it.

        Args:
            request: The resolved request; `request.data` describes `data`.
            data: The arrays of the fit, encoded.
        """
        folder = layout.folder(request.id)
        self._blobs.put(f"{folder}data.safetensors", data)
        if request.retried_from is not None:
            self._copy_checkpoint(request.retried_from, request.id)
        # The marks come before the commit: a fit with a mark and no request was never promised to anyone.
        if request.owner is not None:
            self._blobs.put(layout.owned_key(request.owner, request.id), b"")
        self._blobs.put(f"{layout.OPEN}{request.id}", b"")
        if not self._blobs.create(layout.request_key(request.id), request.to_bytes()):
            raise StoreError(f"There is a fit {request.id} already.")
        self._tell(request.id)

    def fit(self, fit_id: str) -> Fit:
        """All records of a fit.

        Raises:
            NotFoundError: There is no such fit.
        """
        request = self._read(layout.request_key(fit_id), FitRequest)
        if request is None:
            raise layout.no_such_fit(fit_id)
        with self._unless_deleted(fit_id):
            fit = self._with_records(request)
        if fit.outcome is None and not self._blobs.exists(layout.request_key(fit_id)):
            raise layout.no_such_fit(fit_id)
        return fit

    def _with_records(self, request: FitRequest) -> Fit:
        fit_id = request.id
        attempts: list[Attempt] = []
        ends: list[AttemptEnd] = []
        for key in self._blobs.list(f"{layout.folder(fit_id)}attempts/"):
            if key.endswith(".end.json"):
                ends.append(self._must_read(key, AttemptEnd))
            else:
                attempts.append(self._must_read(key, Attempt))
        cancel = self._read(layout.cancel_key(fit_id), Cancel)
        outcome = self._read(f"{layout.folder(fit_id)}outcome.json", Outcome)
        return Fit(request, tuple(attempts), tuple(ends), cancel, outcome)

    def data(self, request: FitRequest) -> Arrays:
        """The data of a fit, checked against its checksum."""
        return array_files.from_bytes(self.encoded_data(request))

    def encoded_data(self, request: FitRequest) -> bytes:
        """The data of a fit as `accept` took it, checked against its checksum."""
        with self._unless_deleted(request.id):
            return self._checked(f"{layout.folder(request.id)}data.safetensors", request.data)

    def begin_attempt(self, fit: Fit, *, worker: str, device: str) -> Attempt | None:
        """Record that a worker begins the next attempt; None when another worker was faster."""
        attempt = Attempt(number=len(fit.attempts) + 1, worker=worker, device=device, started_at=now())
        key = f"{layout.attempt_key(fit.request.id, attempt.number)}.json"
        if not self._blobs.create(key, attempt.to_bytes()):
            return None
        self._tell(fit.request.id)
        return attempt

    def end_attempt(self, fit_id: str, number: int, *, code: str, message: str, counts: bool) -> None:
        """Record why an attempt ended without an outcome; the first reason stays."""
        end = AttemptEnd(number=number, code=code, message=message, counts=counts, ended_at=now())
        self._blobs.create(f"{layout.attempt_key(fit_id, number)}.end.json", end.to_bytes())
        self._tell(fit_id)

    def request_cancel(self, fit_id: str) -> None:
        """Have whoever works on the fit stop; no harm when it was asked before."""
        self._blobs.create(layout.cancel_key(fit_id), Cancel(requested_at=now()).to_bytes())
        self._tell(fit_id)

    def cancel_requested(self, fit_id: str) -> bool:
        """Whether the fit is to be cancelled, or deleted even, as far as can be told now; cheap."""
        try:
            return self._blobs.exists(layout.cancel_key(fit_id)) or not self._blobs.exists(layout.request_key(fit_id))
        except UnavailableError:
            return False

    def put_checkpoint(self, fit_id: str, attempt: int, step: int, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Keep where an attempt is, and drop what it and earlier attempts kept before."""
        data = array_files.to_bytes(arrays)
        key = layout.checkpoint_key(fit_id, attempt, step, data)
        self._blobs.put(key, data)
        for older in self._blobs.list(layout.checkpoints(fit_id)):
            if older < key:
                self._blobs.delete(older)

    def checkpoint(self, fit_id: str) -> Arrays | None:
        """The newest checkpoint that is whole; a damaged one is passed over with a line in the log."""
        newest = self._newest_checkpoint(fit_id)
        return array_files.from_bytes(newest[1]) if newest is not None else None

    def furthest_attempt(self, fit_id: str) -> int:
        """The latest attempt that made a checkpoint; 0 when none did."""
        found = self._blobs.list(layout.checkpoints(fit_id))
        return layout.checkpoint_attempt(found[-1]) if found else 0

    def _newest_checkpoint(self, fit_id: str) -> tuple[str, bytes] | None:
        """Its key and content."""
        for key in reversed(self._blobs.list(layout.checkpoints(fit_id))):
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
            _, _, rest = key.removeprefix(layout.checkpoints(source)).partition("-")
            self._blobs.put(f"{layout.checkpoints(target)}{0:04d}-{rest}", data)

    def put_artefact(self, fit_id: str, attempt: int, name: str, data: bytes) -> Artefact:
        """Write one file of the result of an attempt; name it in the outcome to make it count."""
        self._blobs.put(layout.result_key(fit_id, attempt, name), data)
        return array_files.artefact(data)

    def cancelled(self, fit_id: str, *, attempt: int | None = None, progress: ProgressRecord | None = None) -> bool:
        """Decide that a fit was cancelled; False when it was decided before."""
        return self.finish(
            fit_id, Outcome(status=Status.CANCELLED, finished_at=now(), attempt=attempt, progress=progress)
        )

    def finish(self, fit_id: str, outcome: Outcome) -> bool:
        """Decide a fit. False, with nothing changed, when it was decided before, or is no more."""
        if not self._blobs.exists(layout.request_key(fit_id)):
            return False
        first = self._blobs.create(f"{layout.folder(fit_id)}outcome.json", outcome.to_bytes())
        self._blobs.delete(f"{layout.OPEN}{fit_id}")
        # What was computed to its end is not gone on with.
        if first and (outcome.status is Status.SUCCEEDED or outcome.not_converged is not None):
            self._blobs.delete(layout.checkpoints(fit_id))
        self._tell(fit_id)
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
            request = self._read(layout.request_key(fit_id), FitRequest)
        # Without its request a fit does not exist: a crash after this leaves rubbish, never half a fit.
        self._blobs.delete(layout.request_key(fit_id))
        if request is not None:
            self.twins.release(request)
        if request is not None and request.owner is not None:
            self._blobs.delete(layout.owned_key(request.owner, fit_id))
        self.webhooks.forget(fit_id)
        self._blobs.delete(f"{layout.OPEN}{fit_id}")
        self._blobs.delete(layout.folder(fit_id))
        self._tell(fit_id)

    def exists(self, fit_id: str) -> bool:
        """Whether there is such a fit."""
        return self._blobs.exists(layout.request_key(fit_id))

    def is_underway(self, fit_id: str) -> bool:
        """Whether there is such a fit and it is not decided. Far cheaper than its records."""
        outcome = f"{layout.folder(fit_id)}outcome.json"
        return self._blobs.exists(layout.request_key(fit_id)) and not self._blobs.exists(outcome)

    def owner(self, fit_id: str) -> str | None:
        """Whose fit it is, which never changes; None when it was made without a key.

        Raises:
            NotFoundError: There is no such fit.
        """
        request = self._read(layout.request_key(fit_id), FitRequest)
        if request is None:
            raise layout.no_such_fit(fit_id)
        return request.owner

    def fit_ids(self, *, before: str | None = None, owner: str | None = None) -> list[str]:
        """Ids of all fits, those accepted latest first; only those that sort before an id, only those of an owner.

        Some may have no records: those of fits that are just being accepted, or deleted.
        """
        names = reversed(self._blobs.names(layout.FITS if owner is None else f"{layout.OWNERS}{owner}/"))
        return [name for name in names if is_fit_id(name) and (before is None or name < before)]

    def check(self) -> None:
        """Write something; raises UnavailableError when that cannot be done."""
        self._blobs.put("health", b"ok")

    def open_fits(self) -> list[str]:
        """Ids of the accepted fits that have no outcome, oldest first. Costs nothing per finished fit."""
        return [fit_id for fit_id in self._marked() if self._is_open(fit_id)]

    def has_queued(self, count: int, *, owner: str | None) -> bool:
        """Whether at least `count` fits wait for their first attempt: of an owner, or of anyone when that is None."""
        found = self._marked()
        if len(found) >= count and owner is not None:
            found = [fit_id for fit_id in found if self._blobs.exists(layout.owned_key(owner, fit_id))]
        return len(found) >= count and sum(map(self._is_queued, found)) >= count

    def _tell(self, fit_id: str) -> None:
        if self._changed is not None:
            self._changed(self, fit_id)

    def _marked(self) -> list[str]:
        return [name for key in self._blobs.list(layout.OPEN) if is_fit_id(name := key.removeprefix(layout.OPEN))]

    def _is_open(self, fit_id: str) -> bool:
        if self._blobs.exists(f"{layout.folder(fit_id)}outcome.json"):
            self._blobs.delete(f"{layout.OPEN}{fit_id}")
            return False
        return self._blobs.exists(layout.request_key(fit_id))

    def _is_queued(self, fit_id: str) -> bool:
        return self._is_open(fit_id) and not self._blobs.names(f"{layout.folder(fit_id)}attempts/")

    @contextmanager
    def _unless_deleted(self, fit_id: str) -> Iterator[None]:
        """What is missing because the fit was deleted meanwhile is no damage."""
        try:
            yield
        except StoreError:
            if not self._blobs.exists(layout.request_key(fit_id)):
                raise layout.no_such_fit(fit_id) from None
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


def _named(fit: Fit, name: str) -> tuple[str, Artefact]:
    """Where a file of the result is, and what it must be."""
    outcome = fit.outcome
    if outcome is None or outcome.attempt is None or name not in outcome.artefacts:
        raise NotFoundError(f"Fit {fit.request.id} has no {name}.")
    return layout.result_key(fit.request.id, outcome.attempt, name), outcome.artefacts[name]


def _damaged(key: str) -> StoreError:
    return StoreError(f"The stored file {key} is damaged: its checksum is not the one recorded.")
