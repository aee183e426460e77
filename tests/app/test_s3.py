"""Draws come from a bucket as they do from a folder: part by part."""

import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.main import create_app
from tacit.fits import open_store
from tacit.settings import Settings
from tests.app.bodies import EIGHT_SCHOOLS, succeed
from tests.app.client import open_client

_DRAWS = 100_000
_PART = 4 * 1024 * 1024


@pytest.fixture
def in_bucket(settings: Settings, s3_endpoint: str, s3_bucket: str) -> Settings:
    return settings.model_copy(update={"s3_bucket": s3_bucket, "s3_endpoint_url": s3_endpoint})


def _draws() -> dict[str, np.ndarray[Any, Any]]:
    rng = np.random.default_rng(1)
    shapes = {"mu": (), "tau": (), "theta_offset": (8,), "theta": (8,)}
    return {name: rng.normal(size=(_DRAWS, *shape)).astype(np.float32) for name, shape in shapes.items()}


def test_a_posterior_in_a_bucket_is_streamed_by_ranges(in_bucket: Settings, tmp_path: Path) -> None:
    store, draws = open_store(in_bucket), _draws()
    with open_client(create_app(in_bucket)) as client:
        fit_id = client.post("/v1/fits", json={**EIGHT_SCHOOLS, "draws": _DRAWS}).json()["id"]
        succeed(store, fit_id, draws)
        asked: list[str] = []

        def note(params: dict[str, Any], **_: object) -> None:
            if "/result/" in params["url_path"]:
                asked.append(params["headers"].get("Range", "all"))

        events = client.app.state.service.store._blobs._client.meta.events
        events.register("before-call.s3.GetObject", note)
        answer = client.get(f"/v1/fits/{fit_id}/posterior?offset=7", headers={"accept": "application/x-npz"})
    assert answer.status_code == 200, answer.text
    with np.load(io.BytesIO(answer.content), allow_pickle=False) as stored:
        for name, values in draws.items():
            np.testing.assert_array_equal(stored[name], values[7:])
    ranges = [re.fullmatch(r"bytes=(\d+)-(\d+)", each) for each in asked]
    sizes = [int(found[2]) - int(found[1]) + 1 for found in ranges if found]
    assert len(sizes) == len(asked) > 20, "never all of the file at once"
    assert max(sizes) <= _PART < sum(sizes)
    assert not (tmp_path / "data" / "store").exists()


def test_a_damaged_posterior_in_a_bucket_is_named(in_bucket: Settings) -> None:
    store = open_store(in_bucket)
    with open_client(create_app(in_bucket)) as client:
        fit_id = client.post("/v1/fits", json=EIGHT_SCHOOLS).json()["id"]
        succeed(store, fit_id)
        key = f"fits/{fit_id}/result/0001/posterior.safetensors"
        content = store._blobs.get(key)
        assert content is not None
        for damaged in (content[:-1], content + b"\0", content[:-1] + bytes([content[-1] ^ 1])):
            store._blobs.put(key, damaged)
            answer = client.get(f"/v1/fits/{fit_id}/posterior")
            assert (answer.status_code, answer.json()["code"]) == (500, "store_error")
            assert key in answer.json()["detail"]
