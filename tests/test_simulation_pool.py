"""Simulators in other processes: what they give, and what happens to those that hang, die or are orphaned."""

import importlib.util
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tacit.errors import SimulationError, UnavailableError
from tacit.simulation_pool import SimulationPool, pack, shared_pool
from tests.running import alive, wait_for

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent died")


def normal(rng, loc):
    return loc + rng.normal(size=2)


def hang(rng):
    while True:
        pass


def hang_and_tell(rng, path):
    Path(path).write_text(str(os.getpid()))
    hang(rng)


def die(rng):
    os._exit(7)


def be_killed(rng):
    os.kill(os.getpid(), signal.SIGKILL)


def start_programs(rng, path):
    """Starts one program in its own process group and one in a session of its own, notes their ids, and hangs."""
    command = ["sleep", "600"]
    ids = [subprocess.Popen(command, start_new_session=apart).pid for apart in (False, True)]
    Path(path).write_text(f"{os.getpid()} {ids[0]} {ids[1]}.")
    hang(rng)


def wait_for_file(rng, begun, path):
    Path(begun).write_text("x")
    while not Path(path).exists():
        time.sleep(0.01)
    return rng.normal(size=2)


class OddError(Exception):
    """Cannot be made anew of its arguments, as unpickling would."""

    def __init__(self, first, second):
        super().__init__(f"{first} and {second}")


def fail_oddly(rng):
    raise OddError("one", "two")


def leave(rng):
    sys.exit(3)


class SlowToImport:
    """A simulator that takes its time when it reaches the process, as large imports do."""

    def __reduce__(self):
        return slow_to_import, ()

    def __call__(self, rng):
        return rng.normal(size=2)


def slow_to_import():
    time.sleep(1.0)
    return SlowToImport()


def programs(path: Path) -> list[int]:
    """Process ids that a simulator noted, as soon as all are there."""
    told = wait_for(lambda: path.exists() and path.read_text().endswith(".") and path.read_text(), what="the programs")
    return [int(each) for each in told.rstrip(".").split()]


def leaders() -> list[int]:
    """The processes that pools of this one have started."""
    found = []
    for task in Path("/proc/self/task").iterdir():
        for child in (task / "children").read_text().split():
            if b"tacit.simulation_process" in Path(f"/proc/{child}/cmdline").read_bytes():
                found.append(int(child))
    return found


def tree(pid: int) -> list[int]:
    """A process, and its descendants."""
    below = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(each for child in below for each in tree(int(child)))]


@pytest.fixture
def pool() -> Iterator[SimulationPool]:
    """A pool of its own, with one process, and no other pool beside it."""
    shared_pool().stop()
    pool = SimulationPool(1)
    yield pool
    pool.stop()


def submit(function, *arguments, pool=None, entropy=(1, 2), time_limit_s=30.0):
    pool = pool or shared_pool()
    return pool.submit(pack(function), entropy=entropy, arguments=arguments, time_limit_s=time_limit_s)


def test_a_simulation_depends_on_its_entropy_and_arguments_alone():
    expected = np.random.default_rng(np.random.SeedSequence((1, 2))).normal(size=2)
    again = [submit(normal, 3.0) for _ in range(4)]
    for future in again:
        np.testing.assert_array_equal(future.result(), 3.0 + expected)
    assert not np.array_equal(submit(normal, 3.0, entropy=(1, 3)).result(), 3.0 + expected)


def test_one_that_hangs_or_dies_is_lost_alone():
    lost = submit(hang, time_limit_s=0.5), submit(die)
    kept = [submit(normal, 0.0) for _ in range(8)]
    with pytest.raises(SimulationError, match=r"^out of time \(0.5 s\)$"):
        lost[0].result()
    with pytest.raises(SimulationError, match=r"^its process ended: exit status 7$"):
        lost[1].result()
    assert all(np.array_equal(each.result(), kept[0].result()) for each in kept)


