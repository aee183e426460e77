"""Requests that may be sent twice and count once: what an `Idempotency-Key` stood for.

    idempotency/{scope}/{sha256 of the key}/{n}.json         someone works on the request, for the n-th time
    idempotency/{scope}/{sha256 of the key}/{n}.answer.json  how it was answered

    claim = keys.begin(...)        # Answer: replay it; Claim: do the work, then
    keys.answered(claim, answer)   # or, when it was refused, keys.abandon(claim)

Whoever died between the two leaves a claim without an answer; the next one who asks takes over after a while.
"""

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple, TypeVar

from pydantic import ValidationError

from tacit.errors import FieldError, InFlightError, KeyReusedError
from tacit.fits.blobs import Blobs
from tacit.fits.records import Record, now

_FOLDER = "idempotency/"

AnyRecord = TypeVar("AnyRecord", bound=Record)

# Storing a fit takes milliseconds. Who has not answered after this long never will.
IN_FLIGHT = timedelta(seconds=10)
KEPT = timedelta(hours=24)


class Work(Record):
    """A request with a key is being worked on; it will be, or become, this fit unless it has a twin."""

    request_sha256: str
    fit_id: str
    began_at: datetime


class Answer(Record):
    """How a request was answered."""

    cache: str
    fit_id: str


class Claim(NamedTuple):
    """The right to work on a request."""

    key: str
    work: Work


class IdempotencyKeys:
    """What keys stood for. Safe to share between threads and processes."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    def begin(
        self, key: str, *, scope: str, request: bytes, fit_id: str, stored: Callable[[str], bool]
    ) -> Claim | Answer:
        """Take up a request, or learn how it was answered before.

        Args:
            key: The client's key.
            scope: Among whose keys it counts.
            request: What was asked for: another request under the same key is refused.
            fit_id: The fit that the request is to become.
            stored: Whether there is a fit of an id.

        Raises:
            KeyReusedError: The key stood for another request.
            InFlightError: The same request is being worked on at this moment.
        """
        folder = f"{_FOLDER}{scope}/{hashlib.sha256(key.encode()).hexdigest()}/"
        work = Work(request_sha256=hashlib.sha256(request).hexdigest(), fit_id=fit_id, began_at=now())
        while True:
            number, earlier = self._latest(folder)
            if earlier is not None:
                if earlier.request_sha256 != work.request_sha256:
                    raise KeyReusedError(
                        [FieldError("idempotency-key:", "It stood for another request; use a new key.")]
                    )
                answer = self._read(_answer_key(f"{folder}{number:06d}.json"), Answer)
                if answer is not None:
                    return answer
                if stored(earlier.fit_id):
                    # Who worked on it died, or is just about to say so.
                    return Answer(cache="miss", fit_id=earlier.fit_id)
                if now() - earlier.began_at < IN_FLIGHT:
                    raise InFlightError("The first request with this Idempotency-Key is still being worked on.")
            claim = f"{folder}{number + 1:06d}.json"
            if self._blobs.create(claim, work.to_bytes()):
                return Claim(claim, work)

    def answered(self, claim: Claim, answer: Answer) -> None:
        """Remember how the request was answered."""
        self._blobs.put(_answer_key(claim.key), answer.to_bytes())

    def abandon(self, claim: Claim) -> None:
        """Give the request up: it was refused, and may be tried again."""
        self._blobs.delete(claim.key)

    def expire(self) -> int:
        """Forget keys that are older than a day; how many."""
        expired = 0
        for scope in self._blobs.names(_FOLDER):
            for name in self._blobs.names(f"{_FOLDER}{scope}/"):
                folder = f"{_FOLDER}{scope}/{name}/"
                _, work = self._latest(folder)
                if work is None or now() - work.began_at > KEPT:
                    self._blobs.delete(folder)
                    expired += 1
        return expired

    def _latest(self, folder: str) -> tuple[int, Work | None]:
        names = [name for name in self._blobs.names(folder) if not name.endswith(".answer.json")]
        if not names:
            return 0, None
        return int(names[-1].partition(".")[0]), self._read(f"{folder}{names[-1]}", Work)

    def _read(self, key: str, kind: type[AnyRecord]) -> AnyRecord | None:
        """A record; None when it is gone, or damaged: then it proves nothing."""
        data = self._blobs.get(key)
        try:
            return kind.model_validate_json(data) if data is not None else None
        except ValidationError:
            return None


def _answer_key(claim: str) -> str:
    return f"{claim.removesuffix('.json')}.answer.json"
