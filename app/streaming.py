"""Answers that are made while they are sent: nothing grows with their length, and no thread is held between pieces."""

from collections.abc import AsyncGenerator, Callable, Iterator, Mapping

import anyio
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from app.formats.negotiation import FORMATS, Format
from app.formats.table import Table, written
from app.service import Service

# As nginx logs it; no client sees this.
_NOBODY_THERE = 499


async def draws_answer(
    request: Request,
    service: Service,
    form: Format,
    name: str,
    make: Callable[[], Table],
    *,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A table as a response in the form asked for.

    What is wrong with the request, and most of what can go wrong after it, shows before the first byte: until then it
    is an error like any other. Later, the connection is cut.

    Args:
        name: For the file that a client may make of it.
        make: Called in a thread.
        headers: Of the answer, beside those that every answer of draws has.
    """
    pieces = await service.computed(lambda: written(make(), form.write, service.settings.data_dir))
    try:
        first = await _first(request, service, pieces)
    except BaseException:
        await _close(service, pieces)
        raise
    if not first:
        await _close(service, pieces)
        return Response(status_code=_NOBODY_THERE)
    told = {"Vary": "Accept", **(headers or {})}
    if form is not next(iter(FORMATS.values())):
        told["Content-Disposition"] = f'attachment; filename="{name}.{form.suffix}"'
    return _Streamed(_rest(service, first, pieces), media_type=form.media_type, headers=told)


class _Streamed(StreamingResponse):
    """Ends its source when it has ended, also because the client is gone."""

    def __init__(self, source: AsyncGenerator[bytes, None], *, media_type: str, headers: dict[str, str]) -> None:
        super().__init__(source, media_type=media_type, headers=headers)
        self._source = source

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            with anyio.CancelScope(shield=True):
                await self._source.aclose()


async def _rest(service: Service, first: bytes, pieces: Iterator[bytes]) -> AsyncGenerator[bytes, None]:
    try:
        piece = first
        while piece:
            yield piece
            piece = await _next(service, pieces)
    finally:
        await _close(service, pieces)


async def _first(request: Request, service: Service, pieces: Iterator[bytes]) -> bytes:
    """The first piece that is not empty; empty when the client is gone.

    What is made completely before it is sent may take minutes: not for nobody.
    """
    piece = b""
    while piece == b"" and not await request.is_disconnected():
        piece = await service.computed(next, pieces)
    return piece


async def _next(service: Service, pieces: Iterator[bytes]) -> bytes:
    """The next piece that is not empty; empty at the end. Between two, other requests get their turn."""
    piece: bytes | None = b""
    while piece == b"":
        piece = await service.computed(next, pieces, None)
    return piece or b""


async def _close(service: Service, pieces: Iterator[bytes]) -> None:
    """End the source: its temporary files go, whatever else happens."""
    with anyio.CancelScope(shield=True):
        await service.computed(pieces.close)  # type: ignore[attr-defined]
