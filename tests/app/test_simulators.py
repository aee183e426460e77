"""Predictions of simulators that run in processes of the API."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import redis
from anyio._backends._asyncio import WorkerThread

from app.main import create_app
from tacit.fits import FitStore, LocalBlobs, workers
from tacit.fits.workers import WorkerInfo
from tacit.settings import Settings
from tacit.simulation_pool import shared_pool
from tests.app.bodies import DRAWS, succeed
from tests.app.client import Client, open_client
from tests.running import wait_for

MODEL = """
import numpy as np
from model_registry import Field, Model
from tacit.ppl import Implicit, Normal, external, plate

def simulate(rng, rate):
    return rate + rng.normal(size=())

sampler = external(simulate, shape=(), time_limit_s=30.0)

def program(N):
    rate = Normal(0.0, 1.0, name="rate")
    with plate("N", N):
        Implicit(sampler, rate, name="x")

model = Model(name="elsewhere", title="T", description="D", program=program,
              data={"x": Field(("N",))}, example={"x": [1.0, 2.0]})
"""


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "elsewhere.py").write_text(MODEL)
    return settings.model_copy(update={"model_path": (folder,)})


@pytest.fixture
def client(settings: Settings) -> Iterator[Client]:
    shared_pool().stop()
    with open_client(create_app(settings)) as client:
        yield client
    shared_pool().stop()


@pytest.fixture
def path(client: Client, settings: Settings) -> str:
    """Of the posterior predictive of a finished fit."""
    body = {"model": "elsewhere", "data": {"x": [0.5, 1.5]}, "draws": DRAWS, "seed": 1}
    fit_id = client.post("/v1/fits", json=body).json()["id"]
    succeed(FitStore(LocalBlobs(settings.data_dir / "store")), fit_id, {"rate": np.zeros(DRAWS, np.float32)})
    return f"/v1/fits/{fit_id}/posterior-predictive"


def _predicted(client: Client, path: str) -> Any:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()["vars"]


@pytest.mark.skipif(sys.platform != "linux", reason="kills processes that it finds in /proc")
def test_processes_that_are_gone_are_replaced(client: Client, path: str) -> None:
    first = _predicted(client, path)
    assert np.isfinite(first["x"]).all()
    killed = 0
    for task in Path("/proc/self/task").iterdir():
        for child in (task / "children").read_text().split():
            if b"tacit.simulation_process" in Path(f"/proc/{child}/cmdline").read_bytes():
                os.kill(int(child), signal.SIGKILL)
                killed += 1
    assert killed
    assert _predicted(client, path) == first


def test_the_server_may_end_its_threads(client: Client, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WorkerThread, "MAX_IDLE_TIME", 0)
    first = _predicted(client, path)
    before = {each for each in threading.enumerate() if isinstance(each, WorkerThread)}
    # Many at once need many threads; then one at a time, which each ends those that idle.
    client.gather(["/v1/models"] * 4 + [path.rpartition("/")[0]] * 8, then=lambda: None)

    def gone() -> bool:
        client.get(path.rpartition("/")[0])
        return not any(each.is_alive() for each in before)

    wait_for(gone, what="the threads of the first requests to end")
    assert _predicted(client, path) == first


def test_what_cannot_be_started_is_told_and_comes_back(
    client: Client, path: str, connection: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    living = WorkerInfo(name="w", host="h", pid=1, child_pid=2, queue="tacit:cpu", device="cpu")
    workers.announce(connection, living)
    assert client.get("/readyz").status_code == 200
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", "/nowhere/python")
        for _ in range(2):
            answer = client.get(path)
            assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
            assert "The processes that run simulators cannot be started" in answer.json()["detail"]
            assert answer.headers["retry-after"]
        answer = client.get("/readyz")
        assert answer.status_code == 503
        assert [error["pointer"] for error in answer.json()["errors"]] == ["/simulators"]
        assert client.get(path.replace("posterior-predictive", "posterior")).status_code == 200
    wait_for(lambda: client.get("/readyz").status_code == 200, what="the service to be ready again")
    _predicted(client, path)
