"""A pool of processes that run simulators which are plain Python functions.

    pool = SimulationPool(processes=4)
    future = pool.submit(pack(simulate), entropy=(1, 2), arguments=(rates,), time_limit_s=5.0)
    future.result()    # simulate(numpy.random.default_rng(SeedSequence((1, 2))), rates), as a float64 array

A simulation that is out of time is ended with its process and with all that it started, and so is one that brings its
process down; the pool goes on with a new process. One whose process was killed from outside is simulated once more.
Every future is resolved: with a value, or with an error that says why there is none.

Functions travel to the processes, which this program starts itself, by cloudpickle: nothing that comes from outside is
ever unpickled. The processes end with this one, even when that is killed (on Linux).

Each process belongs to a thread of the pool, its keeper: the kernel ends a process that asked to die with its parent
when the *thread* that started it ends, so no thread of a caller may start one.
"""

import atexit
import logging
import multiprocessing
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, InvalidStateError
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.machinery import PathFinder
from multiprocessing.connection import wait
from typing import Any

import cloudpickle
import numpy as np

from tacit import processes
from tacit.errors import SimulationError, UnavailableError

Simulate = Callable[..., Any]

# How long a process may take until it can simulate, and the imports of a simulator.
_BEGIN_LIMIT_S = 120.0
# How long a process that is told to end may take, before it is killed.
_END_LIMIT_S = 5.0
# Between attempts to start a process, before it counts as impossible for now; and between attempts from then on.
_START_PAUSES_S = (0.1, 0.5)
_START_AGAIN_S = 2.0
# How often running simulations are looked at.
_LOOK_S = 0.05
# Ends that come from outside: a kill, by hand or for want of memory.
_KILLED = (-signal.SIGKILL, -signal.SIGTERM)

_log = logging.getLogger(__name__)


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


@dataclass(eq=False)
class _Task:
    """A simulation that is asked for. Its future is pending until it is resolved: it can be cancelled till then."""

    message: bytes
    time_limit_s: float
    future: "Future[np.ndarray]" = field(default_factory=Future)
    lost: bool = False

    def succeed(self, value: np.ndarray) -> None:
        with suppress(InvalidStateError):  # given up meanwhile
            self.future.set_result(value)

    def fail(self, error: Exception) -> None:
        with suppress(InvalidStateError):
            self.future.set_exception(error)


