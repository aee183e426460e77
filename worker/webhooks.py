"""Tells those who asked for it that a fit has ended, by POST, until they have it or the tries are used up.

What may be reached is decided when the connection is made, by the address that the name has at that moment: a name that
pointed elsewhere when it was checked helps nobody. Redirects are not followed, proxies of the environment not used.
"""

import logging
import socket
import ssl
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import httpcore

from tacit.errors import NotFoundError
from tacit.fits import Fit, FitStore, records, webhooks
from tacit.fits.addresses import is_public
from tacit.fits.webhooks import BACKOFF_S, Due

_log = logging.getLogger(__name__)

LOOK_S = 2.0
_TIMEOUT_S = 5.0
_TOTAL_S = 10.0
_AT_ONCE = 4
# A hook is stored before its fit; one without a fit after this long never gets one.
_FIT_STORED_WITHIN = timedelta(seconds=60)


class NotPublicError(httpcore.ConnectError):
    """The address is one that webhooks may not reach."""


class Deliverer:
    """Delivers what is due.

    Args:
        store: Where fits and pending deliveries are kept.
        private: Whether addresses that are not public may be reached.
        backoff_s: Seconds between two tries.
    """

    def __init__(self, store: FitStore, *, private: bool, backoff_s: tuple[float, ...] = BACKOFF_S) -> None:
        self._store = store
        self._backoff_s = backoff_s
        self._private = private
        self._tls = ssl.create_default_context()
        self._stopping = False

    def stop(self) -> None:
        """Begin no further try."""
        self._stopping = True

    def run(self) -> None:
        """One look: try what is due, some at a time."""
        pending = self._store.webhooks.pending()
        fits = {fit_id: self._ended(fit_id) for fit_id, _ in pending}
        due = [(fit, hook_id) for fit_id, hook_id in pending if (fit := fits[fit_id]) is not None]
        if due:
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                list(pool.map(lambda pair: self._try(*pair), due))

    def _ended(self, fit_id: str) -> Fit | None:
        """A fit of which someone is to be told, once it has ended."""
        if self._store.is_underway(fit_id):
            return None
        try:
            fit = self._store.fit(fit_id)
        except NotFoundError:
            self._forget(fit_id)
            return None
        return fit if fit.outcome is not None else None

    def _forget(self, fit_id: str) -> None:
        """Drop what was to be told of a fit that is no more; not of one that is just being stored."""
        webhooks = self._store.webhooks
        for hook_id in webhooks.hooks(fit_id):
            asked_at = webhooks.asked_at(fit_id, hook_id)
            if asked_at is None or records.now() - asked_at > _FIT_STORED_WITHIN:
                webhooks.remove(fit_id, hook_id)

    def _try(self, fit: Fit, hook_id: str) -> None:
        if self._stopping:
            return
        due = self._store.webhooks.begin(fit.request.id, hook_id, backoff_s=self._backoff_s)
        if due is None:
            return
        status, error = self._post(due, webhooks.message(fit))
        if error is not None:
            _log.warning("webhook %s of fit %s, try %d: %s", hook_id, fit.request.id, due.number, error)
        self._store.webhooks.end(due, error=error, final=status == 410, backoff_s=self._backoff_s)

    def _post(self, due: Due, body: bytes) -> tuple[int, str | None]:
        """The status of the answer (0 for none), and what went wrong."""
        headers: dict[str | bytes, str | bytes] = {
            "Content-Type": "application/json",
            "User-Agent": "tacit",
            webhooks.DELIVERY: due.hook_id,
            webhooks.SIGNATURE: webhooks.sign(due.hook.secret, body, at=int(time.time())),
        }
        timeouts = dict.fromkeys(("connect", "read", "write", "pool"), _TIMEOUT_S)
        backend = _CheckedBackend(private=self._private, deadline=time.monotonic() + _TOTAL_S)
        try:
            with (
                httpcore.ConnectionPool(ssl_context=self._tls, network_backend=backend) as pool,
                # What the receiver has to say is not read.
                pool.stream(
                    "POST", due.hook.url, headers=headers, content=body, extensions={"timeout": timeouts}
                ) as answer,
            ):
                status = answer.status
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, OSError) as error:
            return 0, f"{type(error).__name__}: {error}"[:300]
        return status, None if 200 <= status < 300 else f"The receiver answered {status}."


class _CheckedBackend(httpcore.NetworkBackend):
    """Connects to addresses that may be reached, until a deadline."""

    def __init__(self, *, private: bool, deadline: float) -> None:
        self._backend = httpcore.SyncBackend()
        self._private = private
        self._deadline = deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise httpcore.ConnectError(f"{host} has no address: {error}") from error
        addresses = [str(entry[4][0]) for entry in found]
        allowed = [address for address in addresses if self._private or is_public(address)]
        if not allowed:
            raise NotPublicError(f"{host} is at {addresses[0]}, which is not a public address")
        stream = self._backend.connect_tcp(allowed[0], port, timeout, local_address, socket_options)
        return _TimedStream(stream, self._deadline)


class _TimedStream(httpcore.NetworkStream):
    """A stream that ends at a deadline, however slowly the other side drips."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        secured = self._stream.start_tls(ssl_context, server_hostname, self._left(timeout))
        return _TimedStream(secured, self._deadline)

    def get_extra_info(self, info: str) -> object:
        return self._stream.get_extra_info(info)

    def _left(self, timeout: float | None) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the receiver takes too long")
        return left if timeout is None else min(timeout, left)
