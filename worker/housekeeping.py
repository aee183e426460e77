"""What a worker does beside computing: it says that it lives, and looks for fits that were lost."""

import logging
import threading
from collections.abc import Callable
from pathlib import Path

import redis
from rq import Queue

from tacit.errors import StoreError, TacitError
from tacit.fits import Fit, FitStore, keys, workers
from tacit.fits.workers import WorkerInfo
from tacit.locks import FileLock, try_lock
from worker.transport import requeue, waiting
from worker.turns import Turns

_log = logging.getLogger(__name__)


class Repeating:
    """Calls a function again and again in a thread of its own; what it raises is logged, and it goes on."""

    def __init__(self, function: Callable[[], None], *, every_s: float, name: str) -> None:
        self._function = function
        self._every_s = every_s
        self._wake = threading.Event()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def soon(self) -> None:
        """Make the next call now."""
        self._wake.set()

    def stop(self) -> None:
        """Make no further call; wait for one that is being made."""
        self._stopped = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        failing = False
        while not self._stopped:
            try:
                self._function()
                failing = False
            except (redis.RedisError, TacitError) as error:
                if not failing:
                    _log.warning("%s: %s; trying again", self._thread.name, error)
                failing = True
            except Exception:
                _log.exception("%s failed; trying again", self._thread.name)
            self._wake.wait(self._every_s)
            self._wake.clear()


class Announcer:
    """Announces a worker every few seconds, and at once when it takes up or puts down a fit."""

    def __init__(self, connection: redis.Redis, info: WorkerInfo) -> None:
        self._connection = connection
        self._info = info
        self._repeating = Repeating(self._announce, every_s=keys.WORKER_ANNOUNCE_S, name="announcer")

    def start(self) -> None:
        self._repeating.start()

    def update(self, *, child_pid: int | None = None, device: str | None = None, fit: str | None = None) -> None:
        """Say what has changed; `fit` is None when the worker is idle."""
        changes = {"child_pid": child_pid, "device": device}
        known = {name: value for name, value in changes.items() if value is not None}
        self._info = self._info.model_copy(update={**known, "fit": fit})
        self._repeating.soon()

    def is_heard(self) -> bool:
        """Whether Redis answers now; waits two seconds for it at most."""
        try:
            return bool(self._connection.ping())
        except redis.RedisError:
            return False

    def stop(self) -> None:
        """Stop announcing, and withdraw what was announced."""
        self._repeating.stop()
        workers.withdraw(self._connection, self._info.name)

    def _announce(self) -> None:
        workers.announce(self._connection, self._info)


class Reconciler:
    """Puts fits back that the store knows as unfinished and that neither wait nor run; ends those to be cancelled.

    What looks lost may just be on its way (accepted and not queued yet, popped and not announced yet), so a fit is put
    back when two looks in a row miss it. Queueing one too many times does no harm: a decided fit is not run again.
    """

    def __init__(self, store: FitStore, queue: Queue, turns: Turns, *, device: str) -> None:
        self._store = store
        self._queue = queue
        self._turns = turns
        self._device = device
        self._suspects: set[str] = set()

    def run(self) -> None:
        """One look."""
        missing = self._missing()
        self._put_back(missing & self._suspects)
        # Whoever should have done so when a fit ended may have died.
        self._turns.put_back()
        self._suspects = missing - self._suspects

    def run_at_start(self, dead: set[str]) -> None:
        """The first look of a worker that does not work yet.

        Args:
            dead: Names of workers that are known to be dead; their fits are put back at once, and everything that is
                missing when no other worker lives.
        """
        missing = self._missing()
        alone = not workers.live(self._queue.connection)
        self._put_back({fit_id for fit_id in missing if alone or self._last_worker(fit_id) in dead})

    def _missing(self) -> set[str]:
        # The order matters: what is open now and in neither list afterwards has been decided in between, or is lost.
        unfinished = self._store.open_fits()
        if not unfinished:
            return set()
        running = {info.fit for info in workers.live(self._queue.connection)}
        idle = set(unfinished) - running
        cancelled = {fit_id for fit_id in idle if self._store.cancel_requested(fit_id)}
        for fit_id in cancelled:
            self._store.cancelled(fit_id)
        return idle - cancelled - self._turns.held() - waiting(self._queue)

    def _last_worker(self, fit_id: str) -> str | None:
        fit = self._read(fit_id)
        return fit.attempts[-1].worker if fit is not None and fit.attempts else None

    def _put_back(self, fit_ids: set[str]) -> None:
        for fit_id in sorted(fit_ids):
            fit = self._read(fit_id)
            if fit is not None and fit.outcome is None and fit.request.device == self._device:
                _log.warning("fit %s was neither waiting nor running: queued again", fit_id)
                requeue(self._queue, fit.request)

    def _read(self, fit_id: str) -> Fit | None:
        """A fit; None when its records are damaged, which must not keep the others from being found."""
        try:
            return self._store.fit(fit_id)
        except StoreError as error:
            _log.error("fit %s cannot be queued again: %s", fit_id, error)
            return None


def register(folder: Path, name: str) -> FileLock:
    """Take the lock that says a worker of this name lives on this machine."""
    lock = try_lock(folder / f"{name}.lock")
    assert lock is not None, "worker names are unique"
    return lock


def bury_dead(folder: Path) -> set[str]:
    """Names of the workers on this machine that died without a goodbye; their locks are removed."""
    dead = set()
    for path in folder.glob("*.lock"):
        lock = try_lock(path)
        if lock is not None:
            lock.release(remove=True)
            dead.add(path.stem)
    return dead
