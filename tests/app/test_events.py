"""What happens to a fit can be followed, and missed by nobody."""

import functools
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from app.main import create_app
from tacit.embedded_redis import EmbeddedRedis
from tacit.fits import FitStore, LocalBlobs, ProgressRecord, connections, keys
from tacit.fits.events import EventLog
from tacit.settings import Settings
from tests.app.bodies import EIGHT_SCHOOLS, fail, succeed
from tests.app.client import Client, open_client
from tests.running import wait_for


@pytest.fixture
def log(connection: redis.Redis) -> EventLog:
    return EventLog(connection)


@pytest.fixture
def worker_store(settings: Settings, log: EventLog) -> FitStore:
    """The store as a worker has it: it announces what it writes."""
    return FitStore(LocalBlobs(settings.data_dir / "store"), changed=log.changed)


@pytest.fixture
def fit_id(client: Client) -> str:
    return str(client.post("/v1/fits", json=EIGHT_SCHOOLS).json()["id"])


def _progress(step: int) -> ProgressRecord:
    return ProgressRecord(step=step, total=100, loss_gen=1.5)


def _page(client: Client, fit_id: str, **query: Any) -> tuple[list[dict[str, Any]], int | None]:
    answer = client.get(f"/v1/fits/{fit_id}/events", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()["items"], answer.json()["next_cursor"]


def _told(items: list[dict[str, Any]]) -> list[str]:
    return [item["data"].get("status") or str(item["data"].get("step") or item["type"]) for item in items]


def _stream(client: Client, fit_id: str, after: int | None = None) -> list[dict[str, Any]]:
    """All of a stream, until the service ends it."""
    headers = {"accept": "text/event-stream"} | ({} if after is None else {"last-event-id": str(after)})
    answer = client.get(f"/v1/fits/{fit_id}/events", headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/event-stream")
    messages = [dict(line.split(": ", 1) for line in block.splitlines()) for block in answer.text.split("\n\n")]
    events = [json.loads(message["data"]) for message in messages if "data" in message]
    for message, event in zip((each for each in messages if "data" in each), events, strict=True):
        assert (message["id"], message["event"]) == (str(event["id"]), event["type"])
    return events


def _live(store: FitStore, log: EventLog, fit_id: str) -> None:
    """A life with two attempts."""
    store.begin_attempt(store.fit(fit_id), worker="w", device="cpu")
    log.progress(store, fit_id, _progress(25))
    store.end_attempt(fit_id, 1, code="worker_died", message="It died.", counts=True)
    store.begin_attempt(store.fit(fit_id), worker="w", device="cpu")
    for step in (50, 75):
        log.progress(store, fit_id, _progress(step))


LIFE = ["queued", "running", "25", "log", "running", "50", "75"]


def test_pages_tell_all_in_order(client: Client, worker_store: FitStore, log: EventLog, fit_id: str) -> None:
    _live(worker_store, log, fit_id)
    items, cursor = _page(client, fit_id)
    assert _told(items) == LIFE
    ids = [item["id"] for item in items]
    assert ids == sorted(set(ids))
    assert cursor == ids[-1], "more will come"
    assert _page(client, fit_id, cursor=cursor) == ([], cursor)
    fail(worker_store, fit_id)
    items, cursor = _page(client, fit_id, cursor=cursor)
    assert (_told(items), cursor) == (["running", "failed"], None)
    assert items[-1]["type"] == "terminal"
    assert items[-1]["data"]["error"]["code"] == "diverged"


def test_small_pages_hold_every_event_once(client: Client, worker_store: FitStore, log: EventLog, fit_id: str) -> None:
    _live(worker_store, log, fit_id)
    worker_store.cancelled(fit_id)
    seen: list[dict[str, Any]] = []
    cursor: int | None = 0
    while cursor is not None:
        items, cursor = _page(client, fit_id, cursor=cursor, limit=3)
        seen += items
    assert _told(seen) == [*LIFE, "cancelled"]


def test_a_stream_tells_what_happens_until_the_end(
    client: Client, worker_store: FitStore, log: EventLog, fit_id: str
) -> None:
    found: list[list[dict[str, Any]]] = []
    follower = threading.Thread(target=lambda: found.append(_stream(client, fit_id)))
    follower.start()
    wait_for(lambda: client.app.state.service.signals.is_watched(fit_id), what="the stream")
    _live(worker_store, log, fit_id)
    worker_store.request_cancel(fit_id)
    worker_store.cancelled(fit_id)
    follower.join(timeout=60)
    (events,) = found
    assert _told(events) == [*LIFE, "cancelling", "cancelled"]
    # Whoever comes back goes on where it was, and at the end is told not to.
    assert _told(_stream(client, fit_id, after=events[4]["id"])) == ["50", "75", "cancelling", "cancelled"]
    headers = {"accept": "text/event-stream", "last-event-id": str(events[-1]["id"])}
    assert client.get(f"/v1/fits/{fit_id}/events", headers=headers).status_code == 204


def test_statuses_are_told_again_after_a_wipe_and_to_nobody_twice(
    client: Client, worker_store: FitStore, log: EventLog, connection: redis.Redis, fit_id: str
) -> None:
    _live(worker_store, log, fit_id)
    items, cursor = _page(client, fit_id)
    connection.flushdb()
    log.progress(worker_store, fit_id, _progress(100))
    succeed(worker_store, fit_id)
    again, _ = _page(client, fit_id, cursor=cursor)
    assert _told(again) == ["100", "running", "succeeded"]
    whole, _ = _page(client, fit_id)
    assert _told(whole) == ["queued", "running", "log", "running", "100", "running", "succeeded"]
    assert [item["id"] for item in whole] == sorted(item["id"] for item in whole)
    assert items[-1]["id"] < again[0]["id"]


def test_nothing_is_told_after_the_end(client: Client, worker_store: FitStore, log: EventLog, fit_id: str) -> None:
    succeed(worker_store, fit_id)
    log.progress(worker_store, fit_id, _progress(100))
    log.line(worker_store, fit_id, "late")
    worker_store.request_cancel(fit_id)
    assert _told(_page(client, fit_id)[0]) == ["queued", "running", "succeeded"]


def test_a_deleted_fit_ends_its_streams(settings: Settings, worker_store: FitStore) -> None:
    app = create_app(settings)
    with open_client(app) as client:
        fit_id = client.post("/v1/fits", json=EIGHT_SCHOOLS).json()["id"]
        found: list[list[dict[str, Any]]] = []
        follower = threading.Thread(target=lambda: found.append(_stream(client, fit_id)))
        follower.start()
        wait_for(lambda: app.state.service.signals.is_watched(fit_id), what="the stream")
        worker_store.delete(fit_id)
        follower.join(timeout=60)
    assert len(found) == 1, "it has ended well"


def test_a_silent_stream_says_that_it_lives(settings: Settings) -> None:
    with open_client(create_app(settings.model_copy(update={"heartbeat_s": 0.01}))) as client:
        fit_id = client.post("/v1/fits", json=EIGHT_SCHOOLS).json()["id"]
        texts: list[str] = []
        path, headers = f"/v1/fits/{fit_id}/events", {"accept": "text/event-stream"}
        follower = threading.Thread(target=lambda: texts.append(client.get(path, headers=headers).text))
        follower.start()
        wait_for(lambda: client.app.state.service.signals.is_watched(fit_id), what="the stream")
        assert client.get(f"/v1/fits/{fit_id}?wait=0.2").json()["status"] == "queued"
        client.post(f"/v1/fits/{fit_id}/cancel")
        follower.join(timeout=60)
    assert "\n\n: still there\n\n" in texts[0]


@pytest.mark.parametrize(
    ("query", "headers", "pointer"),
    [
        ("cursor=x", {}, "?cursor"),
        ("cursor=-1", {}, "?cursor"),
        ("limit=0", {}, "?limit"),
        ("", {"last-event-id": "x"}, "last-event-id:"),
        ("", {"last-event-id": str(2**60)}, "last-event-id:"),
    ],
)
def test_places_that_do_not_fit(client: Client, fit_id: str, query: str, headers: dict[str, str], pointer: str) -> None:
    answer = client.get(f"/v1/fits/{fit_id}/events?{query}", headers=headers)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)


def test_no_fit_has_no_events(client: Client) -> None:
    assert client.get(f"/v1/fits/{'fit_' + '0' * 36}/events").status_code == 404


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[EmbeddedRedis]:
    server = EmbeddedRedis(tmp_path / "own")
    server.start()
    yield server
    server.stop()


def test_who_waits_hears_of_an_end_during_an_outage(
    settings: Settings, store: FitStore, own_server: EmbeddedRedis
) -> None:
    app = create_app(settings.model_copy(update={"redis_url": own_server.url}))
    with open_client(app) as client:
        waited, followed = (client.post("/v1/fits", json=EIGHT_SCHOOLS).json()["id"] for _ in range(2))
        fits: list[dict[str, Any]] = []
        streams: list[list[dict[str, Any]]] = []
        waiting = threading.Thread(target=lambda: fits.append(client.get(f"/v1/fits/{waited}?wait=60").json()))
        following = threading.Thread(target=lambda: streams.append(_stream(client, followed)))
        for thread, fit_id in ((waiting, waited), (following, followed)):
            thread.start()
            wait_for(functools.partial(app.state.service.signals.is_watched, fit_id), what="who waits")
        own_server.stop()
        assert client.get(f"/v1/fits/{followed}/events").status_code == 503
        # Announced to nobody: this store tells no one.
        for fit_id in (waited, followed):
            fail(store, fit_id)
        own_server.start()
        for thread in (waiting, following):
            thread.join(timeout=60)
    assert [fit["status"] for fit in fits] == ["failed"]
    assert [_told(events)[-1] for events in streams] == ["failed"]


def test_a_thousand_wait_at_one_subscription(client: Client, worker_store: FitStore, settings: Settings) -> None:
    ids = [client.post("/v1/fits", json=EIGHT_SCHOOLS).json()["id"] for _ in range(4)]
    answers = client.gather(
        [f"/v1/fits/{fit_id}?wait=60" for fit_id in ids * 250], then=lambda: _end(worker_store, ids)
    )
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.json()["status"] for answer in answers} == {"cancelled"}
    assert settings.redis_url is not None
    with connections.quick(settings.redis_url) as connection:
        assert connection.pubsub_numsub(keys.SIGNALS) == [(keys.SIGNALS.encode(), 1)]


def _end(store: FitStore, ids: list[str]) -> None:
    for fit_id in ids:
        store.cancelled(fit_id)
