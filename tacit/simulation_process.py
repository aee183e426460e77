"""One process of the simulation pool; `tacit.simulation_pool` starts it, and talks to it through a pipe.

    python -P -m tacit.simulation_process PARENT DESCRIPTOR

There are two processes. The one that is started is the leader: it runs no simulation and only waits. The other, the
worker, is forked from it and simulates. When the worker ends, when the leader is told to end (SIGTERM), or when the
parent is gone, even by kill -9, the leader ends the worker and all that the simulations have started. On Linux that is
every descendant, whatever session or process group it put itself into; elsewhere it is the worker's process group.

Nothing large is imported before the fork: a process with threads must not fork.
"""

import functools
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tacit.processes import adopt_orphans, die_with_parent

_HEARD = {signal.SIGTERM, signal.SIGCHLD}


def main(arguments: Sequence[str]) -> None:
    """Lead a worker until it, or the parent, has ended; then end all that it left. Exits like the worker did."""
    parent, descriptor = (int(each) for each in arguments)
    signal.pthread_sigmask(signal.SIG_BLOCK, _HEARD)
    adopt_orphans()
    die_with_parent(signal.SIGTERM, parent)
    leader = os.getpid()
    worker = os.fork()
    if worker == 0:
        _work(leader, descriptor)
    # The parent reads the end of the pipe when the worker is gone.
    os.close(descriptor)
    with suppress(PermissionError, ProcessLookupError):  # the worker does it too: whoever is first
        os.setpgid(worker, worker)
    code = None
    while code is None and signal.sigwait(_HEARD) != signal.SIGTERM:
        code = _reap(worker)
    ended = _end_all(worker)
    code = ended if code is None else code
    # As shells say it: a signal is 128 and its number.
    os._exit(code if code >= 0 else 128 - code)


def _reap(worker: int) -> int | None:
    """Waits for all children that have ended; the worker's exit code, when it is one of them."""
    code = None
    with suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            code = os.waitstatus_to_exitcode(ended[1]) if ended[0] == worker else code
    return code


def _end_all(worker: int) -> int:
    """Kills all descendants, and returns when none is left: the worker's exit code, 0 where it had ended before."""
    code = 0
    while True:
        with suppress(ProcessLookupError):
            os.killpg(worker, signal.SIGKILL)
        # What a killed process leaves becomes a child of this one: each round ends one generation.
        for child in _children():
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        try:
            ended, status = os.waitpid(-1, 0)
        except ChildProcessError:
            return code
        code = os.waitstatus_to_exitcode(status) if ended == worker else code


def _children() -> list[int]:
    if sys.platform != "linux":
        return []
    return [int(child) for child in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]


def _work(leader: int, descriptor: int) -> None:
    """The forked process: simulates, and never returns."""
    code = 1
    try:
        os.setpgid(0, 0)
        # Simulators, and the programs that they start, get signals as usual.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HEARD)
        die_with_parent(signal.SIGKILL, leader)
        with Connection(descriptor) as connection:
            _serve(connection)
        code = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        with suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _serve(connection: Connection) -> None:
    """Simulates what it is sent, one after the other, until the pipe is closed."""
    sys.path[:] = connection.recv()
    # Here and not above: NumPy starts threads, and the process has forked by now.
    import cloudpickle
    import numpy

    assert numpy  # what every simulator needs is loaded before its time is counted
    unpack = functools.lru_cache(maxsize=16)(cloudpickle.loads)
    connection.send(os.getpid())
    while True:
        try:
            packed, entropy, arguments = cloudpickle.loads(connection.recv_bytes())
        except EOFError:
            return
        try:
            function = unpack(packed)
        except BaseException as error:
            connection.send(("failed", _words(error)))
            continue
        # Its time begins now: what it imports is not part of the simulation.
        connection.send(("begun", None))
        connection.send(_simulate(function, entropy, arguments))


def _simulate(function: Callable[..., Any], entropy: tuple[int, ...], arguments: tuple[Any, ...]) -> tuple[str, Any]:
    import numpy as np

    try:
        rng = np.random.default_rng(np.random.SeedSequence(entropy))
        return "value", np.asarray(function(rng, *arguments), dtype=np.float64)
    except BaseException as error:  # `exit()` too is a simulation that failed
        return "failed", _words(error)


def _words(error: BaseException) -> str:
    """What is told of an error. The error itself may need modules, or arguments, that only this process has."""
    return f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    main(sys.argv[1:])
