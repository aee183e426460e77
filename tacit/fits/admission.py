"""How a request becomes a fit: unless the same computation is underway, or was made."""

import time
from collections.abc import Callable
from datetime import timedelta
from enum import StrEnum
from typing import NamedTuple

from tacit.errors import NotFoundError
from tacit.fits.idempotency import Answer
from tacit.fits.quota import Quota
from tacit.fits.records import Fit, FitRequest, Status, now
from tacit.fits.store import FitStore
from tacit.fits.twins import TwinClaim, scope
from tacit.fits.webhooks import Hook

# A fit is stored milliseconds after it was claimed. One that is not there by then never will be, or was deleted.
_STORED_WITHIN = timedelta(seconds=5)
_LOOK_S = 0.02


class Cache(StrEnum):
    """Whether a request was computed before; the value of the header `Fit-Cache`."""

    MISS = "miss"
    COALESCED = "coalesced"
    HIT = "hit"


class Admission(NamedTuple):
    """The fit that answers a request, and whether it is a new one."""

    fit: Fit
    cache: Cache


def admit(
    store: FitStore,
    quota: Quota,
    request: FitRequest,
    data: bytes,
    *,
    fresh: bool = False,
    hook: Hook | None = None,
) -> Admission:
    """Accept a request as a new fit, or find its twin: of requests for the same, exactly one becomes a fit.

    Args:
        store: Where fits are kept.
        quota: How many of the owner's fits may wait; a twin takes no room.
        request: The resolved request; it becomes a fit under its own id, or none.
        data: Its encoded arrays.
        fresh: Make a new fit even if there is a twin. Later requests find this one.
        hook: Who is to be told of the end of the fit, be it a new one or a twin.

    Raises:
        QuotaError: It would be a new fit, and there is no room for one.
    """
    while True:
        latest, found = _look(store, request, fresh=fresh)
        if found is not None:
            if hook is not None:
                store.webhooks.add(found.fit.request.id, request.id, hook)
            return found
        if store.twins.claim(request, latest + 1):
            return _accepted(store, quota, request, data, hook)


def admit_once(
    store: FitStore, request: FitRequest, admit: Callable[[], Admission], *, key: str, asked: bytes
) -> Admission:
    """What `admit` gives for a request that the client may send more than once: it counts once.

    Args:
        store: Where fits are kept.
        request: The resolved request.
        admit: Accepts it, or finds its twin; called for the first that is sent under its key.
        key: The client's idempotency key.
        asked: The request as it was sent, to tell it from others under the same key.

    Raises:
        KeyReusedError: The key stood for another request.
        InFlightError: The same request is being worked on at this moment.
    """
    keys = store.idempotency
    claim = keys.begin(key, scope=scope(request), request=asked, fit_id=request.id, stored=store.exists)
    if isinstance(claim, Answer):
        return Admission(store.fit(claim.fit_id), Cache(claim.cache))
    try:
        admitted = admit()
    except BaseException:
        keys.abandon(claim)
        raise
    keys.answered(claim, Answer(cache=admitted.cache, fit_id=admitted.fit.request.id))
    return admitted


def _accepted(store: FitStore, quota: Quota, request: FitRequest, data: bytes, hook: Hook | None) -> Admission:
    try:
        with quota.room(request.owner):
            if hook is not None:
                store.webhooks.add(request.id, request.id, hook)
            store.accept(request, data)
    except BaseException:
        store.twins.release(request)
        store.webhooks.forget(request.id)
        raise
    return Admission(Fit(request), Cache.MISS)


def _look(store: FitStore, request: FitRequest, *, fresh: bool) -> tuple[int, Admission | None]:
    """The number of the latest claim on what a request asks for, 0 for none; and the newest twin that is of use, unless
    a fresh fit is wanted."""
    latest = 0
    for number, claim in store.twins.newest_first(request):
        latest = latest or number
        if fresh:
            break
        twin = _when_stored(store, claim) if claim is not None else None
        cache = _usefulness(twin, request)
        if twin is not None and cache is not None:
            return latest, Admission(twin, cache)
        # One that came to nothing is looked at once more at most, however often the same is asked for.
        if number < latest and (twin is None or twin.status in (Status.FAILED, Status.CANCELLED)):
            store.twins.forget(request, number)
    return latest, None


def _usefulness(twin: Fit | None, request: FitRequest) -> Cache | None:
    """Whether a fit gives, or will give on the device it is asked for, what a request wants; None when not."""
    if twin is None:
        return None
    if twin.status is Status.SUCCEEDED:
        return Cache.HIT
    underway = twin.status in (Status.QUEUED, Status.RUNNING)
    return Cache.COALESCED if underway and twin.request.device == request.device else None


def _when_stored(store: FitStore, claim: TwinClaim) -> Fit | None:
    """The fit that was claimed, once it is stored; None when it is gone."""
    while True:
        try:
            return store.fit(claim.fit_id)
        except NotFoundError:
            if now() - claim.claimed_at > _STORED_WITHIN:
                return None
            time.sleep(_LOOK_S)
