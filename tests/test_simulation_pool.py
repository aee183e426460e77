"""Simulators in other processes: what they give, and what happens to those that hang, die or are orphaned."""

import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pebble
import pytest

from tacit.simulation_pool import SimulationPool, pack, shared_pool
from tests.running import wait_for


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


def submit(function, *arguments, entropy=(1, 2), time_limit_s=30.0):
    return shared_pool().submit(pack(function), entropy=entropy, arguments=arguments, time_limit_s=time_limit_s)


def test_a_simulation_depends_on_its_entropy_and_arguments_alone():
    expected = np.random.default_rng(np.random.SeedSequence((1, 2))).normal(size=2)
    again = [submit(normal, 3.0) for _ in range(4)]
    for future in again:
        np.testing.assert_array_equal(future.result(), 3.0 + expected)
    assert not np.array_equal(submit(normal, 3.0, entropy=(1, 3)).result(), 3.0 + expected)


def test_one_that_hangs_or_dies_is_lost_alone():
    lost = submit(hang, time_limit_s=0.5), submit(die)
    kept = [submit(normal, 0.0) for _ in range(8)]
    with pytest.raises(TimeoutError):
        lost[0].result()
    with pytest.raises(pebble.ProcessExpired) as died:
        lost[1].result()
    assert died.value.exitcode == 7
    assert all(np.array_equal(each.result(), kept[0].result()) for each in kept)


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
import os, sys, time
from tacit.simulation_pool import SimulationPool, pack

def hang(rng, path):
    with open(path, "w") as file:
        file.write(str(os.getpid()))
    while True:
        pass

if __name__ == "__main__":
    SimulationPool(1).submit(pack(hang), entropy=(1,), arguments=(sys.argv[1],), time_limit_s=600.0)
    time.sleep(600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent died")
def test_no_process_outlives_one_that_is_killed(tmp_path: Path):
    script, told = tmp_path / "orphaning.py", tmp_path / "pid"
    script.write_text(ORPHANING)
    parent = subprocess.Popen([sys.executable, str(script), str(told)])
    try:
        wait_for(lambda: told.exists() and told.read_text(), what="the simulation to begin")
        child = Path("/proc", told.read_text())
        assert child.exists()
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    wait_for(lambda: not child.exists() or "\nState:\tZ" in (child / "status").read_text(), what="the child to be gone")


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_stopping_ends_a_hung_simulation(tmp_path: Path):
    pool, told = SimulationPool(1), tmp_path / "pid"
    pool.submit(pack(hang_and_tell), entropy=(1,), arguments=(str(told),), time_limit_s=600.0)
    wait_for(lambda: told.exists() and told.read_text(), what="the simulation to begin")
    assert Path("/proc", told.read_text()).exists()
    pool.stop()
    assert not Path("/proc", told.read_text()).exists()
