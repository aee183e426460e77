"""A server that hangs is not asked again by everyone."""

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tacit.embedded_redis import EmbeddedRedis
from tacit.fits import connections
from tacit.fits.breaker import Breaker


@pytest.fixture
def hanging(tmp_path: Path) -> Iterator[EmbeddedRedis]:
    """A server that takes connections and says nothing, until it is told to go on."""
    server = EmbeddedRedis(tmp_path / "own")
    server.start()
    with redis.Redis.from_url(server.url) as connection:
        pid = int(connection.info("server")["process_id"])
    os.kill(pid, signal.SIGSTOP)
    yield server
    os.kill(pid, signal.SIGCONT)
    server.stop()


def _go_on(server: EmbeddedRedis) -> None:
    assert server._process is not None
    os.kill(server._process.pid, signal.SIGCONT)


def test_one_waits_and_the_others_are_refused(hanging: EmbeddedRedis) -> None:
    breaker = Breaker(rest_s=600)
    one, other = (connections.quick(hanging.url, breaker) for _ in range(2))
    with pytest.raises(redis.TimeoutError) as waited:
        one.ping()
    assert "left alone" not in str(waited.value)
    for call in (one.ping, other.ping, other.pipeline().ping().execute, one.register_script("return 1")):
        with pytest.raises(redis.TimeoutError, match="left alone"):
            call()

    async def ask() -> None:
        client = connections.quick_async(hanging.url, breaker)
        with pytest.raises(redis.TimeoutError, match="left alone"):
            await client.ping()
        with pytest.raises(redis.TimeoutError, match="left alone"):
            await client.pipeline().ping().execute()
        await client.aclose()

    asyncio.run(ask())
    one.close()
    other.close()


def test_after_a_rest_one_tries_again(hanging: EmbeddedRedis) -> None:
    breaker = Breaker(rest_s=600)
    with connections.quick(hanging.url, breaker) as client:
        with pytest.raises(redis.TimeoutError):
            client.ping()
        breaker._until = 0.0  # as when the rest is over
        with breaker.guarding(), pytest.raises(redis.TimeoutError, match="left alone"):
            client.ping()  # beside the one who tries
        breaker._until = 0.0
        _go_on(hanging)
        assert client.ping()
        assert client.ping()


def test_a_server_that_is_down_refuses_by_itself() -> None:
    breaker = Breaker()
    with connections.quick("unix:///nowhere/redis.sock", breaker) as client:
        for _ in range(2):
            with pytest.raises(redis.ConnectionError):
                client.ping()


def test_answers_that_are_errors_are_answers(redis_url: str) -> None:
    with connections.quick(redis_url, Breaker()) as client:
        client.set("a", "text")
        for _ in range(2):
            with pytest.raises(redis.ResponseError):
                client.incr("a")
