from collections.abc import Iterator
from pathlib import Path

import pytest

import model_registry.models
from tacit.settings import Settings
from tests.running import Up, up


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory, jax_cache: Path) -> Iterator[Up]:
    """One service for the tests that do it no harm, with a model of the user's own and a broken one."""
    folder = tmp_path_factory.mktemp("service")
    models = folder / "models"
    models.mkdir()
    poisson_rate = Path(model_registry.models.__path__[0], "poisson_rate.py").read_text()
    (models / "my_rate.py").write_text(poisson_rate.replace('name="poisson-rate"', 'name="my-rate"'))
    (models / "broken.py").write_text("model = 1 / 0\n")
    settings = Settings(data_dir=folder / "data", jax_cache_dir=jax_cache, redis_url=None, model_path=(models,))
    with up(settings, log=folder / "log") as service:
        yield service
