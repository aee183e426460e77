"""Running parts of the service as processes, and waiting for what they do."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx

from tacit.settings import Settings

Found = TypeVar("Found")


def wait_for(look: Callable[[], Found | None], *, what: str, timeout_s: float = 150) -> Found:
    """What `look` returns as soon as that is true; fails when it is not in time.

    Looks ever more rarely, ten times a second at last: each look at a fit is a request, and takes time from what is
    waited for.
    """
    deadline, pause = time.monotonic() + timeout_s, 0.01
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"waited {timeout_s} s in vain: {what}"
        time.sleep(pause)
        pause = min(1.2 * pause, 0.1)


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and is not waited for does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def children(pid: int) -> dict[str, int]:
    """Process ids of the children of a process, by a word of their command line: server, api, worker, worker.child."""
    found = {}
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        command = Path(f"/proc/{child}/cmdline").read_bytes().decode().split("\0")
        name = next((word for word in ("api", "worker", "worker.child") if word in command), "server")
        found[name] = int(child)
    return found


def environment(settings: Settings, **changes: Any) -> dict[str, str]:
    """The environment of a process on these settings."""
    return os.environ | settings.model_copy(update=changes).environment()


@contextmanager
def started(*arguments: str, env: dict[str, str], log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A `tacit` command, running; stopped, or at last killed, when the block ends."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "tacit.client.cli", *arguments], env=env, stdout=output, stderr=output
        )
    try:
        yield process
        was_running = process.poll() is None
        process.terminate()
        assert process.wait(timeout=30) == 0 or not was_running, "it did not end well"
    finally:
        process.kill()
        process.wait()


class Up:
    """A running `tacit up`."""

    def __init__(self, process: "subprocess.Popen[bytes]", log: Path, data_dir: Path, *, skip: int = 0) -> None:
        self.process = process
        self.data_dir = data_dir
        self._log = log
        self.address = wait_for(lambda: self._address(skip), what="tacit up to be ready")
        self.client = self.new_client()

    def _address(self, skip: int) -> str | None:
        text = self._log.read_text()[skip:]
        assert self.process.poll() is None, text
        found = re.search(r"Tacit is ready at (\S+)", text)
        return found[1] if found else None

    def new_client(self) -> httpx.Client:
        """A client with connections of its own."""
        return httpx.Client(base_url=self.address, timeout=30, trust_env=False)

    def child(self, name: str) -> int:
        """Process id of a part; waits while it is being started again."""
        return wait_for(lambda: children(self.process.pid).get(name), what=f"the {name} to run")

    def post(self, body: dict[str, Any]) -> dict[str, Any]:
        """Accepted fit; always a new one."""
        answer = self.client.post("/v1/fits", json=body, headers={"cache-control": "no-cache"})
        assert answer.status_code == 202, answer.text
        fit: dict[str, Any] = answer.json()
        return fit

    def fit(self, fit_id: str) -> dict[str, Any]:
        answer = self.client.get(f"/v1/fits/{fit_id}")
        assert answer.status_code == 200, answer.text
        fit: dict[str, Any] = answer.json()
        return fit

    def wait_running(self, fit_id: str, *, attempt: int = 1) -> dict[str, Any]:
        """The fit, as soon as it makes progress in an attempt (or a later one)."""

        def look() -> dict[str, Any] | None:
            fit = self.fit(fit_id)
            assert fit["status"] in ("queued", "running"), fit
            return fit if fit["attempt"] >= attempt and fit["progress"] else None

        return wait_for(look, what=f"fit {fit_id} to make progress")

    def wait_ended(self, fit_id: str, *, timeout_s: float = 150) -> dict[str, Any]:
        """The fit, as soon as it has ended."""

        def look() -> dict[str, Any] | None:
            fit = self.fit(fit_id)
            return fit if fit["status"] in ("succeeded", "failed", "cancelled") else None

        return wait_for(look, what=f"fit {fit_id} to end", timeout_s=timeout_s)


@contextmanager
def up(settings: Settings, *, log: Path, **changes: Any) -> Iterator[Up]:
    """`tacit up` with its own server on the data folder of the settings."""
    skip = len(log.read_text()) if log.exists() else 0
    env = environment(settings, **{"redis_url": None, **changes})
    with started("up", "--port", "0", env=env, log=log) as process:
        service = Up(process, log, settings.data_dir, skip=skip)
        with service.client:
            yield service


def kill(pid: int, number: signal.Signals = signal.SIGKILL) -> None:
    os.kill(pid, number)
