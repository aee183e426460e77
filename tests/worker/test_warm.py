"""A worker and its computing child, as processes, on a queue."""

import resource
import signal
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from rq import Queue, Worker
from rq.command import send_stop_job_command
from rq.version import VERSION

from app.draws import POSTERIOR
from tacit.embedded_redis import EmbeddedRedis
from tacit.engine import ENGINE_REVISION
from tacit.fits import Fit, FitStore, LocalBlobs, Status, connections, keys, new_fit_id, records, workers
from tacit.fits.workers import WorkerInfo
from tacit.settings import Settings
from tests.running import alive, children, environment, kill, started, wait_for
from tests.worker.requests import submit_example
from worker.transport import open_queue, requeue, waiting

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes in /proc")

ENDLESS = 1_000_000
KILL_GRACE_S = 2.0


class Running:
    """A worker process, and what the store and Redis say about its work."""

    def __init__(self, settings: Settings, store: FitStore, queue: Queue, log: Path) -> None:
        self.settings = settings
        self.store = store
        self.queue = queue
        self.connection: redis.Redis = queue.connection
        self.log = log

    @property
    def info(self) -> WorkerInfo:
        return wait_for(lambda: (workers.live(self.queue.connection) or [None])[0], what=f"a worker, see {self.log}")

    @property
    def is_idle(self) -> bool:
        """Whether all fits have ended and the child waits for the next."""
        info = self.info
        return not self.store.open_fits() and info.fit is None and alive(info.child_pid)

    def submit(self, *, steps: int, timeout_s: int = 600, model: str = "poisson-rate", **changes: Any) -> str:
        """Accept and queue a fit of the example data of a model."""
        request = submit_example(self.store, steps=steps, timeout_s=timeout_s, model=model, **changes)
        requeue(self.queue, request)
        return request.id

    def wait_running(self, fit_id: str, *, attempt: int = 1) -> None:
        def look() -> bool:
            fit = self.store.fit(fit_id)
            assert fit.outcome is None, fit
            return len(fit.attempts) >= attempt and bool(self.queue.connection.exists(keys.progress(fit_id)))

        wait_for(look, what=f"fit {fit_id} to make progress in attempt {attempt}")

    def wait_ended(self, fit_id: str) -> Fit:
        def look() -> Fit | None:
            fit = self.store.fit(fit_id)
            return fit if fit.outcome else None

        return wait_for(look, what=f"fit {fit_id} to end")

    def kill_child(self, number: signal.Signals = signal.SIGKILL) -> int:
        pid = self.info.child_pid
        kill(pid, number)
        return pid


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture(scope="module")
def one_worker(
    tmp_path_factory: pytest.TempPathFactory, redis_server: EmbeddedRedis, _databases: Iterator[int], jax_cache: Path
) -> Iterator[Running]:
    """A worker for all tests that leave it alive."""
    folder = tmp_path_factory.mktemp("running")
    url = f"{redis_server.url}?db={next(_databases)}"
    settings = Settings(data_dir=folder / "data", redis_url=url, jax_cache_dir=jax_cache, model_path=(), port=0)
    env = environment(settings, kill_grace_s=KILL_GRACE_S, max_attempts=2, reconcile_s=0.5, checkpoint_s=0)
    store = FitStore(LocalBlobs(settings.data_dir / "store"))
    with connections.quick(url) as connection, started("worker", env=env, log=folder / "log") as process:
        running = Running(settings, store, open_queue(connection, "cpu"), folder / "log")
        assert running.info.pid == process.pid
        assert "cleaning registries" in (folder / "log").read_text(), "it announced itself before all was said"
        yield running
        wait_for(lambda: running.is_idle, what="the last fits to end")
        assert process.poll() is None


@pytest.fixture
def running(one_worker: Running) -> Running:
    """That worker, ready for the next fit."""
    wait_for(lambda: one_worker.is_idle, what="a worker that has nothing to do")
    return one_worker


def test_fits_are_done_by_one_warm_child(running: Running) -> None:
    child = running.info.child_pid
    for model in ("poisson-rate", "eight-schools", "poisson-rate"):
        fit = running.wait_ended(running.submit(steps=200, model=model))
        assert fit.status is Status.SUCCEEDED, fit
        assert running.store.arrays(fit, POSTERIOR)
        assert fit.outcome is not None
        assert set(fit.outcome.artefacts) == {
            "posterior.safetensors",
            "variational.safetensors",
            "losses.safetensors",
            "summary.json",
            "diagnostics.json",
        }
    assert running.info.child_pid == child
    # RQ forgets what is done.
    wait_for(lambda: not running.connection.keys("rq:job:*"), what="the jobs to be gone")


