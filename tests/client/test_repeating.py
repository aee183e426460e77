"""What is sent again and what is not, against a server that misbehaves."""

from pathlib import Path
from typing import Any

import anyio
import pytest

from tacit.client import (
    AsyncClient,
    Client,
    ConflictError,
    LimitError,
    ServerError,
    UnavailableError,
    UnreachableError,
    retrying,
)
from tests.client.faults import cut, faulty, refuse, say

MODELS = {"items": []}
FIT: dict[str, Any] = {
    "id": "fit_1",
    "status": "queued",
    "model": "poisson-rate",
    "version": "1",
    "fingerprint": "f",
    "progress": None,
    "queue_position": 0,
    "created_at": "2026-01-01T00:00:00Z",
    "started_at": None,
    "finished_at": None,
    "attempt": 0,
    "device": "cpu",
    "seed": 1,
    "draws": 10,
    "timeout_s": 60,
    "priority": "normal",
    "inference": {},
    "warnings": [],
    "error": None,
    "tags": [],
    "retried_from": None,
}


@pytest.mark.parametrize("status", [429, 503])
def test_what_is_told_to_come_again_does(status: int) -> None:
    with faulty(refuse(status, "busy", Retry_After="0"), say(200, MODELS)) as server, Client(server.address) as client:
        assert client.models() == []


def test_a_fit_is_asked_for_under_one_key_until_it_is_taken() -> None:
    acts = (cut(), refuse(409, "in_flight", Retry_After="0"), refuse(502, "", Retry_After="0"), say(202, FIT))
    with faulty(*acts) as server, Client(server.address) as client:
        assert client.fit("poisson-rate", {"x": [1]}).id == "fit_1"
    keys = [seen.headers["idempotency-key"] for seen in server.seen]
    assert len(set(keys)) == 1
    assert len(set(seen.body for seen in server.seen)) == 1


def test_each_fit_has_a_key_of_its_own_unless_it_is_given() -> None:
    with faulty(say(202, FIT), say(202, FIT), say(202, FIT)) as server, Client(server.address) as client:
        client.fit("poisson-rate", {"x": [1]})
        client.fit("poisson-rate", {"x": [1]}, fresh=True)
        client.fit("poisson-rate", {"x": [1]}, idempotency_key="mine")
    first, second, third = (seen.headers for seen in server.seen)
    assert first["idempotency-key"] != second["idempotency-key"]
    assert third["idempotency-key"] == "mine"
    assert (first.get("cache-control"), second["cache-control"]) == (None, "no-cache")


def test_a_retry_is_asked_for_under_one_key_until_it_is_taken() -> None:
    acts = (cut(), refuse(409, "in_flight", Retry_After="0"), say(202, {**FIT, "id": "fit_2"}), say(202, FIT))
    with faulty(say(200, FIT), *acts) as server, Client(server.address) as client:
        fit = client.get("fit_1")
        assert fit.retry().id == "fit_2"
        fit.retry(idempotency_key="mine")
    first, second, third, given = (seen.headers["idempotency-key"] for seen in server.seen[1:])
    assert first == second == third != given == "mine"


def test_what_has_no_key_and_may_have_been_heard_is_not_sent_again() -> None:
    with faulty(say(200, FIT), cut()) as server, Client(server.address) as client:
        fit = client.get("fit_1")
        with pytest.raises(UnreachableError, match="No answer from"):
            fit.delete()


def test_an_answer_that_breaks_off_is_asked_for_again() -> None:
    with faulty(cut(after=b'{"items'), say(200, MODELS)) as server, Client(server.address) as client:
        assert client.models() == []


def test_patience_ends() -> None:
    acts = [refuse(503, "unavailable", Retry_After="0")] * 3
    with faulty(*acts) as server, Client(server.address, retries=2) as client, pytest.raises(UnavailableError) as found:
        client.models()
    assert found.value.problem.detail == "Not now."


