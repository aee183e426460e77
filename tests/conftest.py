"""What all tests share: a real server, fresh folders, and the clean end of every process."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tacit.embedded_redis import EmbeddedRedis
from tacit.fits import FitStore, LocalBlobs
from tacit.settings import Settings

_DATABASES = 512


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRedis]:
    """The embedded server, with many databases, so that no test ever has to flush one."""
    server = EmbeddedRedis(tmp_path_factory.mktemp("server"), options={"databases": str(_DATABASES)})
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def _databases() -> Iterator[int]:
    return iter(range(1, _DATABASES))


@pytest.fixture
def redis_url(redis_server: EmbeddedRedis, _databases: Iterator[int]) -> str:
    """Address of an empty database on the server."""
    return f"{redis_server.url}?db={next(_databases)}"


@pytest.fixture(scope="session")
def jax_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of compiled programs that all tests share: compiling is most of what a short fit costs."""
    return tmp_path_factory.mktemp("jax-cache")


@pytest.fixture
def settings(tmp_path: Path, redis_url: str, jax_cache: Path) -> Settings:
    """Settings on a fresh data folder and an empty database."""
    return Settings(data_dir=tmp_path / "data", redis_url=redis_url, jax_cache_dir=jax_cache, model_path=(), port=0)


@pytest.fixture
def store(settings: Settings) -> FitStore:
    """The store in that data folder."""
    return FitStore(LocalBlobs(settings.data_dir / "store"))
