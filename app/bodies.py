"""Request bodies, strictly: JSON that says it is JSON, is JSON, and is not too large."""

from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any

import anyio.to_thread
import pydantic_core
from fastapi import Request, Response
from fastapi.routing import APIRoute

from app.errors import EncodingError, MediaTypeError, NotJsonError, TooLargeError
from app.inflating import ENCODINGS, inflated
from app.revalidation import revalidated
from tacit import logs
from tacit.fits import Scope

READS = {"x-scope": Scope.READ.value}

# Keys that one object of a body may have. Whatever reads it says of each wrong key what is wrong.
MOST_KEYS = 1000

_LONGEST_PARSED_ON_LOOP = 64 * 1024  # bytes; longer bodies are parsed in a thread


class BodyRequest(Request):
    """A request whose body is of a bounded size, compressed or not.

    Its app must have `state.max_body_bytes`, which bounds the body as it comes and as it is inflated.
    """

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """The body, inflated, and refused as soon as it is seen to be too large."""
        encoding = self.headers.get("content-encoding", "identity").strip().lower()
        if encoding == "identity":
            pieces = self._sent()
        elif encoding in ENCODINGS:
            pieces = inflated(self._sent(), encoding)
        else:
            raise EncodingError(f"Send the body as it is, or compressed by one of {', '.join(ENCODINGS)}.")
        size = 0
        async for piece in pieces:
            size += len(piece)
            self._check_size(size)
            yield piece

    async def _sent(self) -> AsyncGenerator[bytes, None]:
        announced = self.headers.get("content-length", "")
        self._check_size(int(announced) if announced.isdecimal() else 0)
        size = 0
        async for chunk in super().stream():
            size += len(chunk)
            self._check_size(size)
            yield chunk

    def _check_size(self, size: int) -> None:
        limit: int = self.app.state.max_body_bytes
        if size > limit:
            raise TooLargeError(f"The body is larger than {limit} bytes.")


class JsonRequest(BodyRequest):
    """A request whose body has to be JSON (RFC 8259: no NaN, no Infinity, UTF-8, sane nesting).

    Its app must have `state.max_json_values`, too.
    """

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
        limit: int = self.app.state.max_json_values
        if len(body) <= _LONGEST_PARSED_ON_LOOP:
            return _parse(body, limit)
        return await anyio.to_thread.run_sync(_parse, body, limit)


class JsonRoute(APIRoute):
    """A route that asks who calls before it reads anything, and then reads bodies by `JsonRequest`. JSON has an ETag.

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
            logs.fit_id.set(request.path_params.get("fit_id"))
            request.state.caller = await request.app.state.gate.admit(request, self.needs)
            if self.body_field is None:
                return revalidated(request, await handler(request))
            return await handler(JsonRequest(request.scope, request.receive))

        return guarded


def _parse(body: bytes, most_values: int) -> Any:
    # Each value but the first comes after one of these. Parsed, a value takes up to sixty times what it took here.
    if sum(map(body.count, b",[{:")) > most_values:
        raise TooLargeError(
            f"The body has more than {most_values} values; send large arrays as base64: {{dtype, shape, data_b64}}."
        )
    try:
        parsed = pydantic_core.from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise NotJsonError(f"The body is not JSON: {error}.") from error
    _check_keys(parsed)
    return parsed


def _check_keys(parsed: Any) -> None:
    """Raise TooLargeError where an object that stands in objects alone has too many keys; lists hold only numbers."""
    objects = [parsed]
    while objects:
        each = objects.pop()
        if isinstance(each, dict):
            if len(each) > MOST_KEYS:
                raise TooLargeError(f"An object of the body has {len(each)} keys; {MOST_KEYS} are the most.")
            objects.extend(each.values())
