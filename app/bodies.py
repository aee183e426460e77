"""Request bodies, strictly: JSON that says it is JSON, is JSON, and is not too large."""

from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any

import anyio.to_thread
import pydantic_core
from fastapi import Request, Response
from fastapi.routing import APIRoute

from app.errors import MediaTypeError, NotJsonError, TooLargeError
from tacit.fits import Scope

READS = {"x-scope": Scope.READ.value}

_LONGEST_PARSED_ON_LOOP = 64 * 1024  # bytes; longer bodies are parsed in a thread


class JsonRequest(Request):
    """A request whose body has to be JSON (RFC 8259: no NaN, no Infinity, UTF-8, sane nesting).

    Its app must have `state.max_body_bytes`.
    """

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """The body, refused as soon as it is seen to be too large."""
        limit: int = self.app.state.max_body_bytes
        size = 0
        async for chunk in super().stream():
            size += len(chunk)
            if size > limit:
                raise TooLargeError(f"The body is larger than {limit} bytes.")
            yield chunk

    async def body(self) -> bytes:
        body = await super().body()
        if not body:
            raise NotJsonError("The body is empty; JSON was expected.")
        media_type = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type != "application/json":
            await self._parsed(body)
            # Other types are what a browser sends across sites without asking.
            raise MediaTypeError("Send JSON, and say so: Content-Type: application/json.")
        return body

    async def json(self) -> Any:
        return await self._parsed(await self.body())

    async def _parsed(self, body: bytes) -> Any:
        if len(body) <= _LONGEST_PARSED_ON_LOOP:
            return _parse(body)
        return await anyio.to_thread.run_sync(_parse, body)


class JsonRoute(APIRoute):
    """A route that asks who calls before it reads anything, and then reads bodies by `JsonRequest`.

    A method that changes nothing needs the scope `read`, every other `submit`; a POST that changes nothing says so by
    `openapi_extra=READS`.
    """

    @property
    def needs(self) -> Scope:
        """The scope that a caller needs."""
        reads = (self.methods or set()) <= {"GET", "HEAD"} or (self.openapi_extra or {}).get("x-scope") == Scope.READ
        return Scope.READ if reads else Scope.SUBMIT

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            request.state.caller = await request.app.state.gate.admit(request, self.needs)
            if self.body_field is None:
                return await handler(request)
            return await handler(JsonRequest(request.scope, request.receive))

        return guarded


def _parse(body: bytes) -> Any:
    try:
        return pydantic_core.from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise NotJsonError(f"The body is not JSON: {error}.") from error