@pytest.mark.parametrize(
    ("simulate", "said"), [(fail_oddly, "OddError: one and two"), (leave, "SystemExit: 3")], ids=["odd", "exit"]
)
def test_whatever_a_simulator_raises_is_told_and_harms_nothing_else(pool, simulate, said):
    assert str(submit(simulate, pool=pool).exception()) == said
    assert submit(normal, 0.0, pool=pool).result().shape == (2,)


def test_imports_are_not_part_of_the_time_limit(pool):
    assert submit(SlowToImport(), pool=pool, time_limit_s=0.5).result().shape == (2,)


@linux_only
def test_the_thread_that_asked_first_may_end(pool):
    futures = []
    asking = threading.Thread(target=lambda: futures.append(submit(normal, 1.0, pool=pool)))
    asking.start()
    asking.join()
    first = futures[0].result()
    (process,) = leaders()
    wait_for(lambda: not Path(f"/proc/self/task/{asking.native_id}").exists(), what="the thread to be gone")
    np.testing.assert_array_equal(submit(normal, 1.0, pool=pool).result(), first)
    assert leaders() == [process]


@linux_only
def test_processes_that_are_killed_while_idle_are_replaced(pool):
    first = submit(normal, 1.0, pool=pool).result()
    for whole in (True, False):
        (leader,) = leaders()
        for pid in tree(leader) if whole else tree(leader)[1:]:
            os.kill(pid, signal.SIGKILL)
        np.testing.assert_array_equal(submit(normal, 1.0, pool=pool).result(), first)
        assert leaders() != [leader]


@linux_only
@pytest.mark.parametrize("which", [0, 1], ids=["leader", "worker"])
def test_a_simulation_whose_process_is_killed_is_simulated_again(pool, tmp_path: Path, which: int):
    begun, go = tmp_path / "begun", tmp_path / "go"
    future = submit(wait_for_file, str(begun), str(go), pool=pool)
    wait_for(begun.exists, what="the simulation to begin")
    (leader,) = leaders()
    os.kill(tree(leader)[which], signal.SIGKILL)
    go.touch()
    np.testing.assert_array_equal(future.result(), submit(wait_for_file, str(begun), str(go), pool=pool).result())


def test_one_whose_process_is_always_killed_has_failed(pool):
    assert str(submit(be_killed, pool=pool).exception()) == "its process ended: signal 9 (SIGKILL)"
    assert submit(normal, 0.0, pool=pool).result().shape == (2,)


def test_what_waits_when_the_pool_is_stopped_has_failed(pool, tmp_path: Path):
    begun = tmp_path / "begun"
    waiting = [submit(wait_for_file, str(begun), str(tmp_path / "never"), pool=pool) for _ in range(3)]
    wait_for(begun.exists, what="the simulation to begin")
    pool.stop()
    assert {str(future.exception()) for future in waiting} == {"the pool of processes was stopped"}
    with pytest.raises(UnavailableError, match="was stopped"):
        submit(normal, 0.0, pool=pool)


def test_a_stopped_pool_is_shared_no_more():
    first = shared_pool()
    assert shared_pool() is first
    first.stop()
    assert submit(normal, 0.0).result().shape == (2,)


@pytest.mark.parametrize("program", ["/nowhere/python", "/bin/false"])
def test_processes_that_cannot_be_started_are_said_and_tried_again(pool, monkeypatch, program: str):
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", program)
        asked = [submit(normal, 0.0, pool=pool) for _ in range(3)]
        for future in asked:
            assert isinstance(future.exception(), UnavailableError)
        assert pool.trouble is not None
        assert pool.trouble.startswith("The processes that run simulators cannot be started: ")
        with pytest.raises(UnavailableError, match="cannot be started"):
            submit(normal, 0.0, pool=pool)
    wait_for(lambda: pool.trouble is None, what="another attempt")
    assert submit(normal, 0.0, pool=pool).result().shape == (2,)


@linux_only
def test_programs_that_a_simulator_started_end_with_its_time(pool, tmp_path: Path):
    future = submit(start_programs, str(tmp_path / "ids"), pool=pool, time_limit_s=1.0)
    pids = programs(tmp_path / "ids")
    assert "out of time" in str(future.exception())
    for pid in pids:
        wait_for(lambda pid=pid: not alive(pid), what="the program to end")