def test_a_crash_of_the_child_costs_an_attempt(running: Running) -> None:
    fit_id = running.submit(steps=2500)
    running.wait_running(fit_id)
    running.kill_child(signal.SIGSEGV)
    fit = running.wait_ended(fit_id)
    assert (fit.status, len(fit.attempts)) == (Status.SUCCEEDED, 2)
    assert [(end.number, end.code) for end in fit.ends] == [(1, "worker_died")]
    assert "signal 11 (SIGSEGV)" in fit.ends[0].message


def test_a_fit_outlives_its_child_and_nothing_shows_in_its_draws(running: Running) -> None:
    fit_id = running.submit(steps=2500)
    wait_for(lambda: running.store.checkpoint(fit_id), what="a checkpoint")
    running.kill_child()
    fit = running.wait_ended(fit_id)
    assert (fit.status, len(fit.attempts)) == (Status.SUCCEEDED, 2)
    assert fit.outcome is not None
    assert fit.outcome.first_step > 0
    undisturbed = running.wait_ended(running.submit(steps=2500))
    assert len(undisturbed.attempts) == 1
    assert running.store.artefact(fit, POSTERIOR) == running.store.artefact(undisturbed, POSTERIOR)


def test_attempts_that_get_nowhere_are_bounded(settings: Settings, store: FitStore, queue: Queue, log: Path) -> None:
    with started("worker", env=environment(settings, max_attempts=2, checkpoint_s=1000), log=log):
        running = Running(settings, store, queue, log)
        fit_id = running.submit(steps=ENDLESS)
        for attempt in (1, 2):
            running.wait_running(fit_id, attempt=attempt)
            running.queue.connection.delete(keys.progress(fit_id))
            child = running.kill_child()
            wait_for(lambda child=child: running.info.child_pid != child, what="another child")  # type: ignore[misc]
        fit = running.wait_ended(fit_id)
        assert fit.status is Status.FAILED
        assert fit.outcome is not None
        assert fit.outcome.error is not None
        assert fit.outcome.error.code == "worker_lost"
        assert "2 times" in fit.outcome.error.message
        assert "SIGKILL" in fit.outcome.error.message
        assert running.wait_ended(running.submit(steps=200)).status is Status.SUCCEEDED


def test_a_worker_that_is_told_to_stop_keeps_what_was_computed(
    settings: Settings, store: FitStore, queue: Queue, log: Path
) -> None:
    env = environment(settings, checkpoint_s=1000, stop_grace_s=60)
    with started("worker", env=env, log=log) as process:
        running = Running(settings, store, queue, log)
        fit_id = running.submit(steps=ENDLESS)
        running.wait_running(fit_id)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
    fit = store.fit(fit_id)
    assert [(end.code, end.counts) for end in fit.ends] == [("interrupted", False)]
    assert fit.outcome is None
    assert waiting(queue) == {fit_id}
    assert store.checkpoint(fit_id) is not None


def test_a_child_that_dies_idle_costs_nothing(running: Running) -> None:
    pid = running.kill_child()
    wait_for(lambda: not alive(pid), what="the child to die")
    fit = running.wait_ended(running.submit(steps=200))
    assert (fit.status, len(fit.attempts)) == (Status.SUCCEEDED, 1)


def test_a_child_that_dies_while_it_gets_ready_is_replaced(settings: Settings, queue: Queue, log: Path) -> None:
    with started("worker", env=environment(settings), log=log) as process:
        first = wait_for(lambda: children(process.pid).get("worker.child"), what="a child")
        kill(first)
        (info,) = wait_for(lambda: workers.live(queue.connection), what="the worker to be ready")
        assert info.pid == process.pid
        assert alive(info.child_pid)
        assert info.child_pid != first
    assert "the computing process did not start: signal 9 (SIGKILL); starting another" in log.read_text()


def test_a_fit_ends_at_its_timeout(running: Running) -> None:
    child = running.info.child_pid
    # Compiled first: compiling cannot be interrupted, and would have to be killed.
    running.wait_ended(running.submit(steps=200))
    fit = running.wait_ended(running.submit(steps=ENDLESS, timeout_s=1))
    assert fit.outcome is not None
    assert fit.outcome.error is not None
    assert (fit.status, fit.outcome.error.code) == (Status.FAILED, "timeout")
    assert running.wait_ended(running.submit(steps=200)).status is Status.SUCCEEDED
    assert running.info.child_pid == child, "the child did not have to be killed"


