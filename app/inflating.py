"""Compressed bodies, inflated piece by piece: whoever stops reading stops the inflating, so a bomb never goes off."""

import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from typing import Protocol

import anyio.lowlevel

from app.errors import NotJsonError

# Bytes that one call may inflate to, whatever went in.
_PIECE = 256 * 1024


class _Inflator(Protocol):
    """What zlib's decompressors have in common."""

    @property
    def unconsumed_tail(self) -> bytes: ...
    @property
    def unused_data(self) -> bytes: ...
    @property
    def eof(self) -> bool: ...
    def decompress(self, data: bytes, max_length: int = 0, /) -> bytes: ...


ENCODINGS: Mapping[str, Callable[[], _Inflator]] = {
    "gzip": lambda: zlib.decompressobj(16 + zlib.MAX_WBITS),
    "x-gzip": lambda: zlib.decompressobj(16 + zlib.MAX_WBITS),
    "deflate": zlib.decompressobj,
}


async def inflated(chunks: AsyncIterator[bytes], encoding: str) -> AsyncGenerator[bytes, None]:
    """The pieces of a body that is compressed by one of ENCODINGS.

    Raises:
        NotJsonError: It is not, or it is cut off.
    """
    inflator = ENCODINGS[encoding]()
    async for chunk in chunks:
        while chunk and not inflator.eof:
            piece = _inflate(inflator, chunk, encoding)
            chunk = inflator.unconsumed_tail
            yield piece
            # A small body can be long work: others may go on in between.
            await anyio.lowlevel.checkpoint()
        if inflator.unused_data or (chunk and inflator.eof):
            raise NotJsonError(f"Something follows the end of the {encoding} stream in the body.")
    if not inflator.eof:
        raise NotJsonError(f"The {encoding} stream in the body is cut off.")


def _inflate(inflator: _Inflator, chunk: bytes, encoding: str) -> bytes:
    try:
        return inflator.decompress(chunk, _PIECE)
    except zlib.error as error:
        raise NotJsonError(f"The body is not compressed by {encoding}, as its header says: {error}.") from error
