"""Redis takes connections, and says nothing: what the store knows is still told, and only one waits for it."""

import os
import signal
from pathlib import Path

import pytest
import redis

from app.main import create_app
from tacit.embedded_redis import EmbeddedRedis
from tacit.settings import Settings
from tests.app.bodies import EIGHT_SCHOOLS
from tests.app.client import open_client


def test_reads_do_not_wait_for_a_server_that_hangs(settings: Settings, tmp_path: Path) -> None:
    server = EmbeddedRedis(tmp_path / "own")
    server.start()
    try:
        with open_client(create_app(settings.model_copy(update={"redis_url": server.url}))) as client:
            path = f"/v1/fits/{client.post('/v1/fits', json=EIGHT_SCHOOLS).json()['id']}"
            assert client.get(path).json()["queue_position"] == 0
            service = client.app.state.service
            service.redis.breaker._rest_s = 600.0
            with redis.Redis.from_url(server.url) as connection:
                pid = int(connection.info("server")["process_id"])
            os.kill(pid, signal.SIGSTOP)
            try:
                answers = [client.get(path) for _ in range(10)]
                assert [answer.status_code for answer in answers] == [200] * 10
                assert {answer.json()["queue_position"] for answer in answers} == {None}
                for call in (service.redis.ping, lambda: service.blocking(service.queue.connection.ping)):
                    with pytest.raises(redis.TimeoutError, match="left alone"):
                        client.call(call)
                refused = client.post("/v1/fits", json=EIGHT_SCHOOLS)
                assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
                assert client.post(f"{path}/cancel").json()["status"] == "cancelled"
            finally:
                os.kill(pid, signal.SIGCONT)
            service.redis.breaker._until = 0.0  # as when the rest is over
            assert client.get(path).status_code == 200
            assert client.post("/v1/fits", json=EIGHT_SCHOOLS).status_code == 202
    finally:
        server.stop()