def test_a_hung_child_is_killed_after_its_timeout(running: Running) -> None:
    fit_id = running.submit(steps=ENDLESS, timeout_s=1)
    wait_for(lambda: running.store.fit(fit_id).attempts, what="the child to get the fit")
    pid = running.kill_child(signal.SIGSTOP)
    fit = running.wait_ended(fit_id)
    assert fit.outcome is not None
    assert fit.outcome.error is not None
    assert fit.outcome.error.code == "timeout"
    assert not alive(pid)
    assert running.wait_ended(running.submit(steps=200)).status is Status.SUCCEEDED


def test_waiting_for_room_does_not_count_against_the_timeout(running: Running) -> None:
    running.wait_ended(running.submit(steps=200))
    fit_id = running.submit(steps=200, timeout_s=10)
    wait_for(lambda: running.info.fit == fit_id, what="the child to get the fit")
    child = running.info.child_pid
    limits = resource.prlimit(child, resource.RLIMIT_FSIZE)
    resource.prlimit(child, resource.RLIMIT_FSIZE, (1, limits[1]))

    def told() -> bool:
        events = [b"".join(fields.values()) for _, fields in running.connection.xrange(keys.events(fit_id))]
        return any(b"wait for room" in event for event in events)

    wait_for(told, what="the results to wait for room")
    (attempt,) = running.store.fit(fit_id).attempts
    late = attempt.started_at + timedelta(seconds=10 + KILL_GRACE_S + 1)
    wait_for(lambda: records.now() > late, what="the timeout, and the moment of grace after it, to be over")
    assert running.store.fit(fit_id).outcome is None
    resource.prlimit(child, resource.RLIMIT_FSIZE, limits)
    fit = running.wait_ended(fit_id)
    assert (fit.status, len(fit.attempts)) == (Status.SUCCEEDED, 1), fit
    assert running.info.child_pid == child


def test_a_running_fit_is_cancelled_and_its_child_stays_warm(running: Running) -> None:
    child = running.info.child_pid
    # Compiled first: between two chunks the child can stop by itself.
    running.wait_ended(running.submit(steps=200))
    fit_id = running.submit(steps=ENDLESS)
    running.wait_running(fit_id)
    running.store.request_cancel(fit_id)
    assert running.store.fit(fit_id).status is Status.CANCELLING
    fit = running.wait_ended(fit_id)
    assert (fit.status, len(fit.attempts)) == (Status.CANCELLED, 1)
    assert fit.outcome is not None
    assert fit.outcome.progress is not None
    assert running.wait_ended(running.submit(steps=200)).status is Status.SUCCEEDED
    assert running.info.child_pid == child


def test_a_child_that_does_not_stop_by_itself_is_killed(running: Running) -> None:
    fit_id = running.submit(steps=ENDLESS)
    wait_for(lambda: running.info.fit == fit_id, what="the child to get the fit")
    # Like a compilation, this cannot be interrupted from within.
    pid = running.kill_child(signal.SIGSTOP)
    running.store.request_cancel(fit_id)
    fit = running.wait_ended(fit_id)
    assert (fit.status, len(fit.attempts)) == (Status.CANCELLED, 1)
    assert not alive(pid)
    assert running.wait_ended(running.submit(steps=200)).status is Status.SUCCEEDED


def test_a_cancelled_fit_that_still_waits_is_not_begun(running: Running) -> None:
    first = running.submit(steps=ENDLESS)
    running.wait_running(first)
    second = running.submit(steps=200)
    running.store.request_cancel(second)
    running.store.request_cancel(first)
    fit = running.wait_ended(second)
    assert (fit.status, fit.attempts) == (Status.CANCELLED, ())


def test_a_child_that_dies_under_a_cancelled_fit_leaves_it_cancelled(running: Running) -> None:
    fit_id = running.submit(steps=ENDLESS)
    wait_for(lambda: running.info.fit == fit_id, what="the child to get the fit")
    running.kill_child(signal.SIGSTOP)
    running.store.request_cancel(fit_id)
    running.kill_child()
    fit = running.wait_ended(fit_id)
    assert (fit.status, len(fit.attempts)) == (Status.CANCELLED, 1)


