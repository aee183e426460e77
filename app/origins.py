"""Which pages of a browser may use the service: those that it serves itself.

A page of another site can lead its own host name to this machine's address (DNS rebinding): the browser then takes the
service for a part of that site. So a host name that nobody gave the service is not answered. And a page of another site
may send requests that need no leave of the service, though it cannot read the answers. So what changes something is
refused where the browser says that such a page asked for it.
"""

import ipaddress
from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from app import errors
from app.errors import ForeignOriginError, WrongHostError

ANY = "*"
_CHANGES_NOTHING = ("GET", "HEAD", "OPTIONS")


class OriginMiddleware:
    """Answers for loopback names, addresses in numbers, and the names given; `*` is any name."""

    def __init__(self, app: ASGIApp, allowed_hosts: Sequence[str]) -> None:
        self._app = app
        self._names = frozenset(name.lower() for name in allowed_hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        host = request.headers.get("host", "")
        # Without a Host it is no browser that asks.
        if host and not self._answers_for(_name(host)):
            detail = (
                f"This service does not answer for the host name {_name(host)[:100]!r}. Use its address, or let the "
                "operator add the name to TACIT_ALLOWED_HOSTS."
            )
            await errors.answer(request, errors.TABLE[WrongHostError], detail)(scope, receive, send)
            return
        origin = request.headers.get("origin")
        if origin is not None and request.method not in _CHANGES_NOTHING and not self._is_own(origin, host):
            detail = (
                f"A page of {origin[:100]!r} may not change anything here. Use the service's own page, or let the "
                "operator add that page's host name to TACIT_ALLOWED_HOSTS."
            )
            await errors.answer(request, errors.TABLE[ForeignOriginError], detail)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _answers_for(self, name: str) -> bool:
        return name == "localhost" or name.endswith(".localhost") or _is_address(name) or self._is_given(name)

    def _is_given(self, name: str) -> bool:
        return ANY in self._names or name in self._names

    def _is_own(self, origin: str, host: str) -> bool:
        """Whether a page of this origin is the service's own, or of a host that the operator named. Behind a proxy that
        speaks TLS the schemes differ, so they are not compared."""
        return _authority(origin) == host.lower() or self._is_given(_name(_authority(origin)))


def _authority(origin: str) -> str:
    """`host:port` of an origin; empty where it has none, as `null`."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _name(host: str) -> str:
    """A host without its port, and an IPv6 address without its brackets."""
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return host.lower()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
