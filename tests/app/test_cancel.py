import redis

from app.main import create_app
from tacit.fits import FitStore, Status, keys, workers
from tacit.fits.workers import WorkerInfo
from tacit.settings import Settings
from tests.app.bodies import EIGHT_SCHOOLS, fail, succeed
from tests.app.client import Client, open_client

_WORKER = WorkerInfo(name="w", host="h", pid=1, child_pid=2, queue="tacit:cpu", device="cpu")


def _post(client: Client) -> str:
    return str(client.post("/v1/fits", json=EIGHT_SCHOOLS).json()["id"])


def test_a_waiting_fit_is_cancelled_at_once(client: Client, store: FitStore, connection: redis.Redis) -> None:
    before, fit_id, after = (_post(client) for _ in range(3))
    answer = client.post(f"/v1/fits/{fit_id}/cancel")
    assert (answer.status_code, answer.json()["status"]) == (202, "cancelled"), answer.text
    assert answer.json()["finished_at"]
    assert store.open_fits() == sorted([before, after])
    assert connection.lrange(keys.queue_list("cpu"), 0, -1) == [before.encode(), after.encode()]
    assert not connection.exists(f"rq:job:{fit_id}")


def test_cancelling_twice_is_cancelling_once(client: Client) -> None:
    fit_id = _post(client)
    first = client.post(f"/v1/fits/{fit_id}/cancel").json()
    again = client.post(f"/v1/fits/{fit_id}/cancel")
    assert (again.status_code, again.json()) == (200, first)


def test_a_running_fit_is_left_to_its_worker(client: Client, store: FitStore, connection: redis.Redis) -> None:
    fit_id = _post(client)
    workers.announce(connection, _WORKER)
    store.begin_attempt(store.fit(fit_id), worker="w", device="cpu")
    for _ in range(2):
        answer = client.post(f"/v1/fits/{fit_id}/cancel")
        assert (answer.status_code, answer.json()["status"]) == (202, "cancelling")
    assert store.cancel_requested(fit_id)
    assert store.fit(fit_id).outcome is None
    store.cancelled(fit_id, attempt=1)
    assert client.get(f"/v1/fits/{fit_id}").json()["status"] == "cancelled"


def test_a_fit_whose_worker_is_gone_is_cancelled_at_once(
    client: Client, store: FitStore, connection: redis.Redis
) -> None:
    lost, put_back = _post(client), _post(client)
    workers.announce(connection, _WORKER)
    store.begin_attempt(store.fit(lost), worker="dead", device="cpu")
    store.begin_attempt(store.fit(put_back), worker="w", device="cpu")
    store.end_attempt(put_back, 1, code="worker_died", message="It died.", counts=True)
    for fit_id in (lost, put_back):
        assert client.post(f"/v1/fits/{fit_id}/cancel").json()["status"] == "cancelled"
    assert connection.llen(keys.queue_list("cpu")) == 0


def test_what_has_ended_is_not_cancelled(client: Client, store: FitStore) -> None:
    done, broken = _post(client), _post(client)
    succeed(store, done)
    fail(store, broken)
    for fit_id in (done, broken):
        answer = client.post(f"/v1/fits/{fit_id}/cancel")
        assert (answer.status_code, answer.json()["code"]) == (409, "has_ended")
        assert not store.cancel_requested(fit_id)
    assert store.fit(done).status is Status.SUCCEEDED


def test_no_fit_is_not_cancelled(client: Client) -> None:
    for name in ("fit_" + "0" * 36, "nothing"):
        assert client.post(f"/v1/fits/{name}/cancel").status_code == 404


def test_a_wish_is_kept_while_redis_is_away(settings: Settings, store: FitStore) -> None:
    with open_client(create_app(settings)) as client:
        waiting, running = _post(client), _post(client)
    store.begin_attempt(store.fit(running), worker="w", device="cpu")
    away = settings.model_copy(update={"redis_url": "unix:///nowhere/redis.sock"})
    with open_client(create_app(away)) as client:
        assert client.post(f"/v1/fits/{waiting}/cancel").json()["status"] == "cancelled"
        assert client.post(f"/v1/fits/{running}/cancel").json()["status"] == "cancelling"
