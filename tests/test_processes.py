import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tacit import processes
from tacit.locks import try_lock

_PARENT = """
import sys, time
from tacit import processes
sleeper = "import time; print('up', flush=True); time.sleep(600)"
child = processes.spawn([sys.executable, "-c", sleeper], death_signal="KILL")
print(child.pid, flush=True)
time.sleep(600)
"""

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="needs PR_SET_PDEATHSIG")


@linux_only
def test_a_child_dies_with_its_parent() -> None:
    parent = subprocess.Popen([sys.executable, "-c", _PARENT], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    with parent.stdout as shown:
        lines = sorted([shown.readline().strip(), shown.readline().strip()])
        assert lines[1] == "up"
        descriptor = os.pidfd_open(int(lines[0]))
        parent.kill()
        parent.wait()
    try:
        assert select.select([descriptor], [], [], 5)[0], "the child still lives"
    finally:
        os.close(descriptor)


@linux_only
def test_a_child_of_a_dead_parent_does_not_start() -> None:
    command = [sys.executable, "-m", "tacit.processes", "KILL", "1", "--", sys.executable, "-c", "print('ran')"]
    shown = subprocess.run(command, capture_output=True, text=True, check=False)
    assert shown.returncode != 0
    assert "parent process is gone" in shown.stderr
    assert "ran" not in shown.stdout


def test_output_and_descriptors_are_passed(tmp_path: Path) -> None:
    read, write = os.pipe()
    with (tmp_path / "log").open("wb") as log, os.fdopen(read, "rb") as reader:
        command = [sys.executable, "-c", f"import os; os.write({write}, b'x'); print('said')"]
        child = processes.spawn(command, death_signal="TERM", pass_fds=[write], output=log)
        os.close(write)
        assert reader.read() == b"x"
        assert child.wait(timeout=10) == 0
    assert (tmp_path / "log").read_text() == "said\n"


def test_a_deaf_child_is_killed() -> None:
    program = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
    )
    read, write = os.pipe()
    with os.fdopen(read, "rb") as reader, os.fdopen(write, "wb") as log:
        child = processes.spawn([sys.executable, "-c", program], death_signal="KILL", output=log)
        assert reader.readline() == b"deaf\n"
    processes.stop(child, grace_s=0.2)
    assert child.returncode == -signal.SIGKILL


def test_endings_are_said_in_words() -> None:
    assert processes.ending(3) == "exit status 3"
    assert processes.ending(-11) == "signal 11 (SIGSEGV)"


def test_a_lock_has_one_holder(tmp_path: Path) -> None:
    lock = try_lock(tmp_path / "a.lock", note="me")
    assert lock is not None
    assert try_lock(tmp_path / "a.lock") is None
    assert (tmp_path / "a.lock").read_text() == "me"
    lock.release(remove=True)
    assert not (tmp_path / "a.lock").exists()


def test_a_lock_ends_with_its_holder(tmp_path: Path) -> None:
    program = (
        "import sys, os, signal, pathlib; from tacit.locks import try_lock;"
        "lock = try_lock(pathlib.Path(sys.argv[1])); os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "a.lock")], check=False)
    lock = try_lock(tmp_path / "a.lock")
    assert lock is not None
    lock.release()
