"""Answers that are made while they are sent: nothing grows with their length, and no thread is held between pieces."""

from collections.abc import AsyncGenerator, Callable, Iterator

import anyio
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from app.formats.negotiation import FORMATS, Format
from app.formats.table import Table
from app.service import Service


async def draws_answer(service: Service, form: Format, name: str, make: Callable[[], Table]) -> Response:
    """A table as a response in the form asked for.

    What is wrong with the request, and most of what can go wrong after it, shows before the first byte: until then it
    is an error like any other. Later, the connection is cut.

    Args:
        name: For the file that a client may make of it.
        make: Called in a thread.
    """
    pieces = await service.computed(lambda: form.write(make(), service.settings.data_dir))
    try:
        first = await _next(service, pieces)
    except BaseException:
        await service.computed(_close, pieces)
        raise
    headers = {"Vary": "Accept"}
    if form is not next(iter(FORMATS.values())):
        headers["Content-Disposition"] = f'attachment; filename="{name}.{form.suffix}"'
    return _Streamed(_rest(service, first, pieces), media_type=form.media_type, headers=headers)


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
        with anyio.CancelScope(shield=True):
            await service.computed(_close, pieces)


async def _next(service: Service, pieces: Iterator[bytes]) -> bytes:
    """The next piece that is not empty; empty at the end. Between two, other requests get their turn."""
    piece: bytes | None = b""
    while piece == b"":
        piece = await service.computed(next, pieces, None)
    return piece or b""


def _close(pieces: Iterator[bytes]) -> None:
    pieces.close()  # type: ignore[attr-defined]
