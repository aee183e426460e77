"""When a child is started again, and when that is given up. What `up` does as a whole is in tests/integration."""

import subprocess
import sys

import pytest

from tacit import supervisor
from tacit.errors import UnavailableError
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
