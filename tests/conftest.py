"""What all tests share: a real server, fresh folders, and the clean end of every process."""

import logging
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import jax
import pytest

from tacit import compilation
from tacit.embedded_redis import EmbeddedRedis
from tacit.fits import FitStore, LocalBlobs
from tacit.settings import Settings
from tests.running import Up, up

_DATABASES = 512
_HERE = Path(__file__).parent
MODELS = _HERE.parent / "model_registry" / "models"

# Tests compile much and compute little: programs optimised less compile in half the time. Processes that tests start
# inherit this, and it must stand here before JAX makes its backend.
# One thread computes: the suite has a process per core, and threads of several would wait for one another.
_FLAGS = "--xla_backend_optimization_level=1 --xla_cpu_use_fusion_emitters=false --xla_cpu_multi_thread_eigen=false"
os.environ.setdefault("XLA_FLAGS", _FLAGS)
os.environ.setdefault("JAX_PLATFORMS", "cpu")


@pytest.fixture(autouse=True, scope="module")
def _forget_compiled_programs() -> Iterator[None]:
    """Every compiled program holds memory maps, of which the kernel allows a process 65,530: without this the suite
    would end in a segmentation fault of the compiler."""
    yield
    jax.clear_caches()


# Files that take minutes, those with few long tests among them: one that began last would leave the other cores idle.
_LONG = ("docs/test_pages", "inference/", "worker/test_warm", "integration/", "client/", "test_readme", "app/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first; the order within a file stays."""

    def place(item: pytest.Item) -> int:
        path = item.path.relative_to(_HERE).as_posix()
        return next((place for place, start in enumerate(_LONG) if path.startswith(start)), len(_LONG))

    items.sort(key=place)


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
def jax_cache(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A folder of compiled programs that all tests share, in whatever process: compiling is most of what a short fit
    costs."""
    own = tmp_path_factory.getbasetemp()
    folder = (own if worker_id == "master" else own.parent) / "jax-cache"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session", autouse=True)
def _compiled_once(jax_cache: Path) -> None:
    """What one process has compiled, another need not compile again."""
    compilation.keep_programs(jax_cache)


@pytest.fixture
def settings(tmp_path: Path, redis_url: str, jax_cache: Path) -> Settings:
    """Settings on a fresh data folder and an empty database."""
    return Settings(data_dir=tmp_path / "data", redis_url=redis_url, jax_cache_dir=jax_cache, model_path=(), port=0)


@pytest.fixture
def store(settings: Settings) -> FitStore:
    """The store in that data folder."""
    return FitStore(LocalBlobs(settings.data_dir / "store"))


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """Address of a server that speaks S3, on this machine."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3_bucket(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Name of an empty bucket on it."""
    import boto3

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    name = f"bucket-{secrets.token_hex(8)}"
    boto3.client("s3", endpoint_url=s3_endpoint).create_bucket(Bucket=name)
    return name


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory, jax_cache: Path) -> Iterator[Up]:
    """One service for the tests that do it no harm, with a model of the user's own and a broken one."""
    folder = tmp_path_factory.mktemp("service")
    models = folder / "models"
    models.mkdir()
    poisson_rate = (MODELS / "poisson_rate.py").read_text()
    (models / "my_rate.py").write_text(poisson_rate.replace('name="poisson-rate"', 'name="my-rate"'))
    (models / "broken.py").write_text("model = 1 / 0\n")
    settings = Settings(data_dir=folder / "data", jax_cache_dir=jax_cache, redis_url=None, model_path=(models,))
    with up(settings, log=folder / "log") as service:
        yield service
