"""Where bytes rest: named blobs, written whole or not at all.

A blob store has eight operations, all of which a local folder and S3-compatible storage can keep. There is no append
and no read-modify-write; what must happen once is written with `create`, which exactly one writer wins.

    blobs = LocalBlobs(Path("data/store"))
    blobs.create("fits/x/outcome.json", b"{}")   # True: this call made it
    blobs.create("fits/x/outcome.json", b"{}")   # False: it was there, and is untouched

When a write returns, the bytes survive a power cut. Operating system errors (a full disk, missing rights) are raised as
`UnavailableError`.
"""

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from tacit.errors import UnavailableError

# Keys are relative, have no empty, `.` or `..` part and no part that begins with a dot (temporary files do).
_KEY = re.compile(r"[a-z0-9_][a-z0-9_.-]*(/[a-z0-9_][a-z0-9_.-]*)*")


class Blobs(Protocol):
    """Named, immutable-or-replaced byte strings. Keys look like relative paths in lower case."""

    def create(self, key: str, data: bytes) -> bool:
        """Write a new blob; False, with nothing changed, when the key is taken. Exactly one writer wins."""

    def put(self, key: str, data: bytes) -> None:
        """Write a blob, replacing what was there; readers see the old bytes or the new, never a part."""

    def get(self, key: str) -> bytes | None:
        """The bytes of a blob, or None when there is none."""

    def part(self, key: str, start: int, size: int) -> bytes | None:
        """`size` bytes of a blob from byte `start` on, fewer where it ends before; None when there is no such blob."""

    def exists(self, key: str) -> bool:
        """Whether there is a blob of that name."""

    def names(self, prefix: str) -> list[str]:
        """The names right below the folder `prefix` (which ends in "/"), of blobs and of folders, sorted."""

    def list(self, prefix: str) -> list[str]:
        """The keys in the folder `prefix` (which ends in "/") and below, sorted."""

    def delete(self, prefix: str) -> None:
        """Remove one blob, or all in a folder when `prefix` ends in "/". Nothing there is no error."""


class LocalBlobs:
    """Blobs as files in a local folder."""

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()
        with _wrapped("open", str(root)):
            self._make_folder(self._root)

    def create(self, key: str, data: bytes) -> bool:
        path = self._path(key)
        with _wrapped("write", key), self._temporary(path.parent, data) as temporary:
            try:
                os.link(temporary, path)
            except FileExistsError:
                return False
            _sync_folder(path.parent)
            return True

    def put(self, key: str, data: bytes) -> None:
        path = self._path(key)
        with _wrapped("write", key), self._temporary(path.parent, data) as temporary:
            temporary.replace(path)
            _sync_folder(path.parent)

    def get(self, key: str) -> bytes | None:
        try:
            with _wrapped("read", key):
                return self._path(key).read_bytes()
        except FileNotFoundError:
            return None

    def part(self, key: str, start: int, size: int) -> bytes | None:
        try:
            with _wrapped("read", key), self._path(key).open("rb") as file:
                file.seek(start)
                return file.read(size)
        except FileNotFoundError:
            return None

    def exists(self, key: str) -> bool:
        with _wrapped("read", key):
            return self._path(key).is_file()

    def names(self, prefix: str) -> list[str]:
        path = self._path(prefix.removesuffix("/"))
        with _wrapped("list", prefix), suppress(FileNotFoundError):
            return sorted(name for name in os.listdir(path) if not name.startswith("."))
        return []

    def list(self, prefix: str) -> list[str]:
        with _wrapped("list", prefix):
            return sorted(self._files(self._path(prefix.removesuffix("/"))))

    def delete(self, prefix: str) -> None:
        path = self._path(prefix.removesuffix("/"))
        with _wrapped("delete", prefix):
            if prefix.endswith("/"):
                _remove_tree(path)
            else:
                path.unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self._root / check_key(key)

    def _files(self, folder: Path) -> Iterator[str]:
        try:
            entries = list(os.scandir(folder))
        except FileNotFoundError:
            return
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                yield from self._files(Path(entry.path))
            else:
                yield str(Path(entry.path).relative_to(self._root))

    @contextmanager
    def _temporary(self, folder: Path, data: bytes) -> Iterator[Path]:
        """A synced file with `data` beside its later place; removed when it has not found that place."""
        self._make_folder(folder)
        path = folder / f".{secrets.token_hex(8)}.tmp"
        try:
            with path.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            yield path
        finally:
            path.unlink(missing_ok=True)

    def _make_folder(self, folder: Path) -> None:
        if folder.is_dir():
            return
        self._make_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
        _sync_folder(folder.parent)


def check_key(key: str) -> str:
    """The key, if it is one; raises ValueError when it could lead elsewhere."""
    if _KEY.fullmatch(key) is None:
        raise ValueError(f"not the name of a blob: {key!r}")
    return key


@contextmanager
def _wrapped(verb: str, key: str) -> Iterator[None]:
    """Raise operating system errors as `UnavailableError`; a missing file stays what it is."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UnavailableError(f"The store cannot {verb} {key}: {error.strerror or error}.") from error


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_tree(folder: Path) -> None:
    try:
        entries = list(os.scandir(folder))
    except FileNotFoundError:
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            _remove_tree(Path(entry.path))
        else:
            Path(entry.path).unlink(missing_ok=True)
    with suppress(FileNotFoundError):
        folder.rmdir()
