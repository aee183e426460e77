"""Fits that were lost are found; nothing else is touched."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest
import redis
from rq import Queue

from tacit.fits import FitStore, Outcome, Status, keys, records, workers
from tacit.fits.workers import WorkerInfo
from tacit.settings import Settings
from tests.fits.builders import accept
from worker.housekeeping import Announcer, Reconciler, Repeating, bury_dead, register
from worker.transport import forget, requeue, waiting
from worker.turns import Turns


def _info(name: str, fit: str | None = None) -> WorkerInfo:
    return WorkerInfo(name=name, host="h", pid=1, child_pid=2, queue="tacit:cpu", device="cpu", fit=fit)


@pytest.fixture
def reconciler(store: FitStore, queue: Queue) -> Reconciler:
    return Reconciler(store, queue, Turns(queue, store, device="cpu", most=1), device="cpu")


def test_what_two_looks_miss_is_queued_again(reconciler: Reconciler, store: FitStore, queue: Queue) -> None:
    lost = accept(store)
    reconciler.run()
    assert waiting(queue) == set()
    reconciler.run()
    assert waiting(queue) == {lost.id}
    reconciler.run()
    reconciler.run()
    assert queue.connection.llen(queue.key) == 1


def test_what_waits_or_runs_or_is_decided_is_left_alone(reconciler: Reconciler, store: FitStore, queue: Queue) -> None:
    waits, runs, decided = accept(store), accept(store), accept(store)
    requeue(queue, waits)
    workers.announce(queue.connection, _info("w", fit=runs.id))
    store.finish(decided.id, Outcome(status=Status.CANCELLED, finished_at=records.now()))
    for _ in range(3):
        reconciler.run()
    assert waiting(queue) == {waits.id}


def test_what_was_lost_and_is_to_be_cancelled_is_not_queued_again(
    reconciler: Reconciler, store: FitStore, queue: Queue
) -> None:
    lost = accept(store)
    store.begin_attempt(store.fit(lost.id), worker="dead", device="cpu")
    store.request_cancel(lost.id)
    reconciler.run_at_start({"dead"})
    assert waiting(queue) == set()
    assert store.fit(lost.id).status is Status.CANCELLED


def test_what_waits_and_is_to_be_cancelled_does_not_wait_for_its_turn(
    reconciler: Reconciler, store: FitStore, queue: Queue
) -> None:
    # As when the API died between the wish and the outcome.
    cancelled, waits = accept(store), accept(store)
    for request in (cancelled, waits):
        requeue(queue, request)
    store.request_cancel(cancelled.id)
    reconciler.run()
    assert store.fit(cancelled.id).status is Status.CANCELLED
    assert store.fit(waits.id).status is Status.QUEUED


def test_other_devices_are_left_alone(reconciler: Reconciler, store: FitStore, queue: Queue) -> None:
    accept(store, device="gpu")
    for _ in range(3):
        reconciler.run()
    assert waiting(queue) == set()


def test_a_damaged_fit_does_not_hide_the_others(
    reconciler: Reconciler, store: FitStore, queue: Queue, settings: Settings
) -> None:
    damaged, lost = accept(store), accept(store)
    (settings.data_dir / "store" / "fits" / damaged.id / "request.json").write_bytes(b"{")
    reconciler.run_at_start({"dead"})
    assert waiting(queue) == {lost.id}


def test_a_lone_worker_finds_everything_at_start(reconciler: Reconciler, store: FitStore, queue: Queue) -> None:
    first, second = accept(store), accept(store)
    store.begin_attempt(store.fit(first.id), worker="unknown", device="cpu")
    reconciler.run_at_start(set())
    assert queue.connection.lrange(queue.key, 0, -1) == sorted([first.id.encode(), second.id.encode()])


def test_beside_others_a_worker_finds_at_start_what_the_dead_had(
    reconciler: Reconciler, store: FitStore, queue: Queue
) -> None:
    of_dead, of_unknown, new = accept(store), accept(store), accept(store)
    store.begin_attempt(store.fit(of_dead.id), worker="dead", device="cpu")
    store.begin_attempt(store.fit(of_unknown.id), worker="unknown", device="cpu")
    workers.announce(queue.connection, _info("other"))
    reconciler.run_at_start({"dead"})
    assert waiting(queue) == {of_dead.id}
    assert new.id not in waiting(queue)


def test_forgetting_leaves_nothing(store: FitStore, queue: Queue, connection: redis.Redis) -> None:
    before = set(connection.keys())
    request = accept(store)
    requeue(queue, request)
    connection.lmove(queue.key, queue.intermediate_queue_key)
    started = {f"{request.id}:execution": 1.0}
    connection.zadd(queue.started_job_registry.key, started)
    connection.set(f"rq:execution:{request.id}:execution", "x")
    forget(queue, request.id)
    assert set(connection.keys()) - before <= {b"rq:queues"}


def test_queueing_twice_is_queueing_once(store: FitStore, queue: Queue) -> None:
    request = accept(store)
    requeue(queue, request)
    requeue(queue, request)
    assert queue.connection.lrange(queue.key, 0, -1) == [request.id.encode()]


def test_an_announcer_says_at_once_what_changes(connection: redis.Redis) -> None:
    announcer = Announcer(connection, _info("w"))
    announcer.start()
    seen: list[str | None] = []
    told = threading.Event()

    def look() -> None:
        seen.extend(info.fit for info in workers.live(connection))
        if "fit" in seen:
            told.set()

    looking = Repeating(look, every_s=0.01, name="look")
    looking.start()
    announcer.update(fit="fit")
    # Far sooner than the next regular announcement.
    assert told.wait(timeout=keys.WORKER_ANNOUNCE_S / 2)
    looking.stop()
    announcer.stop()
    assert workers.live(connection) == []


def test_repeating_goes_on_after_an_error(caplog: pytest.LogCaptureFixture) -> None:
    calls: list[int] = []
    enough = threading.Event()

    def call() -> None:
        calls.append(1)
        if len(calls) == 3:
            enough.set()
        raise redis.ConnectionError("away")

    repeating = Repeating(call, every_s=0.001, name="caller")
    repeating.start()
    assert enough.wait(timeout=5)
    repeating.stop()
    assert [record.getMessage() for record in caplog.records] == ["caller: away; trying again"], "said once"


def test_the_dead_are_told_from_the_living(tmp_path: Path) -> None:
    lock = register(tmp_path, "living")
    program = (
        "import sys, os, signal, pathlib; from worker.housekeeping import register;"
        "lock = register(pathlib.Path(sys.argv[1]), 'dead'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False)
    assert bury_dead(tmp_path) == {"dead"}
    assert bury_dead(tmp_path) == set()
    lock.release(remove=True)
