"""A disk that takes no more fails the request, not the service."""

import base64
import resource
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import redis

from tacit.fits import FitStore
from tests.app.bodies import EIGHT_SCHOOLS
from tests.app.client import Client

# Larger than every record, smaller than the data below.
_ROOM = 64 * 1024


@contextmanager
def _full() -> Iterator[None]:
    """The kernel refuses every file that would grow beyond some kilobytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (_ROOM, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def _large() -> dict[str, object]:
    ones = np.ones(20_000, dtype=np.float32)
    data = {"dtype": "float32", "shape": [ones.size], "data_b64": base64.b64encode(ones.tobytes()).decode()}
    return {"model": "eight-schools", "data": {"y": data, "sigma": data}, "seed": 1}


def test_a_full_disk_fails_the_request_and_leaves_no_trace(
    client: Client, store: FitStore, connection: redis.Redis
) -> None:
    headers = {"idempotency-key": "k"}
    with _full():
        for _ in range(2):
            answer = client.post("/v1/fits", json=_large(), headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (503, "unavailable"), answer.text
            assert "cannot write" in answer.json()["detail"]
            assert int(answer.headers["retry-after"]) > 0
        assert store.open_fits() == []
        assert connection.keys("rq:job:*") == []
        small = client.post("/v1/fits", json=EIGHT_SCHOOLS)
        assert small.status_code == 202
        assert client.get(f"/v1/fits/{small.json()['id']}").status_code == 200
    again = client.post("/v1/fits", json=_large(), headers=headers)
    assert (again.status_code, again.headers["fit-cache"]) == (202, "miss"), "neither key nor twin stands in the way"