@linux_only
@pytest.mark.parametrize("which", [0, 1], ids=["leader", "worker"])
def test_programs_that_a_simulator_started_end_with_its_process(pool, tmp_path: Path, which: int):
    future = submit(start_programs, str(tmp_path / "ids"), pool=pool)
    _, ours, _ = programs(tmp_path / "ids")
    (leader,) = leaders()
    os.kill(tree(leader)[which], signal.SIGKILL)
    wait_for(lambda: not alive(ours), what="the program to end")
    future.cancel()


def test_functions_of_files_that_nothing_can_import(tmp_path: Path):
    path = tmp_path / "simulator_of_mine.py"
    path.write_text("STEP = 2.0\ndef walk(rng, start):\n    return [start + STEP]\n")
    spec = importlib.util.spec_from_file_location("simulator_of_mine", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["simulator_of_mine"] = module
    try:
        spec.loader.exec_module(module)
        np.testing.assert_array_equal(submit(module.walk, 1.0).result(), [3.0])
    finally:
        del sys.modules["simulator_of_mine"]


ORPHANING = """
import subprocess, sys, time
from pathlib import Path
from tacit.simulation_pool import SimulationPool, pack

def start_programs(rng, path):
    command = ["sleep", "600"]
    ids = [subprocess.Popen(command, start_new_session=apart).pid for apart in (False, True)]
    import os
    Path(path).write_text(f"{os.getpid()} {ids[0]} {ids[1]}.")
    while True:
        pass

# Nothing guards this part: the processes of the pool do not run it.
SimulationPool(1).submit(pack(start_programs), entropy=(1,), arguments=(sys.argv[1],), time_limit_s=600.0)
sys.stdin.read()
"""


@linux_only
@pytest.mark.parametrize("killed", [True, False], ids=["killed", "ends"])
def test_nothing_outlives_the_program_that_asked(tmp_path: Path, killed: bool):
    script, told = tmp_path / "orphaning.py", tmp_path / "ids"
    script.write_text(ORPHANING)
    parent = subprocess.Popen([sys.executable, str(script), str(told)], stdin=subprocess.PIPE)
    assert parent.stdin is not None
    with parent.stdin:
        pids = [*programs(told), *tree(parent.pid)]
        assert len(pids) == 3 + len({parent.pid, *tree(parent.pid)})
        if killed:
            parent.kill()
    parent.wait()
    for pid in pids:
        wait_for(lambda pid=pid: not alive(pid), what=f"process {pid} to be gone")


FORKING = """
import os
from tacit.simulation_pool import pack, shared_pool

def simulate(rng):
    return rng.normal()

def ask():
    return shared_pool().submit(pack(simulate), entropy=(1,), arguments=(), time_limit_s=60.0).result()

first = ask()
child = os.fork()
if not child:
    os._exit(0 if ask() == first else 1)
raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_forked_process_has_a_pool_of_its_own(tmp_path: Path):
    script = tmp_path / "forking.py"
    script.write_text(FORKING)
    subprocess.run([sys.executable, str(script)], check=True, timeout=120)


@linux_only
def test_stopping_ends_a_hung_simulation(pool, tmp_path: Path):
    told = tmp_path / "pid"
    submit(hang_and_tell, str(told), pool=pool, time_limit_s=600.0)
    wait_for(lambda: told.exists() and told.read_text(), what="the simulation to begin")
    assert alive(int(told.read_text()))
    pool.stop()
    assert not alive(int(told.read_text()))


@linux_only
def test_giving_up_ends_a_hung_simulation(pool, tmp_path: Path):
    told = tmp_path / "pid"
    future = submit(hang_and_tell, str(told), pool=pool, time_limit_s=600.0)
    wait_for(lambda: told.exists() and told.read_text(), what="the simulation to begin")
    assert future.cancel()
    wait_for(lambda: not alive(int(told.read_text())), what="the simulation to end")
    assert submit(normal, 0.0, pool=pool).result().shape == (2,)