class SimulationPool:
    """At most so many processes, each started when there is work for it. Safe for use by several threads."""

    def __init__(self, processes: int) -> None:
        self._size = processes
        self._lock = threading.Lock()
        self._tasks: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._keepers: list[threading.Thread] = []
        self._living: set[threading.Thread] = set()
        self._running: dict[_Task, tuple[_Process, float, str]] = {}
        self._watched = threading.Event()
        self._stopping = threading.Event()
        self._trouble: str | None = None

    @property
    def trouble(self) -> str | None:
        """Why no process can be started now; None while one can, or none was wanted."""
        return self._trouble

    @property
    def stopped(self) -> bool:
        return self._stopping.is_set()

    def submit(
        self, packed: bytes, *, entropy: tuple[int, ...], arguments: tuple[Any, ...], time_limit_s: float
    ) -> "Future[np.ndarray]":
        """Simulate once. Cancelling the future ends the simulation.

        The future raises SimulationError where the simulation came to nothing, and UnavailableError where it could not
        be run, because no process can be started.

        Raises:
            UnavailableError: No process can be started now, or the pool was stopped.
        """
        task = _Task(cloudpickle.dumps((packed, entropy, arguments)), time_limit_s)
        with self._lock:
            if self.stopped:
                raise UnavailableError("The pool of simulation processes was stopped.")
            if self._trouble is not None:
                raise UnavailableError(self._trouble)
            if not self._keepers:
                self._begin()
            self._tasks.put(task)
        return task.future

    def stop(self) -> None:
        """End the processes, whatever they are at. Simulations that nobody has yet raise SimulationError."""
        with self._lock:
            self._stopping.set()
        atexit.unregister(self.stop)
        self._watched.set()
        for _ in self._keepers:
            self._tasks.put(None)
        for keeper in self._keepers:
            keeper.join(2 * _END_LIMIT_S)
        self._watched.set()

    def _begin(self) -> None:
        self._keepers = [
            threading.Thread(target=self._keep, name=f"simulations-{number}", daemon=True)
            for number in range(self._size)
        ]
        for keeper in (*self._keepers, threading.Thread(target=self._watch, name="simulation-limits", daemon=True)):
            keeper.start()
        atexit.register(self.stop)

    def _keep(self) -> None:
        """Runs tasks, one after the other, in a process that is started anew whenever it has ended."""
        process = None
        while (task := self._tasks.get()) is not None:
            if self.stopped:
                task.fail(SimulationError("the pool of processes was stopped"))
            if task.future.done():
                continue
            try:
                process = self._ready(process)
                process = self._run(process, task)
            except _StartError as error:
                process = self._wait_for_start(task, str(error))
            except Exception as error:  # a thread that ended here would leave its tasks waiting for ever
                _log.exception("a process of the simulation pool is given up")
                task.fail(SimulationError(f"{type(error).__name__}: {error}"))
                process = process and self._give_up(process)
        if process is not None:
            process.end()

    def _ready(self, process: "_Process | None") -> "_Process":
        """A process that waits for work: this one, if it still lives.

        Raises:
            _StartError: None can be started.
        """
        if process is not None and process.ended():
            process = self._give_up(process)
        for pause in (*_START_PAUSES_S, None) if process is None else ():
            try:
                process = _Process(self._stopping)
                break
            except _StartError:
                if pause is None or self._stopping.wait(pause):
                    raise
        assert process is not None
        with self._lock:
            self._living.add(threading.current_thread())
            self._trouble = None
        return process

    def _give_up(self, process: "_Process") -> None:
        with self._lock:
            self._living.discard(threading.current_thread())
        process.end()

    def _wait_for_start(self, task: _Task, reason: str) -> "_Process | None":
        """Leaves the task to other processes, or fails all that wait. The process, as soon as one can be started."""
        reason = f"The processes that run simulators cannot be started: {reason}."
        _log.error("%s", reason)
        with self._lock:
            if self.stopped:
                task.fail(SimulationError("the pool of processes was stopped"))
            elif self._living:
                self._tasks.put(task)
            else:
                self._trouble = reason
                task.fail(UnavailableError(reason))
                with suppress(queue.Empty):
                    while (waiting := self._tasks.get_nowait()) is not None:
                        waiting.fail(UnavailableError(reason))
        while not self._stopping.wait(_START_AGAIN_S):
            with suppress(_StartError):  # said already
                return self._ready(None)
        return None

    def _run(self, process: "_Process", task: _Task) -> "_Process | None":
        """Simulates; the process, if it can go on."""
        try:
            with self._limited(task, process) as begun:
                process.connection.send_bytes(task.message)
                kind, content = process.connection.recv()
                if kind == "begun":
                    begun()
                    kind, content = process.connection.recv()
        except (EOFError, OSError):  # the process has ended, by itself or by `_watch`
            self._give_up(process)
            self._lost(task, process)
            return None
        if kind == "value":
            task.succeed(content)
        else:
            task.fail(SimulationError(content))
        return process

    def _lost(self, task: _Task, process: "_Process") -> None:
        if task.future.done():
            return
        if process.code in _KILLED and not task.lost and not self.stopped:
            # It gives the same draw again: it depends on its entropy and arguments alone.
            task.lost = True
            self._tasks.put(task)
            return
        how = "" if process.code is None else f": {processes.ending(process.code)}"
        task.fail(SimulationError(f"its process ended{how}"))

    @contextmanager
    def _limited(self, task: _Task, process: "_Process") -> Iterator[Callable[[], None]]:
        """Inside, the process is ended when the task is out of time or not wanted any more.

        Yields what is to be called when its own time begins.
        """

        def limit(seconds: float, words: str) -> None:
            with self._lock:
                self._running[task] = process, time.monotonic() + seconds, words

        limit(_BEGIN_LIMIT_S, f"its imports took more than {_BEGIN_LIMIT_S:g} s")
        self._watched.set()
        try:
            yield lambda: limit(task.time_limit_s, f"out of time ({task.time_limit_s:g} s)")
        finally:
            with self._lock:
                del self._running[task]

    def _watch(self) -> None:
        """Ends the processes of tasks that are out of time, or that nobody wants."""
        while any(keeper.is_alive() for keeper in self._keepers):
            self._watched.wait()
            self._watched.clear()
            while self._look():
                time.sleep(_LOOK_S)

    def _look(self) -> bool:
        """Whether any task runs."""
        with self._lock:
            for task, (process, deadline, words) in self._running.items():
                if self.stopped:
                    task.fail(SimulationError("the pool of processes was stopped"))
                elif time.monotonic() > deadline:
                    task.fail(SimulationError(words))
                if task.future.done():
                    process.tell_to_end()
            return bool(self._running)