def test_an_operator_can_stop_a_job(running: Running) -> None:
    fit_id = running.submit(steps=ENDLESS)
    running.wait_running(fit_id)
    send_stop_job_command(running.queue.connection, fit_id, serializer=running.queue.serializer)
    assert running.wait_ended(fit_id).status is Status.CANCELLED
    assert running.wait_ended(running.submit(steps=200)).status is Status.SUCCEEDED


def test_a_changed_model_is_not_fitted(running: Running) -> None:
    fit = running.wait_ended(running.submit(steps=200, code_hash="0" * 64))
    assert fit.outcome is not None
    assert fit.outcome.error is not None
    assert fit.outcome.error.code == "model_changed"


def test_a_fit_for_a_newer_engine_is_left_to_a_newer_worker(running: Running) -> None:
    wanted = running.submit(steps=100, engine_revision=ENGINE_REVISION + 1)
    wait_for(
        lambda: f"Fit {wanted} is for revision {ENGINE_REVISION + 1}" in running.log.read_text(),
        what="the worker to leave it alone",
    )
    # Those after it do not wait for it, and one that no engine was named for is computed.
    after = running.submit(steps=100, engine_revision=None)
    assert running.wait_ended(after).status is Status.SUCCEEDED
    fit = running.store.fit(wanted)
    assert (fit.status, fit.attempts) == (Status.QUEUED, ())
    running.store.cancelled(wanted)


def test_damaged_data_fail_the_fit_and_are_named(running: Running) -> None:
    first = running.submit(steps=2500)
    running.wait_running(first)
    second = running.submit(steps=200)
    path = running.settings.data_dir / "store" / "fits" / second / "data.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    fit = running.wait_ended(second)
    assert fit.outcome is not None
    assert fit.outcome.error is not None
    assert fit.outcome.error.code == "store_error"
    assert "data.safetensors is damaged" in fit.outcome.error.message


def test_jobs_that_are_no_fits_do_no_harm(running: Running) -> None:
    running.queue.enqueue_call("os.getpid", job_id="nonsense", timeout=5)
    running.queue.enqueue_call("os.abort", job_id=new_fit_id(), timeout=5)
    fit = running.wait_ended(running.submit(steps=200))
    assert fit.status is Status.SUCCEEDED
    wait_for(lambda: not running.connection.keys("rq:job:*"), what="the jobs to be gone")


def test_a_decided_fit_is_not_run_again(running: Running) -> None:
    fit_id = running.submit(steps=200)
    before = running.wait_ended(fit_id)
    requeue(running.queue, before.request)
    wait_for(lambda: not waiting(running.queue), what="the queue to be empty")
    running.wait_ended(running.submit(steps=200))
    assert running.store.fit(fit_id) == before


def test_a_worker_that_is_told_to_stop_goes_at_once_when_idle(settings: Settings, log: Path, queue: Queue) -> None:
    with started("worker", env=environment(settings), log=log) as process:
        wait_for(lambda: workers.live(queue.connection), what="the worker")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
    assert workers.live(queue.connection) == []
    assert list((settings.data_dir / "workers").iterdir()) == []


def test_the_hooks_this_stands_on_are_there() -> None:
    """The warm worker overrides parts of RQ that are not promised to stay; its minor version is pinned for that."""
    assert VERSION.startswith("2.12.")
    for name in (
        "bootstrap",
        "execute_job",
        "fork_work_horse",
        "monitor_work_horse",
        "teardown",
        "run_maintenance_tasks",
    ):
        assert callable(getattr(Worker, name))


def test_a_fit_beyond_the_limit_waits_until_another_has_ended(
    settings: Settings, store: FitStore, queue: Queue, log: Path
) -> None:
    """Two workers, one fit of the owner at a time: the second worker takes the fit of someone else first."""
    env = environment(settings, max_running_fits=1)
    with started("worker", env=env, log=log), started("worker", env=env, log=log):
        running = Running(settings, store, queue, log)
        wait_for(lambda: len(workers.live(queue.connection)) == 2, what="two workers")
        first, second = running.submit(steps=ENDLESS), running.submit(steps=200)
        running.wait_running(first)
        wait_for(lambda: queue.connection.hexists(keys.held("cpu"), second), what="the second to be held")
        other = submit_example(store, steps=200, owner="key_other")
        requeue(queue, other)
        assert running.wait_ended(other.id).status is Status.SUCCEEDED
        assert store.fit(second).status is Status.QUEUED
        store.request_cancel(first)
        assert running.wait_ended(second).status is Status.SUCCEEDED
