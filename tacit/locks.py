"""Locks on files that the kernel lets go of when their holder dies, however it dies."""

import fcntl
import os
from pathlib import Path


class FileLock:
    """An exclusive lock, held from creation to `release` or the end of the process; not inherited by children."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor

    def release(self, *, remove: bool = False) -> None:
        """Let go of the lock; with `remove`, delete the file first."""
        if remove:
            self.path.unlink(missing_ok=True)
        os.close(self._descriptor)


def try_lock(path: Path, *, note: str = "") -> FileLock | None:
    """Take the lock on `path`, which is created if need be, and write `note` into it; None when it is held."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    os.ftruncate(descriptor, 0)
    os.write(descriptor, note.encode())
    return FileLock(path, descriptor)
