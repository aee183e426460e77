"""When a child is started again, and when that is given up. What `up` does as a whole is in tests/integration."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tacit import supervisor
from tacit.errors import UnavailableError
from tacit.settings import Settings
from tacit.supervisor import Child


def _start(program: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", program])


def _live_and_die(child: Child, *, forgiving: bool = True) -> None:
    while child.process is None:
        child.tend(forgiving=forgiving)
    child.process.wait()
    child.tend(forgiving=forgiving)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "_FIRST_WAIT_S", 0.001)
    monkeypatch.setattr(supervisor, "_LONGEST_WAIT_S", 0.001)
    monkeypatch.setattr(supervisor, "_YOUNG_DEATHS", 3)


def test_a_child_that_keeps_dying_is_given_up() -> None:
    child = Child("part", lambda: _start("raise SystemExit(3)"))
    for _ in range(2):
        _live_and_die(child)
    with pytest.raises(UnavailableError, match=r"The part ended \(exit status 3\)"):
        _live_and_die(child)


def test_a_child_that_others_kill_is_not() -> None:
    child = Child("part", lambda: _start("import os, signal; os.kill(os.getpid(), signal.SIGKILL)"))
    for _ in range(4):
        _live_and_die(child)
    assert child.young_deaths == 0


def test_a_child_that_has_lived_may_die(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "_YOUNG_S", 0.0)
    child = Child("part", lambda: _start("raise SystemExit(3)"))
    for _ in range(4):
        _live_and_die(child)


def test_before_all_is_ready_the_first_death_is_the_end() -> None:
    child = Child("part", lambda: _start("raise SystemExit(3)"))
    with pytest.raises(UnavailableError, match="its messages are above"):
        _live_and_die(child, forgiving=False)


def _nobody(address: str) -> None:
    raise AssertionError(f"something runs at {address}")


def test_a_redis_that_does_not_answer_is_named_before_it_is_waited_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    address = f"redis://:secret@127.0.0.1:{port}"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = Settings(data_dir=tmp_path, redis_url=address, model_path=(), port=taken.getsockname()[1])
        with pytest.raises(UnavailableError, match=r"already in use\. Choose another port with --port"):
            supervisor.up(settings, announce=_nobody)
    (said,) = caplog.messages
    assert "REDIS_URL names does not answer" in said
    assert f"127.0.0.1:{port}" in said
    assert "secret" not in said
