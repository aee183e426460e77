"""Who wants to be told when a fit has ended, and how far telling them has got.

    webhooks/{fit}.{hook}/hook.json      where to, and the secret; gone when all is said
    webhooks/{fit}.{hook}/{n}.json       someone begins the n-th try; created by exactly one
    webhooks/{fit}.{hook}/{n}.end.json   how it went
    fits/{fit}/webhooks/{hook}.json      what became of it; without the secret

So whoever delivers may die at any moment: the next one sees which tries were made. A receiver may be told twice, under
the same delivery id.
"""

import hashlib
import hmac
import time
from datetime import datetime, timedelta

from tacit.fits import layout
from tacit.fits.blobs import Blobs
from tacit.fits.records import AnyRecord, Fit, Record, now, to_json_bytes

_PENDING = "webhooks/"

SIGNATURE = "Tacit-Signature"
DELIVERY = "Tacit-Delivery"

# A try that has not said how it went after this long never will.
_TRY_TAKES = timedelta(seconds=60)
# Seconds between two tries; there is one try more than there are waits.
BACKOFF_S = (2.0, 10.0, 60.0, 300.0, 1800.0, 7200.0, 21600.0)


class Hook(Record):
    """Someone wants to be told."""

    url: str
    secret: str
    asked_at: datetime


class Try(Record):
    """Someone begins to tell."""

    began_at: datetime


class TryEnd(Record):
    """How it went; `error` is None when the receiver has it. `final`: no further try makes sense."""

    at: datetime
    error: str | None
    final: bool = False


class Delivery(Record):
    """What became of it, or how far it is."""

    url: str
    tries: int
    ended: bool = False
    delivered: bool
    error: str | None
    at: datetime


class Due(Record):
    """A delivery that is to be tried now, for the `number`-th time."""

    fit_id: str
    hook_id: str
    number: int
    hook: Hook


