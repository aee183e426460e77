from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
import redis

from app.main import create_app
from tacit.engine import ENGINE_REVISION
from tacit.errors import UnavailableError
from tacit.fits import workers
from tacit.fits.workers import WorkerInfo
from tacit.settings import Settings
from tests.app.client import Client, open_client

_WORKER = WorkerInfo(name="w", host="h", pid=1, child_pid=2, queue="tacit:cpu", device="cpu")


def test_livez_and_version(client: Client) -> None:
    assert client.get("/livez").json() == {"status": "alive"}
    body = client.get("/version").json()
    assert (body["version"], body["api"]) == (version("tacit"), "v1")
    assert body["engine_revision"] == ENGINE_REVISION


def test_not_ready_without_a_worker(client: Client) -> None:
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/workers"]
    assert answer.headers["retry-after"]


def test_ready_with_a_worker(client: Client, connection: redis.Redis) -> None:
    workers.announce(connection, _WORKER)
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert [worker["name"] for worker in answer.json()["workers"]] == ["w"]


def test_not_ready_without_redis_or_store(settings: Settings) -> None:
    away = settings.model_copy(update={"redis_url": "unix:///nowhere/redis.sock"})
    with open_client(create_app(away)) as client:
        # Not even root can write through this.
        (settings.data_dir / "store" / "health").mkdir()
        answer = client.get("/readyz")
    assert answer.status_code == 503
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/redis", "/store"]


def test_broken_model_files_are_named_and_stop_nothing(
    settings: Settings, connection: redis.Redis, tmp_path: Path
) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "broken.py").write_text("model = 1 / 0\n")
    workers.announce(connection, _WORKER)
    with open_client(create_app(settings.model_copy(update={"model_path": (folder,)}))) as client:
        body = client.get("/readyz").json()
    assert "eight-schools" in body["models"]
    assert [broken["path"] for broken in body["broken_models"]] == [str(folder / "broken.py")]
    assert "division by zero" in body["broken_models"][0]["detail"]


def test_requests_are_named(client: Client) -> None:
    given = client.get("/livez", headers={"x-request-id": "abc-1"})
    assert given.headers["x-request-id"] == "abc-1"
    made = {client.get("/livez", headers={"x-request-id": "bad id\x7f"}).headers["x-request-id"] for _ in range(2)}
    assert len(made) == 2
    assert all(name.startswith("req_") for name in made)


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/v2", 404), ("DELETE", "/livez", 405)])
def test_what_is_not_served_is_a_problem(client: Client, method: str, path: str, status: int) -> None:
    answer = client.request(method, path)
    assert (answer.status_code, answer.json()["status"]) == (status, status)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert ("allow" in answer.headers) == (status == 405)


@pytest.fixture
def breaking(settings: Settings) -> Iterator[Client]:
    """The API with one more route, which has a defect."""
    app = create_app(settings)

    async def broken() -> None:
        raise RuntimeError("the secret")

    app.add_api_route("/broken", broken)
    with open_client(app) as client:
        yield client


def test_defects_are_logged_and_not_shown(breaking: Client, caplog: pytest.LogCaptureFixture) -> None:
    answer = breaking.get("/broken")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert answer.headers["content-type"] == "application/problem+json"
    assert "secret" not in answer.text
    assert "the secret" in caplog.text
    assert answer.json()["request_id"] in caplog.text


def test_no_redis_is_said_at_start(settings: Settings) -> None:
    with pytest.raises(UnavailableError, match="REDIS_URL"):
        create_app(settings.model_copy(update={"redis_url": None}))
