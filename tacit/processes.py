"""Child processes that do not outlive their parent.

    spawn([sys.executable, "-P", "-m", "worker"], death_signal="KILL")

On Linux the child asks the kernel for a signal when its parent dies, even by kill -9 (PR_SET_PDEATHSIG). The request
is made in the child, by this module run as a program, which then becomes the command: no code runs between fork and
exec, so a parent with threads may call `spawn`. The kernel counts the death of the *thread* that started the child:
call it from the main thread.
"""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import IO, Any

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def spawn(
    command: Sequence[str],
    *,
    death_signal: str,
    pass_fds: Sequence[int] = (),
    env: Mapping[str, str] | None = None,
    output: IO[Any] | None = None,
) -> "subprocess.Popen[bytes]":
    """Start `command` in a process group of its own, tied to the life of this process.

    Args:
        command: The program (an absolute path) and its arguments.
        death_signal: Name of the signal the child gets when this process dies: "TERM" or "KILL".
        pass_fds: File descriptors that the child inherits.
        env: The whole environment of the child; that of this process when None.
        output: Where stdout and stderr go; those of this process when None.
    """
    launcher = [sys.executable, "-P", "-m", "tacit.processes", death_signal, str(os.getpid()), "--", *command]
    return subprocess.Popen(
        launcher,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT if output else None,
        pass_fds=tuple(pass_fds),
        env=None if env is None else dict(env),
        process_group=0,
    )


def die_with_parent(death_signal: signal.Signals, parent: int) -> None:
    """Tie this process to `parent`; end at once if that process is gone already. A no-op but on Linux."""
    if sys.platform != "linux":
        return
    _prctl(_PR_SET_PDEATHSIG, int(death_signal))
    if os.getppid() != parent:
        raise SystemExit("the parent process is gone")


def adopt_orphans() -> None:
    """Make descendants whose parent ends children of this process, which has to wait for them. A no-op but on Linux."""
    if sys.platform == "linux":
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


def stop(process: "subprocess.Popen[bytes]", *, grace_s: float) -> None:
    """Ask a child to end (SIGTERM), and kill it when it has not after `grace_s` seconds."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(timeout=grace_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def ending(returncode: int) -> str:
    """How a process ended, in words: "exit status 3", or "signal 11 (SIGSEGV)"."""
    if returncode >= 0:
        return f"exit status {returncode}"
    try:
        return f"signal {-returncode} ({signal.Signals(-returncode).name})"
    except ValueError:
        return f"signal {-returncode}"


def main(arguments: Sequence[str]) -> None:
    """Become the command after `--`, tied to the parent whose process id is given."""
    death_signal, parent, _, *command = arguments
    die_with_parent(signal.Signals[f"SIG{death_signal}"], int(parent))
    os.execv(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])