def test_who_is_told_to_wait_for_an_hour_raises_at_once() -> None:
    act = refuse(429, "too_many_fits", Retry_After="3600")
    with faulty(act) as server, Client(server.address) as client, pytest.raises(LimitError) as found:
        client.fit("poisson-rate", {"x": [1]})
    assert found.value.code == "too_many_fits"


def test_other_conflicts_and_faults_are_not_repeated() -> None:
    acts = refuse(409, "has_ended"), refuse(500, "internal_error")
    with faulty(say(200, FIT), *acts) as server, Client(server.address) as client:
        fit = client.get("fit_1")
        with pytest.raises(ConflictError, match=r"Not now\. \[409 has_ended\]"):
            fit.cancel()
        with pytest.raises(ServerError):
            fit.refresh()


def test_what_is_not_tacit_is_said_to_be_something_else() -> None:
    acts = say(200, b"<html>"), say(404, b"<html>nginx"), say(302, b"", Location="http://elsewhere/")
    with faulty(*acts) as server, Client(server.address) as client:
        with pytest.raises(ServerError, match="is not Tacit"):
            client.models()
        for status in (404, 302):
            with pytest.raises(Exception, match=rf"\[{status}\]"):
                client.models()


def test_nobody_there() -> None:
    with faulty() as server:
        address = server.address
    with Client(address, retries=1) as client, pytest.raises(UnreachableError, match=r"\(2 tries\)"):
        client.models()


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://localhost", ""])
def test_addresses_are_checked(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TACIT_URL", "nonsense")
    with pytest.raises(UnreachableError, match="is no address of a service"):
        Client(url)


def test_address_and_key_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TACIT_API_KEY", "tacit_secret")
    with faulty(say(200, MODELS), say(200, MODELS)) as server:
        monkeypatch.setenv("TACIT_URL", server.address)
        with Client() as client:
            client.models()
        with Client(api_key="tacit_other") as client:
            client.models()
    assert [seen.headers["authorization"] for seen in server.seen] == ["Bearer tacit_secret", "Bearer tacit_other"]


def _event(number: int, kind: str) -> bytes:
    text = f'{{"id": {number}, "type": "{kind}", "at": "2026-01-01T00:00:00Z", "data": {{}}}}'
    return f"id: {number}\nevent: {kind}\ndata: {text}\n\n".encode()


def test_events_go_on_where_they_were_cut_off() -> None:
    half = b"retry: 1000\n\n: still there\n\n" + _event(3, "status") + _event(5, "progress") + b"id: 7\nevent: progr"
    rest = say(200, _event(7, "progress") + _event(8, "terminal"), Content_Type="text/event-stream")
    with faulty(say(200, FIT), cut(after=half), rest) as server, Client(server.address) as client:
        events = list(client.get("fit_1").events(after=2))
    assert [event.id for event in events] == [3, 5, 7, 8]
    assert [seen.headers["last-event-id"] for seen in server.seen[1:]] == ["2", "5"]


def test_events_of_a_fit_that_has_told_all_are_none() -> None:
    async def main(address: str) -> list[object]:
        async with AsyncClient(address) as client:
            fit = await client.get("fit_1")
            return [event async for event in fit.events(after=8)]

    with faulty(say(200, FIT), say(204)) as server:
        assert anyio.run(main, server.address) == []


def test_a_file_that_breaks_off_is_not_left_behind(tmp_path: Path) -> None:
    with faulty(say(200, FIT), cut(after=b"PK")) as server, Client(server.address) as client:
        fit = client.get("fit_1")
        with pytest.raises(UnreachableError, match="cut off"):
            fit.save_posterior(tmp_path / "draws.npz")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("told", "low", "high"),
    [
        ("7", 7, 7),
        ("0", 0, 0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0, 0),
        ("Wed, 21 Oct 2099 07:28:00 GMT", 1e6, 1e10),
        (None, 0.5, 1),
        ("soon", 0.5, 1),
    ],
)
def test_how_long_to_wait(told: str | None, low: float, high: float) -> None:
    assert low <= retrying.pause_s(3, told) <= high
    assert retrying.pause_s(50) <= 8
