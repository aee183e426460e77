"""The worker: takes jobs from RQ, and has them computed by one warm child that it watches.

RQ forks a process per job, which with JAX means a cold start, or a deadlock when the parent has initialised JAX. Here
the parent never imports JAX. It keeps one child, a fresh interpreter, for many jobs; it sends heartbeats while the
child computes, kills it when it hangs, notices when it dies, and starts another. All of it stands on hooks of RQ's
`Worker` (`bootstrap`, `execute_job`, `fork_work_horse`, `monitor_work_horse`, `teardown`), whose minor version is
pinned.
"""

# Parts of RQ are not typed.
# mypy: disallow-untyped-calls=False

import logging
import math
import os
import socket
import subprocess
import sys
import time
from contextlib import suppress
from enum import Enum
from typing import Any

import redis
from rq import Queue, Worker
from rq.job import Job
from rq.utils import now as rq_now
from rq.worker import WorkerStatus

from tacit import logs, processes
from tacit.engine import ENGINE_REVISION
from tacit.errors import NotFoundError, StoreError, TacitError, TooNewError
from tacit.fits import Attempt, FitStore, Outcome, Status, records
from tacit.settings import Settings
from worker import failures, transport
from worker.allowed import AllowedJob
from worker.channel import Channel
from worker.housekeeping import Announcer
from worker.patience import patiently
from worker.turns import Turns

_log = logging.getLogger(__name__)

_CHILD_START_TIMEOUT_S = 120.0
_CHILD_STARTS = 3
_LOOK_S = 0.25
# A process whose line is cut is about to end; how it ended is worth so much waiting.
_DYING_S = 0.5
_HEARTBEAT_S = 10.0


class Ending(Enum):
    """How the child's work on a job ended, seen from the parent."""

    DONE = "the child answered that it did the job"
    BROKEN = "the child answered that the job raised"
    DIED = "the child died"
    HUNG = "the child was killed, long after the job's timeout"
    CANCELLED = "the child was killed because the fit is to be cancelled and it did not stop by itself"
    INTERRUPTED = "the child was killed because the worker stops"


