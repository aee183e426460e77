"""A full disk is waited for."""

import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import redis
from rq import Queue

from model_registry import load_registry
from tacit.errors import UnavailableError
from tacit.fits import FitStore, keys
from tacit.fits.events import EventLog
from tacit.settings import Settings
from tests.fits.builders import accept
from tests.worker.requests import submit_example
from worker import jobs, patience
from worker.housekeeping import Announcer
from worker.main import _info
from worker.turns import Turns
from worker.warm import WarmWorker


@contextmanager
def _full() -> Iterator[threading.Event]:
    """The kernel lets no file grow beyond a few bytes, until the event is set."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    over = threading.Event()

    def lift() -> None:
        over.wait(timeout=60)
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    lifting = threading.Thread(target=lift)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, hard))
    lifting.start()
    try:
        yield over
    finally:
        over.set()
        lifting.join()


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "_AGAIN_S", 0.01)


@pytest.fixture
def worker(settings: Settings, store: FitStore, queue: Queue, connection: redis.Redis) -> WarmWorker:
    announcer = Announcer(connection, _info(settings, "w"))
    turns = Turns(queue, store, device="cpu", most=1)
    return WarmWorker(
        settings, store=store, queue=queue, connection=connection, announcer=announcer, turns=turns, name="w"
    )


def test_results_wait_for_room_and_say_so(store: FitStore, connection: redis.Redis) -> None:
    said: list[str] = []

    class Watched(EventLog):
        def line(self, store: FitStore, fit_id: str, message: str) -> None:
            super().line(store, fit_id, message)
            said.append(message)
            over.set()

    tools = jobs.Tools(
        store=store, registry=load_registry(), progress=connection, events=Watched(connection), checkpoint_s=0.0
    )
    request = submit_example(store, steps=200)
    with _full() as over:
        made = jobs._store(tools, request.id, lambda: store.put_artefact(request.id, 1, "a", b"x" * 100))
    assert made.size == 100
    assert len(said) == 1
    assert "cannot write" in said[0]
    assert any(b"wait for room" in value for _, fields in _events(connection, request.id) for value in fields.values())


def _events(connection: redis.Redis, fit_id: str) -> list[tuple[bytes, dict[bytes, bytes]]]:
    found: list[tuple[bytes, dict[bytes, bytes]]] = connection.xrange(keys.events(fit_id))  # type: ignore[assignment]
    return found


def test_a_worker_that_stops_does_not_wait(store: FitStore, connection: redis.Redis) -> None:
    tools = jobs.Tools(
        store=store, registry=load_registry(), progress=connection, events=EventLog(connection), checkpoint_s=0.0
    )
    tools.stopping.set()
    request = accept(store)
    with _full(), pytest.raises(UnavailableError, match="cannot write"):
        jobs._store(tools, request.id, lambda: store.put_artefact(request.id, 1, "a", b"x" * 100))


def test_attempts_that_end_while_the_disk_is_full_do_not_count(
    worker: WarmWorker, store: FitStore, caplog: pytest.LogCaptureFixture
) -> None:
    request = accept(store)
    for number in (1, 2, 3):
        attempt = store.begin_attempt(store.fit(request.id), worker="w", device="cpu")
        assert attempt is not None
        with _full() as over:
            lifting = threading.Timer(0.2, over.set)
            lifting.start()
            worker._note(request.id, attempt, "job_broken", "It broke.")
            lifting.join()
        assert len(store.fit(request.id).ends) == number
    assert store.fit(request.id).spent_attempts() == 0
    assert sum("waiting for the store" in each.getMessage() for each in caplog.records) == 3
    attempt = store.begin_attempt(store.fit(request.id), worker="w", device="cpu")
    assert attempt is not None
    worker._note(request.id, attempt, "job_broken", "It broke.")
    assert store.fit(request.id).spent_attempts() == 1
