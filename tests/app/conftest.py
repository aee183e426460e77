from collections.abc import Iterator

import pytest
import redis

from app.main import create_app
from tacit.fits import connections
from tacit.settings import Settings
from tests.app.client import Client, open_client


@pytest.fixture
def client(settings: Settings) -> Iterator[Client]:
    """The API on a fresh store and an empty database, with no worker."""
    with open_client(create_app(settings)) as client:
        yield client


@pytest.fixture
def connection(settings: Settings) -> Iterator[redis.Redis]:
    """That database."""
    assert settings.redis_url is not None
    with connections.quick(settings.redis_url) as connection:
        yield connection
