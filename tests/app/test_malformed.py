"""A thousand bodies that nobody may accept: each is refused in good order, and none changes anything."""

from pathlib import Path

import redis

from app.main import create_app
from tacit.fits import keys
from tacit.settings import Settings
from tests.app.client import open_client
from tests.app.malformed import malformed

_SEED = 20_261_121
_COUNT = 1000


def test_malformed_bodies_are_refused_and_change_nothing(settings: Settings, connection: redis.Redis) -> None:
    small = settings.model_copy(update={"max_body_bytes": 2**20, "max_json_values": 20_000})
    kinds = set()
    with open_client(create_app(small)) as client:
        before = _files(settings.data_dir / "store")
        for number, each in enumerate(malformed(_SEED, _COUNT)):
            kinds.add(each.kind)
            answer = client.post("/v1/fits", content=each.content, headers=each.headers)
            where = f"body {number} of seed {_SEED}: {each.kind}: {each.content[:200]!r}: {answer.text[:500]}"
            assert answer.status_code in (400, 404, 413, 415, 422), where
            assert answer.headers["content-type"] == "application/problem+json", where
            assert answer.json()["detail"], where
        assert client.get("/v1/models").status_code == 200
    assert len(kinds) >= 20
    assert _files(settings.data_dir / "store") == before
    assert set(connection.keys()) <= {keys.rate(None).encode()}


def _files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
