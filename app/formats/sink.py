"""A file that others write into, and whose content is taken out bit by bit."""

import io


class Sink(io.RawIOBase):
    """Keeps what was written since it was last drained."""

    def __init__(self) -> None:
        self._kept: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        self._kept.append(bytes(memoryview(data)))  # type: ignore[arg-type]
        return len(self._kept[-1])

    def drain(self) -> bytes:
        """What was written since the last call."""
        kept, self._kept = self._kept, []
        return b"".join(kept)
