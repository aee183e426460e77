from collections.abc import Iterator
from pathlib import Path

import pytest

from tacit.settings import Settings
from tests.running import Up, up


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory, jax_cache: Path) -> Iterator[Up]:
    """One service for the tests that do it no harm."""
    folder = tmp_path_factory.mktemp("service")
    settings = Settings(data_dir=folder / "data", jax_cache_dir=jax_cache, redis_url=None, model_path=())
    with up(settings, log=folder / "log") as service:
        yield service