class _StartError(Exception):
    """A process cannot be started; says why."""


class _Process:
    """A process of the pool. One thread uses it; any may tell it to end.

    Attributes:
      connection: what it is told, and tells, goes through it; it is closed when the process has ended.
      code: how it ended, negative for a signal; None before, and where that cannot be known.
    """

    def __init__(self, stopping: threading.Event) -> None:
        self.connection, theirs = multiprocessing.Pipe()
        self.code: int | None = None
        self._group: int | None = None
        self._told = False
        command = [sys.executable, "-P", "-m", "tacit.simulation_process", str(os.getpid()), str(theirs.fileno())]
        try:
            with theirs:
                # A session of its own: Ctrl-C is for the program that asked; it ends its pool.
                self._leader = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, pass_fds=(theirs.fileno(),), start_new_session=True
                )
        except OSError as error:
            self.connection.close()
            raise _StartError(f"{type(error).__name__}: {error}") from error
        try:
            self.connection.send(sys.path)
            deadline = time.monotonic() + _BEGIN_LIMIT_S
            while not self.connection.poll(_LOOK_S):
                if stopping.is_set() or time.monotonic() > deadline:
                    raise TimeoutError(f"not ready after {_BEGIN_LIMIT_S:g} s")
            self._group = self.connection.recv()
        except (EOFError, OSError) as error:
            self.end()
            late = isinstance(error, TimeoutError)
            how = str(error) if late or self.code is None else f"it ended at once, with {processes.ending(self.code)}"
            raise _StartError(how) from error

    def ended(self) -> bool:
        """Whether it has ended while it had nothing to do, or will."""
        return self._told or bool(wait([self.connection], timeout=0))

    def tell_to_end(self) -> None:
        """Ask the leader to end all; the thread that waits for an answer then sees the end of the pipe."""
        self._told = True
        self._leader.terminate()

    def end(self) -> None:
        """Return when it has ended, and all that its simulations started."""
        self._leader.terminate()
        try:
            status = self._leader.wait(_END_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._leader.kill()
            status = self._leader.wait()
        # The leader ends as the worker did, and says it as shells do.
        self.code = 128 - status if status > 128 else status
        if status < 0 and self._group is not None:
            # The leader itself was killed: the worker goes with it, what the worker had started does not.
            with suppress(ProcessLookupError):
                os.killpg(self._group, signal.SIGKILL)
        self.connection.close()


_shared: SimulationPool | None = None
_sharing = threading.Lock()


def shared_pool() -> SimulationPool:
    """The one of this process, with as many processes as there are cores for it; a new one when that was stopped."""
    global _shared
    with _sharing:
        if _shared is None or _shared.stopped:
            cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
            _shared = SimulationPool(cores or 1)
        return _shared


def trouble() -> str | None:
    """Why the shared pool can run no simulation now; None when it can, or was never wanted."""
    pool = _shared
    return None if pool is None else pool.trouble


def _forget() -> None:
    """In a forked process there are no keepers: it gets a pool of its own."""
    global _shared, _sharing
    _shared, _sharing = None, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
