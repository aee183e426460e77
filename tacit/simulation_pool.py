"""A pool of processes that run simulators which are plain Python functions.

    pool = SimulationPool(processes=4)
    future = pool.submit(pack(simulate), entropy=(1, 2), arguments=(rates,), time_limit_s=5.0)
    future.result()    # simulate(numpy.random.default_rng(SeedSequence((1, 2))), rates), as a float64 array

A simulation that is out of time is ended with its process, and so is one that brings its process down; the pool goes on
with a new one. Functions travel to the processes, which this program starts itself, by cloudpickle: nothing that comes
from outside is ever unpickled. Processes are spawned, so a script that fits must keep its main part below
`if __name__ == "__main__":`. They end with this process, even when that is killed (on Linux).
"""

import atexit
import functools
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from concurrent.futures import Future
from importlib.machinery import PathFinder
from typing import Any

import cloudpickle
import numpy as np
from pebble import ProcessPool

from tacit.processes import die_with_parent

Simulate = Callable[..., Any]


def pack(function: Simulate) -> bytes:
    """The function as the pool takes it, with what it uses of a module that the processes could not import."""
    name = getattr(function, "__module__", None) or "__main__"
    module = sys.modules.get(name)
    # The processes have this one's search path; what was loaded from a file's path is not on it.
    package = name.partition(".")[0]
    by_value = module is not None and package != "__main__" and PathFinder.find_spec(package) is None
    if by_value:
        cloudpickle.register_pickle_by_value(module)
    try:
        packed: bytes = cloudpickle.dumps(function)
    finally:
        if by_value:
            cloudpickle.unregister_pickle_by_value(module)
    return packed


class SimulationPool:
    """So many processes, started with the first simulation. Safe for use by several threads."""

    def __init__(self, processes: int) -> None:
        self._pool = ProcessPool(
            processes,
            initializer=_begin,
            initargs=(os.getpid(),),
            context=multiprocessing.get_context("spawn"),
        )

    def submit(
        self, packed: bytes, *, entropy: tuple[int, ...], arguments: tuple[Any, ...], time_limit_s: float
    ) -> "Future[np.ndarray]":
        """Simulate once. The future raises what the simulator raised, or TimeoutError, or
        pebble.ProcessExpired where the process ended; cancelling it ends the simulation."""
        return self._pool.schedule(_simulate, args=(packed, entropy, arguments), timeout=time_limit_s)

    def stop(self) -> None:
        """End the processes, whatever they are at."""
        self._pool.stop()
        self._pool.join()


@functools.cache
def shared_pool() -> SimulationPool:
    """The one of this process, with as many processes as there are cores for it."""
    pool = SimulationPool(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    atexit.register(pool.stop)
    return pool


def _begin(parent: int) -> None:
    # Ctrl-C is for the program that asked; it ends its pool.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent(signal.SIGKILL, parent)


def _simulate(packed: bytes, entropy: tuple[int, ...], arguments: tuple[Any, ...]) -> np.ndarray:
    rng = np.random.default_rng(np.random.SeedSequence(entropy))
    return np.asarray(_unpack(packed)(rng, *arguments), dtype=np.float64)


@functools.lru_cache(maxsize=16)
def _unpack(packed: bytes) -> Simulate:
    function: Simulate = cloudpickle.loads(packed)
    return function
