from pathlib import Path

import httpx
import numpy as np
import pytest
import redis

from app.main import create_app
from tacit.fits import FitStore, keys
from tacit.settings import Settings
from tests.app.bodies import EIGHT_SCHOOLS, fail, succeed
from tests.app.client import Client, open_client


@pytest.fixture
def fit_id(client: Client) -> str:
    return str(client.post("/v1/fits", json={**EIGHT_SCHOOLS, "seed": 5, "draws": 7, "tags": ["a"]}).json()["id"])


def _folder(settings: Settings, fit_id: str) -> Path:
    return settings.data_dir / "store" / "fits" / fit_id


def test_a_failed_fit_is_done_again_as_a_new_one(
    client: Client, store: FitStore, connection: redis.Redis, fit_id: str
) -> None:
    failed = fail(store, fit_id)
    answer = client.post(f"/v1/fits/{fit_id}/retry")
    assert answer.status_code == 202, answer.text
    again = answer.json()
    assert again["id"] > fit_id
    assert answer.headers["location"] == f"/v1/fits/{again['id']}"
    assert int(answer.headers["retry-after"]) > 0
    assert (again["status"], again["attempt"], again["retried_from"]) == ("queued", 0, fit_id)
    assert connection.lrange(keys.queue_list("cpu"), 0, -1)[-1] == again["id"].encode()
    request = store.fit(again["id"]).request
    changed = {name for name, value in request if value != getattr(failed.request, name)}
    assert changed == {"id", "created_at", "retried_from"}
    assert store.data(request)["y"].tolist() == EIGHT_SCHOOLS["data"]["y"]
    assert store.fit(fit_id) == failed
    assert client.get(f"/v1/fits/{fit_id}").json()["retried_from"] is None


def test_a_retry_goes_on_from_the_last_checkpoint(client: Client, store: FitStore, fit_id: str) -> None:
    store.put_checkpoint(fit_id, 1, 125, {"state": np.arange(3.0)})
    assert client.post(f"/v1/fits/{fit_id}/cancel").status_code == 202
    again = client.post(f"/v1/fits/{fit_id}/retry").json()["id"]
    # It is its own from then on.
    assert client.delete(f"/v1/fits/{fit_id}").status_code == 204
    found = store.checkpoint(again)
    assert found is not None
    np.testing.assert_array_equal(found["state"], np.arange(3.0))
    store.put_checkpoint(again, 1, 25, {"state": np.zeros(3)})
    newer = store.checkpoint(again)
    assert newer is not None
    assert newer["state"].tolist() == [0.0, 0.0, 0.0]


def test_a_retry_that_is_sent_twice_under_a_key_is_one_fit(client: Client, store: FitStore, fit_id: str) -> None:
    fail(store, fit_id)

    def retry(fit: str, **headers: str) -> httpx.Response:
        return client.post(f"/v1/fits/{fit}/retry", headers=headers)

    key = {"idempotency-key": "k1"}
    first, again = retry(fit_id, **key), retry(fit_id, **key)
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json()["retried_from"] == fit_id
    assert again.json() == first.json()
    assert len(store.fit_ids()) == 2
    # Another fit's retry, and a request for a fit, are other requests.
    fail(store, first.json()["id"])
    refused = [retry(first.json()["id"], **key), client.post("/v1/fits", json=EIGHT_SCHOOLS, headers=key)]
    assert [(answer.status_code, answer.json()["code"]) for answer in refused] == [(422, "idempotency_key_reused")] * 2
    others = {retry(fit_id, **{"idempotency-key": "k2"}).json()["id"], retry(fit_id).json()["id"]}
    assert len(others | {fit_id, first.json()["id"]}) == len(store.fit_ids()) == 4


def test_what_cannot_be_retried(client: Client, store: FitStore, settings: Settings, fit_id: str) -> None:
    def code() -> tuple[int, str]:
        answer = client.post(f"/v1/fits/{fit_id}/retry")
        return answer.status_code, answer.json()["code"]

    assert code() == (409, "not_finished")
    succeed(store, fit_id)
    assert code() == (409, "conflict")
    assert client.post("/v1/fits/nothing/retry").status_code == 404
    assert store.fit_ids() == [fit_id]


def test_a_model_that_has_changed_is_not_retried(
    client: Client, store: FitStore, settings: Settings, fit_id: str
) -> None:
    request = store.fit(fit_id).request.model_copy(update={"code_hash": "0" * 64})
    (_folder(settings, fit_id) / "request.json").write_bytes(request.to_bytes())
    fail(store, fit_id)
    answer = client.post(f"/v1/fits/{fit_id}/retry")
    assert (answer.status_code, answer.json()["code"]) == (409, "model_changed")


def test_a_retry_is_refused_while_redis_is_away(settings: Settings, store: FitStore, client: Client) -> None:
    fit_id = client.post("/v1/fits", json=EIGHT_SCHOOLS).json()["id"]
    fail(store, fit_id)
    away = settings.model_copy(update={"redis_url": "unix:///nowhere/redis.sock"})
    with open_client(create_app(away)) as alone:
        assert alone.post(f"/v1/fits/{fit_id}/retry").status_code == 503
    assert store.fit_ids() == [fit_id]


def test_a_deleted_fit_leaves_nothing(
    client: Client, store: FitStore, settings: Settings, connection: redis.Redis
) -> None:
    before = set(connection.keys())
    fit_id = client.post("/v1/fits", json=EIGHT_SCHOOLS).json()["id"]
    succeed(store, fit_id)
    answer = client.delete(f"/v1/fits/{fit_id}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert not _folder(settings, fit_id).exists()
    assert set(connection.keys()) - before <= {b"rq:queues"}
    assert client.get("/v1/fits").json()["items"] == []
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/posterior"), ("POST", "/cancel"), ("POST", "/retry")):
        assert client.request(method, f"/v1/fits/{fit_id}{path}").status_code == 404


def test_what_has_not_ended_is_not_deleted(client: Client, store: FitStore, fit_id: str) -> None:
    answer = client.delete(f"/v1/fits/{fit_id}")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_finished")
    store.begin_attempt(store.fit(fit_id), worker="w", device="cpu")
    assert client.delete(f"/v1/fits/{fit_id}").status_code == 409
    assert client.get(f"/v1/fits/{fit_id}").json()["status"] == "running"
