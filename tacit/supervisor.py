"""`tacit up`: server, API and worker as children of one process, which lives and dies with them.

Children that die are started again, ever more slowly; one that keeps dying ends the whole. Each child has a process
group of its own, so that a Ctrl-C reaches only this process, which stops them in order: first who works, last the
server. If this process is killed, the kernel ends the children (see `tacit.processes`).
"""

import errno
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import redis

from tacit import binding, processes
from tacit.embedded_redis import EmbeddedRedis
from tacit.errors import FolderInUseError, UnavailableError
from tacit.fits.connections import quick
from tacit.locks import FileLock, try_lock
from tacit.settings import Settings

_log = logging.getLogger(__name__)

_LOOK_S = 0.1
# As long as a worker gives its computing process, and a while for the rest: a busy machine is slow, not broken.
_READY_TIMEOUT_S = 180.0
_STOP_GRACE_S = 5.0
# A child that died young this often in a row will not live; each new start waits twice as long as the one before.
_YOUNG_DEATHS = 10
_YOUNG_S = 10.0
_FIRST_WAIT_S = 0.25
_LONGEST_WAIT_S = 5.0


@dataclass
class Child:
    """A child process that should always run."""

    name: str
    start: Callable[[], "subprocess.Popen[bytes]"]
    process: "subprocess.Popen[bytes] | None" = None
    young_deaths: int = 0
    start_at: float = 0.0

    def tend(self, *, forgiving: bool) -> None:
        """Start the child if it does not run and its time has come.

        Args:
            forgiving: Whether a death is made good by another start.

        Raises:
            UnavailableError: It died, once too often.
        """
        moment = time.monotonic()
        if self.process is not None and self.process.poll() is not None:
            how = processes.ending(self.process.returncode)
            if self.process.returncode == -signal.SIGKILL or moment - self.start_at > _YOUNG_S:
                self.young_deaths = 0  # killed from outside, or it can live: no sign that it never will
            else:
                self.young_deaths += 1
            self.process = None
            if not forgiving or self.young_deaths >= _YOUNG_DEATHS:
                raise UnavailableError(f"The {self.name} ended ({how}); its messages are above.")
            wait = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2**self.young_deaths)
            _log.warning("the %s ended (%s); starting it again in %.1f s", self.name, how, wait)
            self.start_at = moment + wait
        if self.process is None and moment >= self.start_at:
            self.start_at = moment
            self.process = self.start()

    def stop(self, *, grace_s: float) -> None:
        if self.process is not None:
            processes.stop(self.process, grace_s=grace_s)


def up(settings: Settings, *, announce: Callable[[str], None]) -> None:
    """Run everything until SIGINT or SIGTERM.

    Args:
        settings: The service's settings; without `redis_url`, an embedded server is started.
        announce: Called once with the address of the API, when fits can be posted.

    Raises:
        InsecureError: Anybody on the network could use the service.
        FolderInUseError: Another `up` holds the data folder.
        UnavailableError: Something did not start, or kept dying.
    """
    binding.check(settings)
    _tell_of_silence(settings)
    with _stop_signals() as stop, _data_folder(settings), _listening(settings) as listener:
        supervisor = _Supervisor(settings, listener, stop)
        try:
            supervisor.run(announce)
        finally:
            supervisor.stop()


