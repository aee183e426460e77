"""Blobs by paths, so that tests can damage a store wherever it is."""

from dataclasses import dataclass

from tacit.fits import Blobs


@dataclass(frozen=True, order=True)
class StoredPath:
    """A blob, or a folder of blobs."""

    key: str
    blobs: Blobs

    def __truediv__(self, part: str) -> "StoredPath":
        return StoredPath(f"{self.key}/{part}" if self.key else part, self.blobs)

    @property
    def name(self) -> str:
        return self.key.rpartition("/")[2]

    def exists(self) -> bool:
        return self.blobs.exists(self.key) or bool(self.blobs.list(f"{self.key}/"))

    def read_bytes(self) -> bytes:
        content = self.blobs.get(self.key)
        assert content is not None
        return content

    def write_bytes(self, content: bytes) -> None:
        self.blobs.put(self.key, content)

    def unlink(self) -> None:
        self.blobs.delete(self.key)

    def files(self) -> "list[StoredPath]":
        return [self / name for name in self.blobs.names(f"{self.key}/")]
