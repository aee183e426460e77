import json
import zlib

import pytest
import redis

from app.main import create_app
from tacit.fits import FitStore, ProgressRecord, is_fit_id, keys, progress
from tacit.settings import Settings
from tests.app.bodies import EIGHT_SCHOOLS, fail, succeed
from tests.app.client import Client, open_client


def test_a_fit_is_stored_before_it_is_accepted(client: Client, store: FitStore) -> None:
    answer = client.post("/v1/fits", json={**EIGHT_SCHOOLS, "seed": 3, "draws": 50, "tags": ["nightly"]})
    assert answer.status_code == 202
    fit = answer.json()
    assert is_fit_id(fit["id"])
    assert answer.headers["location"] == f"/v1/fits/{fit['id']}"
    assert int(answer.headers["retry-after"]) > 0
    request = store.fit(fit["id"]).request
    assert (request.model, request.seed, request.draws, request.tags) == ("eight-schools", 3, 50, ("nightly",))
    assert store.data(request)["y"].tolist() == EIGHT_SCHOOLS["data"]["y"]
    assert store.open_fits() == [fit["id"]]


def test_only_the_id_travels_and_as_json(client: Client, connection: redis.Redis) -> None:
    fit_id = client.post("/v1/fits", json=EIGHT_SCHOOLS).json()["id"]
    assert connection.lrange(keys.queue_list("cpu"), 0, -1) == [fit_id.encode()]
    job = connection.hgetall(f"rq:job:{fit_id}")
    assert json.loads(zlib.decompress(job[b"data"])) == ["worker.jobs.run_fit", None, [fit_id], {}]


def test_a_waiting_fit_tells_its_place(client: Client) -> None:
    first, second = (client.post("/v1/fits", json=EIGHT_SCHOOLS).json()["id"] for _ in range(2))
    fit = client.get(f"/v1/fits/{second}").json()
    assert (fit["status"], fit["queue_position"], fit["attempt"]) == ("queued", 1, 0)
    assert client.get(f"/v1/fits/{first}").json()["queue_position"] == 0


def test_a_running_fit_tells_its_progress(client: Client, store: FitStore, connection: redis.Redis) -> None:
    fit_id = client.post("/v1/fits", json=EIGHT_SCHOOLS).json()["id"]
    store.begin_attempt(store.fit(fit_id), worker="w", device="cpu")
    shown = ProgressRecord(step=10, total=100, loss_gen=1.5, steps_per_s=50.0, eta_s=1.8)
    progress.publish(connection, fit_id, shown)
    fit = client.get(f"/v1/fits/{fit_id}").json()
    assert (fit["status"], fit["attempt"], fit["device"]) == ("running", 1, "cpu")
    assert fit["progress"] == shown.model_dump()


def test_an_ended_fit_needs_no_redis(client: Client, store: FitStore, connection: redis.Redis) -> None:
    done, broken = (client.post("/v1/fits", json=EIGHT_SCHOOLS).json()["id"] for _ in range(2))
    succeed(store, done)
    fail(store, broken)
    connection.flushdb()
    fit = client.get(f"/v1/fits/{done}").json()
    assert (fit["status"], fit["error"], fit["queue_position"]) == ("succeeded", None, None)
    assert fit["finished_at"] >= fit["started_at"] >= fit["created_at"]
    answer = client.get(f"/v1/fits/{broken}")
    assert answer.status_code == 200
    assert answer.json()["status"] == "failed"
    assert answer.json()["error"] == {"code": "diverged", "message": "Steps stayed non-finite."}


def test_a_seed_is_drawn_when_none_is_given(client: Client) -> None:
    seeds = {client.post("/v1/fits", json=EIGHT_SCHOOLS).json()["seed"] for _ in range(4)}
    assert len(seeds) == 4
    assert client.post("/v1/fits", json={**EIGHT_SCHOOLS, "seed": 2**32 - 1}).json()["seed"] == 2**32 - 1


