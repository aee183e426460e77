"""How many fits of one owner may wait."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakValueDictionary

from tacit.errors import QuotaError
from tacit.fits.store import FitStore

# A guess at when a fit has begun and made room.
_ROOM_AFTER_S = 10


class Quota:
    """Bounds the fits of an owner that wait. Processes that accept at the same moment may each go over by one.

    Args:
        store: Where fits are kept.
        most: Fits per owner, or of all who have none.
    """

    def __init__(self, store: FitStore, *, most: int) -> None:
        self._store = store
        self._most = most
        self._guard = threading.Lock()
        self._locks: WeakValueDictionary[str | None, threading.Lock] = WeakValueDictionary()

    @contextmanager
    def room(self, owner: str | None) -> Iterator[None]:
        """Room for one more fit: accept it inside.

        Raises:
            QuotaError: Too many of the owner's fits wait.
        """
        with self._guard:
            lock = self._locks.setdefault(owner, threading.Lock())
        with lock:
            if self._store.has_queued(self._most, owner=owner):
                message = f"{self._most} fits wait already; come back when one has begun, or cancel one."
                raise QuotaError(message, retry_after_s=_ROOM_AFTER_S)
            yield
