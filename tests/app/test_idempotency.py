"""A request that is sent twice under one key counts once."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from app.main import create_app
from tacit.fits import FitStore, idempotency, new_fit_id
from tacit.settings import Settings
from tests.app.bodies import EIGHT_SCHOOLS, fail, succeed
from tests.app.client import Client, open_client


def _post(client: Client, key: str = "k1", **changes: Any) -> httpx.Response:
    return client.post("/v1/fits", json={**EIGHT_SCHOOLS, **changes}, headers={"idempotency-key": key})


def test_the_same_key_and_body_is_one_fit(client: Client, store: FitStore) -> None:
    # Without a seed: another request would be another fit.
    first, again = _post(client), _post(client)
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.json() == first.json()
    for name in ("location", "fit-cache", "retry-after"):
        assert again.headers[name] == first.headers[name]
    assert _post(client, key="k2").json()["id"] != first.json()["id"]
    fail(store, first.json()["id"])
    assert _post(client).json()["status"] == "failed", "it is the same fit, as it stands now"


def test_another_body_under_the_key_is_refused(client: Client, store: FitStore) -> None:
    fit_id = _post(client).json()["id"]
    answer = _post(client, seed=5)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert answer.json()["errors"][0]["pointer"] == "idempotency-key:"
    assert store.fit_ids() == [fit_id]


def test_an_answer_by_a_twin_is_repeated(client: Client, store: FitStore) -> None:
    succeed(store, _post(client, key="k1", seed=1).json()["id"])
    for _ in range(2):
        answer = _post(client, key="k2", seed=1)
        assert (answer.status_code, answer.headers["fit-cache"]) == (200, "hit")


def _begin(store: FitStore, body: bytes, fit_id: str) -> idempotency.Claim | idempotency.Answer:
    return store.idempotency.begin("k1", scope="shared", request=body, fit_id=fit_id, stored=store.exists)


def test_while_the_first_is_worked_on_the_second_is_told_to_wait(
    client: Client, store: FitStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = client.post("/v1/fits", json=EIGHT_SCHOOLS).request.content
    claim = _begin(store, sent, new_fit_id())
    answer = _post(client)
    assert (answer.status_code, answer.json()["code"]) == (409, "in_flight")
    assert int(answer.headers["retry-after"]) > 0
    # Who died over it holds nobody up for long.
    monkeypatch.setattr(idempotency, "IN_FLIGHT", timedelta(0))
    assert _post(client).status_code == 202
    assert isinstance(claim, idempotency.Claim)


def test_who_died_after_storing_the_fit_is_answered_for(client: Client, store: FitStore) -> None:
    posted = client.post("/v1/fits", json=EIGHT_SCHOOLS)
    _begin(store, posted.request.content, posted.json()["id"])
    answer = _post(client)
    assert (answer.status_code, answer.json()["id"]) == (202, posted.json()["id"])


def test_what_was_refused_may_be_sent_again(settings: Settings, client: Client) -> None:
    away = settings.model_copy(update={"redis_url": "unix:///nowhere/redis.sock"})
    with open_client(create_app(away)) as alone:
        assert _post(alone).status_code == 503
    assert _post(client, draws=0).status_code == 422
    assert _post(client).status_code == 202


def test_a_request_that_could_not_be_stored_gives_its_key_back(store: FitStore) -> None:
    claim = _begin(store, b"{}", new_fit_id())
    assert isinstance(claim, idempotency.Claim)
    store.idempotency.abandon(claim)
    assert isinstance(_begin(store, b"{}", new_fit_id()), idempotency.Claim)


def test_keys_are_forgotten_after_a_day(client: Client, store: FitStore, monkeypatch: pytest.MonkeyPatch) -> None:
    first = _post(client).json()["id"]
    assert store.idempotency.expire() == 0
    monkeypatch.setattr(idempotency, "KEPT", timedelta(seconds=-1))
    assert store.idempotency.expire() == 1
    assert _post(client).json()["id"] != first


@pytest.mark.parametrize("key", ["", "x" * 256, "two words", "tab\t"])
def test_keys_that_do_not_fit(client: Client, key: str) -> None:
    answer = _post(client, key=key)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "idempotency-key:")


def test_a_preference_holds_the_answer_until_the_fit_has_ended(client: Client, store: FitStore) -> None:
    held = client.post("/v1/fits", json={**EIGHT_SCHOOLS, "seed": 1}, headers={"prefer": "respond-async, wait=1"})
    assert (held.status_code, held.headers["preference-applied"]) == (202, "wait=1")
    succeed(store, held.json()["id"])
    answer = client.post("/v1/fits", json={**EIGHT_SCHOOLS, "seed": 1}, headers={"prefer": "wait=60"})
    assert (answer.status_code, answer.json()["status"]) == (200, "succeeded")
    assert "preference-applied" not in answer.headers


@pytest.mark.parametrize("prefer", ["wait=soon", "wait=-1", "wait=", "return=minimal", "wait=9999999"])
def test_a_preference_that_cannot_be_understood_is_ignored(client: Client, prefer: str) -> None:
    answer = client.post("/v1/fits", json=EIGHT_SCHOOLS, headers={"prefer": prefer})
    assert answer.status_code == 202
    assert "preference-applied" not in answer.headers