class _Supervisor:
    def __init__(self, settings: Settings, listener: socket.socket, stop: threading.Event) -> None:
        self._stop = stop
        self._address = _url(listener)
        self._server = None if settings.redis_url else EmbeddedRedis(settings.data_dir)
        if self._server is not None:
            settings = settings.model_copy(update={"redis_url": self._server.url})
        self._environment = os.environ | settings.environment()
        self._worker_grace_s = settings.stop_grace_s + _STOP_GRACE_S
        self._listener = listener
        self._redis = Child("server", self._start_server)
        self._api = Child("API", self._start_api)
        self._worker = Child("worker", self._start_worker)
        self._children = [self._redis, self._api, self._worker] if self._server else [self._api, self._worker]

    def run(self, announce: Callable[[str], None]) -> None:
        """Keep the children running until told to stop."""
        ready = False
        deadline = time.monotonic() + _READY_TIMEOUT_S
        while not self._stop.is_set():
            for child in self._children:
                child.tend(forgiving=ready)
            missing = None if ready else _what_is_missing(self._address)
            if not ready and missing is None:
                ready = True
                announce(self._address)
            if missing is not None and time.monotonic() > deadline:
                raise UnavailableError(f"Not ready after {_READY_TIMEOUT_S:.0f} s. {missing}")
            self._stop.wait(_LOOK_S)

    def stop(self) -> None:
        """Stop the worker and the API together, then the server that both may still need."""
        for child in (self._worker, self._api):
            if child.process is not None and child.process.poll() is None:
                child.process.terminate()
        self._worker.stop(grace_s=self._worker_grace_s)
        self._api.stop(grace_s=_STOP_GRACE_S)
        if self._server is not None:
            self._server.stop()

    def _start_server(self) -> "subprocess.Popen[bytes]":
        assert self._server is not None, "only an embedded server is a child"
        self._server.start()
        return self._server.process

    def _start_api(self) -> "subprocess.Popen[bytes]":
        # The API inherits the listening socket: while it starts anew, clients wait instead of being refused.
        descriptor = self._listener.fileno()
        return self._start_tacit("api", "--fd", str(descriptor), descriptors=[descriptor])

    def _start_worker(self) -> "subprocess.Popen[bytes]":
        return self._start_tacit("worker")

    def _start_tacit(self, *arguments: str, descriptors: list[int] | None = None) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-P", "-m", "tacit.client.cli", *arguments]
        return processes.spawn(command, death_signal="KILL", pass_fds=descriptors or [], env=self._environment)


def _tell_of_silence(settings: Settings) -> None:
    """Say at once that the server which is named does not answer: it may be about to start, or never be there."""
    if settings.redis_url is None:
        return
    try:
        with quick(settings.redis_url) as server:
            server.ping()
    except redis.RedisError as error:
        _log.warning(
            "the server that REDIS_URL names does not answer: %s. Waiting for it, for %.0f s at most. (Without "
            "REDIS_URL, `tacit up` starts a server of its own.)",
            str(error).rstrip("."),
            _READY_TIMEOUT_S,
        )


@contextmanager
def _stop_signals() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set."""
    stop = threading.Event()
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _data_folder(settings: Settings) -> Iterator[FileLock]:
    """The data folder, to ourselves."""
    path = settings.data_dir.absolute() / "up.lock"
    lock = try_lock(path, note=str(os.getpid()))
    if lock is None:
        holder = path.read_text() or "unknown"
        raise FolderInUseError(
            f"The data folder {path.parent} is in use by another `tacit up` (pid {holder}): stop that, or name another "
            "folder with --data-dir."
        )
    try:
        yield lock
    finally:
        lock.release()


@contextmanager
def _listening(settings: Settings) -> Iterator[socket.socket]:
    """A socket that listens where the settings say."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listener = socket.create_server((settings.host, settings.port), family=family, backlog=2048)
    except OSError as error:
        where = f"{settings.host} port {settings.port}"
        reason = os.strerror(error.errno) if error.errno else str(error)
        hint = " Choose another port with --port." if error.errno == errno.EADDRINUSE else ""
        raise UnavailableError(f"Cannot listen on {where}: {reason}.{hint}") from error
    with listener:
        yield listener


def _url(listener: socket.socket) -> str:
    """The address at which this machine reaches the listener."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _what_is_missing(address: str) -> str | None:
    """What keeps the service from being ready; None when nothing does."""
    try:
        answer = httpx.get(f"{address}/readyz", timeout=1.0, trust_env=False)
    except httpx.HTTPError as error:
        return f"The API does not answer ({type(error).__name__})."
    return None if answer.status_code == 200 else str(answer.json().get("detail", answer.text))
