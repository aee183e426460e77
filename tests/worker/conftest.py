from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from rq import Queue

from tacit import compilation
from tacit.fits import connections
from tacit.settings import Settings
from worker.transport import open_queue


@pytest.fixture(scope="session", autouse=True)
def _compiled_once(jax_cache: Path) -> None:
    """What a worker has compiled, this process need not compile again, nor the other way round."""
    compilation.configure(device="cpu", cache=jax_cache)


@pytest.fixture
def connection(settings: Settings) -> Iterator[redis.Redis]:
    """An empty database."""
    assert settings.redis_url is not None
    with connections.quick(settings.redis_url) as connection:
        yield connection


@pytest.fixture
def queue(connection: redis.Redis) -> Queue:
    """The queue in it."""
    return open_queue(connection, "cpu")
