from collections.abc import Iterator

import pytest
import redis
from rq import Queue

from tacit.fits import connections
from tacit.settings import Settings
from worker.transport import open_queue


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
