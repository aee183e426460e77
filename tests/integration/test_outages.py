"""Redis goes away under a running service, and comes back."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tacit.embedded_redis import EmbeddedRedis
from tacit.fits import FitStore
from tacit.settings import Settings
from tests.running import up, wait_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes in /proc")

POISSON = {"model": "poisson-rate", "data": {"x": [8, 3, 5, 4, 6, 7, 3, 5, 4, 6]}, "draws": 100, "seed": 1}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedRedis]:
    server = EmbeddedRedis(tmp_path / "own")
    server.start()
    yield server
    server.stop()


@pytest.mark.parametrize("seconds", [2, 30])
def test_an_outage_of_redis_is_ridden_out(
    settings: Settings, store: FitStore, server: EmbeddedRedis, tmp_path: Path, seconds: int
) -> None:
    with up(settings, log=tmp_path / "log", redis_url=server.url) as service:
        running = service.post({**POISSON, "inference": {"steps": 1_000_000}})["id"]
        service.wait_running(running)
        waiting = service.post({**POISSON, "inference": {"steps": 1000}})["id"]
        worker, api = service.child("worker"), service.child("api")
        server.stop()
        refused = service.client.post("/v1/fits", json=POISSON)
        assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
        assert int(refused.headers["retry-after"]) > 0
        assert service.fit(waiting)["status"] == "queued"
        time.sleep(seconds)
        assert service.fit(running)["status"] == "running"
        # Cancelling needs no Redis: the child or its worker see the wish in the store.
        assert service.client.post(f"/v1/fits/{running}/cancel").json()["status"] == "cancelling"
        wait_for(lambda: store.fit(running).outcome, what="the running fit to be cancelled")
        server.start()
        assert service.wait_ended(waiting)["status"] == "succeeded"
        later = service.wait_ended(service.post({**POISSON, "inference": {"steps": 1000}})["id"])
        assert (later["status"], later["attempt"]) == ("succeeded", 1)
        assert (service.child("worker"), service.child("api")) == (worker, api), "nobody had to be replaced"
        assert store.open_fits() == []