def test_the_fingerprint_knows_what_is_the_same(client: Client) -> None:
    first = client.post("/v1/fits", json={**EIGHT_SCHOOLS, "seed": 1}).json()
    body = {**EIGHT_SCHOOLS, "model": "eight-schools@1", "seed": 1, "tags": ["x"]}
    same = client.post("/v1/fits", json=body, headers={"cache-control": "no-cache"}).json()
    other = client.post("/v1/fits", json={**EIGHT_SCHOOLS, "seed": 2}).json()
    assert first["id"] != same["id"]
    assert first["fingerprint"] == same["fingerprint"] != other["fingerprint"]


def test_options_are_resolved_when_the_fit_is_accepted(client: Client) -> None:
    schema = client.get("/v1/models/eight-schools").json()["options_schema"]
    fit = client.post("/v1/fits", json=EIGHT_SCHOOLS).json()
    assert set(fit["inference"]) == set(fit["resolved_inference"]) == set(schema["properties"])
    assert fit["inference"]["steps"] is None
    assert (fit["resolved_inference"]["steps"], fit["resolved_inference"]["objective"]) == (12_000, "reverse")
    given = client.post("/v1/fits", json={**EIGHT_SCHOOLS, "inference": {"steps": 300}}).json()
    assert (given["inference"]["steps"], given["resolved_inference"]["steps"]) == (300, 300)
    assert client.get(f"/v1/fits/{given['id']}").json()["resolved_inference"] == given["resolved_inference"]


def test_reading_works_without_redis_and_posting_says_so(settings: Settings, store: FitStore) -> None:
    away = settings.model_copy(update={"redis_url": "unix:///nowhere/redis.sock"})
    with open_client(create_app(settings)) as client:
        fit_id = client.post("/v1/fits", json=EIGHT_SCHOOLS).json()["id"]
    with open_client(create_app(away)) as client:
        fit = client.get(f"/v1/fits/{fit_id}")
        assert (fit.status_code, fit.json()["status"]) == (200, "queued")
        refused = client.post("/v1/fits", json=EIGHT_SCHOOLS)
        assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
        assert int(refused.headers["retry-after"]) > 0
    assert store.open_fits() == [fit_id]


def test_waiting_ends_in_time_and_with_the_fit(client: Client, store: FitStore) -> None:
    fit_id = client.post("/v1/fits", json=EIGHT_SCHOOLS).json()["id"]
    assert client.get(f"/v1/fits/{fit_id}?wait=0.01").json()["status"] == "queued"
    fail(store, fit_id)
    assert client.get(f"/v1/fits/{fit_id}?wait=60").json()["status"] == "failed"
    assert client.get(f"/v1/fits/{'fit_' + '0' * 36}?wait=60").status_code == 404
    assert client.get("/v1/fits/nothing?wait=60").status_code == 404


@pytest.mark.parametrize("query", ["wait=-1", "wait=61", "wait=nan", "wait=soon", "await=1"])
def test_waits_that_do_not_fit(client: Client, query: str) -> None:
    answer = client.get(f"/v1/fits/{'fit_' + '0' * 36}?{query}")
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, f"?{query.partition('=')[0]}")


def test_the_data_of_a_fit_can_be_posted_again(client: Client) -> None:
    body = {"model": "poisson-regression", "data": {"x": [[1, 0.5], [1, -0.25], [1, 2]], "y": [2, 0, 5]}, "seed": 3}
    fit = client.post("/v1/fits", json=body).json()
    answer = client.get(f"/v1/fits/{fit['id']}/data")
    assert (answer.status_code, answer.json()["fit"]) == (200, fit["id"])
    data = answer.json()["data"]
    assert {name: (array["dtype"], array["shape"]) for name, array in data.items()} == {
        "x": ("float32", [3, 2]),
        "y": ("int32", [3]),
    }
    again = client.post("/v1/fits", json={**body, "data": data})
    assert (again.json()["id"], again.headers["fit-cache"]) == (fit["id"], "coalesced")