class Webhooks:
    """Pending deliveries. Safe to share between threads and processes."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    def add(self, fit_id: str, hook_id: str, hook: Hook) -> None:
        """Have someone told when a fit has ended, or now if it has."""
        self._blobs.create(f"{_folder(fit_id, hook_id)}hook.json", hook.to_bytes())

    def remove(self, fit_id: str, hook_id: str) -> None:
        """Tell nobody."""
        self._blobs.delete(_folder(fit_id, hook_id))

    def forget(self, fit_id: str) -> None:
        """Tell nobody of a fit."""
        for hook_id in self.hooks(fit_id):
            self.remove(fit_id, hook_id)

    def asked_at(self, fit_id: str, hook_id: str) -> datetime | None:
        """When someone asked to be told; None when nobody is to be told any more."""
        hook = self._read(f"{_folder(fit_id, hook_id)}hook.json", Hook)
        return hook.asked_at if hook else None

    def pending(self) -> list[tuple[str, str]]:
        """Ids of the deliveries that are still to be made: of the fit, and of the hook."""
        found = (name.partition(".") for name in self._blobs.names(_PENDING))
        return [(fit_id, hook_id) for fit_id, _, hook_id in found]

    def hooks(self, fit_id: str) -> list[str]:
        """Ids of the pending deliveries of a fit."""
        return [hook_id for of, hook_id in self.pending() if of == fit_id]

    def begin(self, fit_id: str, hook_id: str, *, backoff_s: tuple[float, ...] = BACKOFF_S) -> Due | None:
        """Take up the next try; None when it is not time yet, or another took it."""
        hook = self._read(f"{_folder(fit_id, hook_id)}hook.json", Hook)
        if hook is None:
            self.remove(fit_id, hook_id)  # rubbish of a removal that was interrupted
            return None
        tries = self._tries(fit_id, hook_id)
        if tries and now() < self._next_at(fit_id, hook_id, tries, backoff_s):
            return None
        if tries > len(backoff_s):
            self.end(Due(fit_id=fit_id, hook_id=hook_id, number=tries, hook=hook), error="It was interrupted.")
            return None
        key = f"{_folder(fit_id, hook_id)}{tries + 1:03d}.json"
        if not self._blobs.create(key, Try(began_at=now()).to_bytes()):
            return None
        return Due(fit_id=fit_id, hook_id=hook_id, number=tries + 1, hook=hook)

    def end(
        self, due: Due, *, error: str | None, final: bool = False, backoff_s: tuple[float, ...] = BACKOFF_S
    ) -> None:
        """Say how a try went; after the last one, only what became of it is kept."""
        folder = _folder(due.fit_id, due.hook_id)
        end = TryEnd(at=now(), error=error, final=final)
        self._blobs.create(f"{folder}{due.number:03d}.end.json", end.to_bytes())
        if error is not None and not final and due.number <= len(backoff_s):
            return
        delivery = Delivery(
            url=due.hook.url, tries=due.number, ended=True, delivered=error is None, error=error, at=end.at
        )
        if self._blobs.exists(layout.request_key(due.fit_id)):
            self._blobs.put(f"{layout.folder(due.fit_id)}webhooks/{due.hook_id}.json", delivery.to_bytes())
        self.remove(due.fit_id, due.hook_id)

    def deliveries(self, fit_id: str) -> list[Delivery]:
        """What became of the deliveries of a fit, and how far those are that go on."""
        found = [self._read(key, Delivery) for key in self._blobs.list(f"{layout.folder(fit_id)}webhooks/")]
        pending = [self._pending(fit_id, hook_id) for hook_id in self.hooks(fit_id)]
        return [delivery for delivery in (*found, *pending) if delivery is not None]

    def _pending(self, fit_id: str, hook_id: str) -> Delivery | None:
        folder, tries = _folder(fit_id, hook_id), self._tries(fit_id, hook_id)
        hook = self._read(f"{folder}hook.json", Hook)
        if hook is None:
            return None
        end = self._read(f"{folder}{tries:03d}.end.json", TryEnd)
        error, at = (end.error, end.at) if end else (None, hook.asked_at)
        return Delivery(url=hook.url, tries=tries, delivered=False, error=error, at=at)

    def _tries(self, fit_id: str, hook_id: str) -> int:
        return sum(name[:3].isdigit() and name.count(".") == 1 for name in self._blobs.names(_folder(fit_id, hook_id)))

    def _next_at(self, fit_id: str, hook_id: str, tries: int, backoff_s: tuple[float, ...]) -> datetime:
        folder = _folder(fit_id, hook_id)
        end = self._read(f"{folder}{tries:03d}.end.json", TryEnd)
        if end is not None:
            return end.at + timedelta(seconds=backoff_s[min(tries, len(backoff_s)) - 1])
        begun = self._read(f"{folder}{tries:03d}.json", Try)
        return (begun.began_at if begun else now()) + _TRY_TAKES

    def _read(self, key: str, kind: type[AnyRecord]) -> AnyRecord | None:
        data = self._blobs.get(key)
        return None if data is None else kind.from_bytes(data, key=key)


def message(fit: Fit) -> bytes:
    """What is told about a fit that has ended: the same bytes at every try."""
    assert fit.outcome is not None, "it has ended"
    request, outcome = fit.request, fit.outcome
    return to_json_bytes(
        {
            "type": f"fit.{outcome.status}",
            "fit": {
                "id": request.id,
                "status": outcome.status,
                "model": request.model,
                "version": request.version,
                "tags": request.tags,
                "created_at": request.created_at,
                "finished_at": outcome.finished_at,
                "error": outcome.error.model_dump() if outcome.error else None,
                "warnings": outcome.warnings,
                "self": f"/v1/fits/{request.id}",
            },
        }
    )


def sign(secret: str, body: bytes, *, at: int) -> str:
    """The value of the signature header: `t=<unix seconds>,v1=<HMAC-SHA256 over "t.body", in hex>`."""
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def verify(secret: str, body: bytes, signature: str, *, tolerance_s: float = 300.0) -> bool:
    """For receivers: whether a body comes from who knows the secret, and was signed just now."""
    parts = dict(part.partition("=")[::2] for part in signature.split(","))
    if not parts.get("t", "").isdecimal() or abs(time.time() - int(parts["t"])) > tolerance_s:
        return False
    return hmac.compare_digest(sign(secret, body, at=int(parts["t"])).encode(), signature.encode())


def _folder(fit_id: str, hook_id: str) -> str:
    return f"{_PENDING}{fit_id}.{hook_id}/"