class WarmChild:
    """The computing process, from outside."""

    def __init__(self, settings: Settings, *, worker_name: str) -> None:
        ours, theirs = socket.socketpair()
        environment = dict(os.environ)
        if settings.device == "cpu":
            environment["JAX_PLATFORMS"] = "cpu"
        command = [sys.executable, "-P", "-m", "worker.child", str(theirs.fileno())]
        self.process = processes.spawn(command, death_signal="KILL", pass_fds=[theirs.fileno()], env=environment)
        theirs.close()
        self.channel = Channel(ours)
        self._hello = {"settings": settings.model_dump(mode="json"), "worker": worker_name}

    def wait_ready(self) -> str:
        """Say hello, and wait until the child can take a job; the device it computes on, in words.

        Raises:
            ChildProcessError: It ended, or did not get ready in time.
        """
        try:
            self.channel.send(self._hello)
            return str(self.channel.receive(_CHILD_START_TIMEOUT_S)["device"])
        except (EOFError, OSError) as error:
            raise ChildProcessError(f"the computing process did not start: {self.end()}") from error

    def end(self) -> str:
        """Hang up on a child that is dying, and kill it if it still lives a moment later; how it ended, in words."""
        self.channel.close()
        try:
            self.process.wait(timeout=_DYING_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
        return processes.ending(self.process.wait())

    def kill(self) -> str:
        """End a child that works, at once: what it has not stored by now it would not store in a moment, either."""
        self.process.kill()
        return self.end()


class WarmWorker(Worker):
    """An RQ worker for one queue whose jobs run in a warm child.

    Args:
        settings: The service's settings.
        store: Where fits are kept.
        queue: The queue to work on.
        connection: A connection that waits for Redis when it is away.
        announcer: Told what is being worked on.
        turns: Says whose fit may run now.
        name: Unique name of this worker.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        store: FitStore,
        queue: Queue,
        connection: redis.Redis,
        announcer: Announcer,
        turns: Turns,
        name: str,
    ) -> None:
        super().__init__(
            [queue],
            name=name,
            connection=connection,
            job_class=AllowedJob,
            serializer=queue.serializer,
            worker_ttl=60,
        )
        self._settings = settings
        self._store = store
        self._announcer = announcer
        self._turns = turns
        self._child: WarmChild | None = None
        self._device: str = settings.device
        self._stop_by: float | None = None

    @property
    def asked_to_stop(self) -> bool:
        """Whether a signal asked this worker to stop; when not, `work` returned because something is wrong."""
        return self._stop_by is not None

    def bootstrap(self, *args: Any, **kwargs: Any) -> None:
        """Start the child before the first job is taken."""
        super().bootstrap(*args, **kwargs)
        self._ready_child()
        # Which RQ would do next. Whoever waits for this worker hears that it is ready when it has nothing more to say.
        self.run_maintenance_tasks()
        self._announcer.start()

    def teardown(self) -> None:
        """End the child, and say goodbye."""
        if self._child is not None:
            self._child.kill()
        super().teardown()

    def run_maintenance_tasks(self) -> None:
        """Clean registries. RQ's groups are not used, and reading them would unpickle."""
        self.clean_registries()

    def handle_warm_shutdown_request(self) -> None:
        """A signal asks to stop: the running fit, if any, has a moment to finish, or to make a checkpoint."""
        super().handle_warm_shutdown_request()
        self._stop_by = time.monotonic() + self._settings.stop_grace_s

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Have one job computed. What goes wrong with it is recorded; it does not end the worker.

        Raises:
            ChildProcessError: No computing process can be had; this ends the worker, and its successor finds the job.
        """
        logs.fit_id.set(job.id)
        self._ready_child()
        self.prepare_execution(job)
        try:
            attempt = self._begin(job.id)
            if attempt is None:
                self._drop(job, queue)
            else:
                self.fork_work_horse(job, queue, attempt=attempt.number)
                self._announcer.update(fit=job.id)
                self._conclude(self.monitor_work_horse(job, queue), job, queue, attempt)
        except TacitError as error:
            _log.exception("job %s could not be run", job.id)
            self._fail_job(job, queue, str(error))
        finally:
            self._horse_pid = 0
            self._announcer.update(fit=None)
            self._turns.give_back(worker=self.name)
            logs.fit_id.set(None)
        self.set_state(WorkerStatus.IDLE)
        if not self.asked_to_stop:
            self._ready_child()

    def fork_work_horse(self, job: Job, queue: Queue, *, attempt: int = 1) -> None:
        """Give the job to the child; nothing is forked."""
        child = self._ready_child()
        assert self.execution is not None, "prepare_execution was called"
        message = {"job": job.id, "execution": self.execution.id, "attempt": attempt}
        try:
            child.channel.send(message)
        except OSError:
            # It dies just now, while idle: no fault of this job.
            self._end_child()
            child = self._ready_child()
            child.channel.send(message)
        self._horse_pid = child.process.pid

    def monitor_work_horse(self, job: Job, queue: Queue) -> Ending:
        """Wait for the child's answer, with heartbeats; kill it when it hangs or the worker has to stop."""
        assert self._child is not None, "fork_work_horse was called"
        child = self._child
        deadline = time.monotonic() + _timeout_s(job) + self._settings.kill_grace_s
        cancel_by = math.inf
        next_heartbeat = time.monotonic() + _HEARTBEAT_S
        job.started_at = rq_now()
        told_to_stop = False
        while True:
            if self._stop_by is not None and not told_to_stop:
                told_to_stop = True
                with suppress(OSError):  # it is dead, as will show in a moment
                    child.channel.send({"stop": True})
            try:
                message = child.channel.receive(max(0.0, min(_LOOK_S, cancel_by - time.monotonic())))
            except EOFError:
                return Ending.DIED
            except TimeoutError:
                message = {}
            if "done" in message:
                return Ending.DONE if message["done"] else Ending.BROKEN
            moment = time.monotonic()
            if message.get("waiting"):
                # It has computed, and the store has no room: that is no reason to throw the results away.
                deadline = math.inf
            if cancel_by == math.inf and self._store.cancel_requested(job.id):
                cancel_by = moment + self._settings.cancel_grace_s
            if moment >= cancel_by:
                return Ending.CANCELLED
            if moment > deadline:
                return Ending.HUNG
            if self._stop_by is not None and moment > self._stop_by:
                return Ending.INTERRUPTED
            if moment > next_heartbeat:
                self._beat(job, (rq_now() - job.started_at).total_seconds())
                next_heartbeat = moment + _HEARTBEAT_S

    def _beat(self, job: Job, working_s: float) -> None:
        """Tell RQ that the job is worked on; not while Redis is away: waiting would leave the child unwatched."""
        if self._announcer.is_heard():
            # Results may wait for room beyond the timeout; to RQ, that is a job in its last moment.
            self.set_current_job_working_time(min(working_s, _timeout_s(job)))
            self.maintain_heartbeats(job)

    def _begin(self, fit_id: str) -> Attempt | None:
        """Record a new attempt; None when there is none to make.

        That is: the fit is unknown, ended, cancelled, taken, tried too often, or held for others of its owner.
        """
        try:
            fit = self._store.fit(fit_id)
        except NotFoundError:
            _log.warning("job %s is no fit", fit_id)
            return None
        except StoreError as error:
            # Nothing will mend its records: without an outcome it would be queued again for ever.
            _log.error("fit %s cannot be read: %s", fit_id, error)
            self._decide(fit_id, Status.FAILED, failures.explain(error, timeout_s=0))
            return None
        if fit.outcome is not None:
            return None
        if fit.cancel is not None:
            self._store.cancelled(fit_id)
            return None
        wanted = fit.request.engine_revision or 0
        if wanted > ENGINE_REVISION:
            # Its draws would stand for those of the newer engine ever after.
            raise TooNewError(
                f"Fit {fit_id} is for revision {wanted} of the engine, and this worker has {ENGINE_REVISION}: a newer "
                "worker will compute it."
            )
        spent = fit.spent_attempts(self._store.furthest_attempt(fit_id))
        if spent >= self._settings.max_attempts:
            last = fit.ends[-1].message if fit.ends else None
            self._decide(fit_id, Status.FAILED, failures.lost(spent, last))
            return None
        if not self._turns.take(fit.request, worker=self.name):
            _log.info("fit %s waits: its owner has as many that run as may run at once", fit_id)
            return None
        return self._store.begin_attempt(fit, worker=self.name, device=self._device)

    def _conclude(self, ending: Ending, job: Job, queue: Queue, attempt: Attempt) -> None:
        """Record what has to be recorded about an attempt that the child did not bring to its end."""
        if ending is Ending.DONE:
            if self._store.is_underway(job.id):
                # It was interrupted in good order: with a checkpoint, and the reason written down.
                self._put_back(job, queue)
            return
        if ending is Ending.BROKEN and self._store.fit(job.id).outcome is not None:
            # Only RQ's bookkeeping broke, as it does when Redis was wiped under the job.
            self._drop(job, queue)
            return
        if ending is Ending.BROKEN and self._store.cancel_requested(job.id):
            self._cancel(job, queue, attempt)
            return
        if ending is Ending.BROKEN:
            # RQ has it as failed; the reconciler queues it again in a while.
            self._note(job.id, attempt, failures.JOB_BROKEN, "The job broke down; the worker's log says more.")
            return
        how = self._end_child(at_once=ending is not Ending.DIED)
        _log.warning("job %s: %s: %s", job.id, ending.value, how)
        if ending is Ending.HUNG:
            self._decide(job.id, Status.FAILED, failures.timed_out(_timeout_s(job)), attempt=attempt.number)
            self._drop(job, queue)
        elif self._stopped_job_id == job.id or ending is Ending.CANCELLED or self._store.cancel_requested(job.id):
            self._stopped_job_id = None
            self._cancel(job, queue, attempt)
        elif ending is Ending.INTERRUPTED:
            self._note(job.id, attempt, failures.INTERRUPTED, failures.STOPPED, counts=False)
            self._put_back(job, queue)
        else:
            self._note(job.id, attempt, failures.WORKER_DIED, f"The computing process ended by {how}.")
            self._put_back(job, queue)

    def _cancel(self, job: Job, queue: Queue, attempt: Attempt) -> None:
        self._store.cancelled(job.id, attempt=attempt.number)
        self._drop(job, queue)

    def _decide(
        self, fit_id: str, status: Status, error: records.FitFailure | None, *, attempt: int | None = None
    ) -> None:
        outcome = Outcome(status=status, finished_at=records.now(), attempt=attempt, error=error)
        patiently(lambda: self._store.finish(fit_id, outcome), give_up=lambda: self.asked_to_stop)

    def _note(self, fit_id: str, attempt: Attempt, code: str, message: str, *, counts: bool = True) -> None:
        """Record why an attempt ended; it does not count when the store took no writes then, whatever the reason."""
        waits: list[str] = []

        def write() -> None:
            told = counts and not waits
            self._store.end_attempt(fit_id, attempt.number, code=code, message=message, counts=told)

        patiently(write, give_up=lambda: self.asked_to_stop, say=waits.append)

    def _put_back(self, job: Job, queue: Queue) -> None:
        self._clear_execution(job)
        transport.requeue(queue, self._store.fit(job.id).request)

    def _drop(self, job: Job, queue: Queue) -> None:
        self._clear_execution(job)
        transport.forget(queue, job.id)

    def _clear_execution(self, job: Job) -> None:
        with self.connection.pipeline() as pipeline:
            self.cleanup_execution(job, pipeline)
            pipeline.execute()

    def _fail_job(self, job: Job, queue: Queue, reason: str) -> None:
        """Tell RQ that the job failed; the fit stays undecided, and the reconciler queues it again in a while."""
        job.started_at = job.started_at or rq_now()
        job.ended_at = rq_now()
        self.handle_job_failure(job, queue=queue, exc_string=reason)

    def _ready_child(self) -> WarmChild:
        """The child; a new one when there is none that lives."""
        if self._child is not None and self._child.process.poll() is not None:
            _log.warning("the idle computing process is gone: %s", self._end_child())
        if self._child is None:
            self._child, self._device = self._start_child()
            self._announcer.update(child_pid=self._child.process.pid, device=self._device)
        return self._child

    def _start_child(self) -> tuple[WarmChild, str]:
        """A child that can take jobs, and its device. One that ends before that has a few successors."""
        for left in reversed(range(_CHILD_STARTS)):
            child = WarmChild(self._settings, worker_name=self.name)
            try:
                return child, child.wait_ready()
            except ChildProcessError as error:
                if not left:
                    raise
                _log.warning("%s; starting another", error)
        raise AssertionError("unreachable")

    def _end_child(self, *, at_once: bool = False) -> str:
        assert self._child is not None
        how = self._child.kill() if at_once else self._child.end()
        self._child = None
        return how


def _timeout_s(job: Job) -> float:
    assert job.timeout is not None, "every fit is queued with a timeout"
    return job.timeout
