from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from app.main import create_app
from model_registry import Registry, load_registry
from tacit.embedded_redis import EmbeddedRedis
from tacit.fits import FitStore, LocalBlobs, connections
from tacit.settings import Settings
from tests.app.client import Client, open_client


@pytest.fixture(scope="session")
def registry() -> Registry:
    """The built-in models: to load them takes longer than most tests here."""
    return load_registry()


@pytest.fixture
def client(settings: Settings, registry: Registry) -> Iterator[Client]:
    """The API on a fresh store and an empty database, with no worker."""
    with open_client(create_app(settings, registry=registry)) as client:
        yield client


@pytest.fixture
def connection(settings: Settings) -> Iterator[redis.Redis]:
    """That database."""
    assert settings.redis_url is not None
    with connections.quick(settings.redis_url) as connection:
        yield connection


@pytest.fixture(scope="module")
def shared(
    redis_server: EmbeddedRedis,
    _databases: Iterator[int],
    tmp_path_factory: pytest.TempPathFactory,
    jax_cache: Path,
    registry: Registry,
) -> Iterator[tuple[Client, FitStore]]:
    """The API and its store, for the tests of one file that do one another no harm."""
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("shared"),
        redis_url=f"{redis_server.url}?db={next(_databases)}",
        jax_cache_dir=jax_cache,
        model_path=(),
        port=0,
    )
    with open_client(create_app(settings, registry=registry)) as client:
        yield client, FitStore(LocalBlobs(settings.data_dir / "store"))
