"""Bodies that nobody may accept: each is refused in good order, and none changes anything."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import redis

from app.main import create_app
from tacit.embedded_redis import EmbeddedRedis
from tacit.fits import FitStore, LocalBlobs, connections, keys
from tacit.settings import Settings
from tests.app.bodies import EIGHT_SCHOOLS, succeed
from tests.app.client import Client, open_client
from tests.app.malformed import FITS, VALIDATION, Target, malformed, prediction

_SEED = 20_261_121
_COUNTS = {"fits": 1000, "validate": 300, "prior-predictive": 300, "posterior-predictive": 300}


class Serving(NamedTuple):
    client: Client
    settings: Settings
    connection: redis.Redis
    fit_id: str


@pytest.fixture(scope="module")
def serving(
    redis_server: EmbeddedRedis, _databases: Iterator[int], tmp_path_factory: pytest.TempPathFactory, jax_cache: Path
) -> Iterator[Serving]:
    """The API with small limits, and a fit that has succeeded."""
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("malformed"),
        redis_url=(url := f"{redis_server.url}?db={next(_databases)}"),
        jax_cache_dir=jax_cache,
        model_path=(),
        max_body_bytes=2**20,
        max_json_values=20_000,
    )
    with open_client(create_app(settings)) as client, connections.quick(url) as connection:
        fit_id = client.post("/v1/fits", json=EIGHT_SCHOOLS).json()["id"]
        succeed(FitStore(LocalBlobs(settings.data_dir / "store")), fit_id)
        yield Serving(client, settings, connection, fit_id)


def _target(name: str, fit_id: str) -> Target:
    if name == "posterior-predictive":
        return prediction(f"/v1/fits/{fit_id}/posterior-predictive")
    if name == "prior-predictive":
        return prediction("/v1/models/eight-schools/prior-predictive")
    return FITS if name == "fits" else VALIDATION


@pytest.mark.parametrize("name", _COUNTS)
def test_malformed_bodies_are_refused_and_change_nothing(serving: Serving, name: str) -> None:
    target, store = _target(name, serving.fit_id), serving.settings.data_dir / "store"
    assert serving.client.post(target.path, json=target.body(**_fresh(target))).status_code in (200, 202)
    before, known = _files(store), set(serving.connection.keys())
    kinds = set()
    for number, each in enumerate(malformed(target, _SEED, _COUNTS[name])):
        kinds.add(each.kind)
        answer = serving.client.post(target.path, content=each.content, headers=each.headers)
        where = f"body {number} of seed {_SEED}: {each.kind}: {each.content[:200]!r}: {answer.text[:500]}"
        assert answer.status_code in (400, 404, 413, 415, 422), where
        assert answer.headers["content-type"] == "application/problem+json", where
        assert answer.json()["detail"], where
    assert serving.client.get("/v1/models").status_code == 200
    assert len(kinds) >= 20
    assert _files(store) == before
    assert set(serving.connection.keys()) <= known | {keys.rate(None).encode()}


def _fresh(target: Target) -> dict[str, int]:
    return {"seed": 1} if "seed" in target.integers else {}


def _files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
