"""Around every request: its id, its line in the log, and the last net for exceptions."""

import logging
import re
import secrets
import time
from http import HTTPStatus

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import unexpected
from app.metrics import HttpMetrics
from tacit import logs

_log = logging.getLogger("app.access")

_ASKED_ALL_THE_TIME = ("/livez", "/readyz", "/metrics")
# Forty files for one look at the page: that it was opened is in the log without them.
_FILES_OF_THE_PAGE = "/web/"
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


class RequestMiddleware:
    """Names each request (by the client's `X-Request-Id` if it has a sane one), logs it, and answers defects by 500."""

    def __init__(self, app: ASGIApp, metrics: HttpMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        given = request.headers.get("x-request-id", "")
        name = given if _GIVEN_ID.fullmatch(given) else f"req_{secrets.token_hex(8)}"
        scope["tacit.request_id"] = name
        logs.request_id.set(name)
        logs.fit_id.set(None)
        began = time.perf_counter()
        status = 0
        cache: str | None = None

        async def named(message: Message) -> None:
            nonlocal status, cache
            if message["type"] == "http.response.start":
                status = message["status"]
                cache = dict(message.get("headers", ())).get(b"fit-cache", b"").decode() or None
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", name.encode())]
            await send(message)

        try:
            await self._app(scope, receive, named)
        except Exception as error:
            if status:
                raise  # the answer is on its way: the server can only cut the connection
            await unexpected(request, error)(scope, receive, named)
        finally:
            seconds = time.perf_counter() - began
            route = getattr(scope.get("route"), "path_format", "")
            self._metrics.observe(method=_method(request), route=route, status=status, seconds=seconds, cache=cache)
            path = request.url.path
            level = logging.DEBUG if _is_chatter(path, status) else logging.INFO
            _log.log(level, "%s %s %d %.1f ms %s", request.method, path, status, 1000 * seconds, name)


def _is_chatter(path: str, status: int) -> bool:
    """Whether nobody reads the log for this request."""
    fine = 0 < status < HTTPStatus.BAD_REQUEST
    return path in _ASKED_ALL_THE_TIME or (path.startswith(_FILES_OF_THE_PAGE) and fine)


def _method(request: Request) -> str:
    """The method, if it is one of the usual: a label that anybody could choose would grow without bound."""
    return request.method if request.method in _METHODS else "other"
