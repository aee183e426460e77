"""What does not fit is refused, says where, and changes nothing."""

import gzip
import json
import zlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio
import pytest
import redis

from app.inflating import inflated
from app.main import create_app
from tacit.fits import FitStore, keys
from tacit.settings import Settings
from tests.app.bodies import EIGHT_SCHOOLS
from tests.app.client import Client, open_client

_DATA = EIGHT_SCHOOLS["data"]
_JSON = {"content-type": "application/json"}


def _with_data(**changes: Any) -> dict[str, Any]:
    data = {name: value for name, value in {**_DATA, **changes}.items() if value is not None}
    return {**EIGHT_SCHOOLS, "data": data}


_REFUSED: dict[str, tuple[dict[str, Any], int, str]] = {
    "unknown model": ({**EIGHT_SCHOOLS, "model": "nine-schools"}, 404, ""),
    "no model": ({"data": _DATA}, 422, "/model"),
    "unknown field": ({**EIGHT_SCHOOLS, "dat": {}}, 422, "/dat"),
    "data is a list": ({**EIGHT_SCHOOLS, "data": [1]}, 422, "/data"),
    "missing data": (_with_data(y=None), 422, "/data/y"),
    "extra data": (_with_data(x=[1.0]), 422, "/data/x"),
    "wrong rank": (_with_data(y=[[1.0] * 8]), 422, "/data/y"),
    "sizes that disagree": (_with_data(y=[1.0] * 7), 422, "/data/"),
    "ragged": (_with_data(y=[1.0] * 7 + [[2.0]]), 422, "/data/y"),
    "a string": (_with_data(y=["28"] * 8), 422, "/data/y"),
    "null": (_with_data(y=[None] * 8), 422, "/data/y"),
    "too large to be finite": (_with_data(y=[1e39] * 8), 422, "/data/y"),
    "out of support": (_with_data(sigma=[0.0] * 8), 422, "/data/sigma"),
    "klqp without a density": (
        {"model": "g-and-k", "data": {"y": [1.0, 2.0, 3.0]}, "inference": {"method": "klqp"}},
        422,
        "/inference/method",
    ),
    "a network for latents that are not there": (
        {"model": "poisson-rate", "data": {"x": [1, 2, 3]}, "inference": {"family": "amortized"}},
        422,
        "/inference/family",
    ),
    "unknown option": ({**EIGHT_SCHOOLS, "inference": {"num_stepz": 3}}, 422, "/inference/num_stepz"),
    "seed as text": ({**EIGHT_SCHOOLS, "seed": "1"}, 422, "/seed"),
    "seed too large": ({**EIGHT_SCHOOLS, "seed": 2**32}, 422, "/seed"),
    "negative seed": ({**EIGHT_SCHOOLS, "seed": -1}, 422, "/seed"),
    "no draws": ({**EIGHT_SCHOOLS, "draws": 0}, 422, "/draws"),
    "too many draws": ({**EIGHT_SCHOOLS, "draws": 10**6}, 422, "/draws"),
    "timeout too long": ({**EIGHT_SCHOOLS, "timeout_s": 10**6}, 422, "/timeout_s"),
    "huge integer": ({**EIGHT_SCHOOLS, "timeout_s": 10**300}, 422, "/timeout_s"),
    "long tag": ({**EIGHT_SCHOOLS, "tags": ["x" * 65]}, 422, "/tags/0"),
}


@pytest.fixture
def unchanged(store: FitStore, connection: redis.Redis) -> Any:
    """Asserts that nothing was stored and nothing queued."""
    yield
    assert store.open_fits() == []
    assert set(connection.keys()) <= {keys.rate(None).encode()}


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("case", _REFUSED)
def test_bodies_that_do_not_fit(client: Client, case: str) -> None:
    body, status, pointer = _REFUSED[case]
    answer = client.post("/v1/fits", json=body)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["code"] == {404: "not_found", 422: "invalid_input"}[status]
    assert problem["request_id"] == answer.headers["x-request-id"]
    if pointer:
        assert any(error["pointer"].startswith(pointer) for error in problem["errors"]), problem
        assert all(error["detail"] for error in problem["errors"])


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"inference": {"stepz": 300}}, "There is no option 'stepz'; did you mean steps?"),
        ({"inference": {"temperature": 300}}, "There is no option 'temperature'; there is method, objective, "),
        ({"inference": {"gen_optimizer": {"nam": "adam"}}}, "There is no option 'nam'; did you mean name?"),
        (
            {"steps": 300},
            '\'steps\' is unknown here: it is an option of the inference, `{"inference": {"steps": ...}}`.',
        ),
        ({"colour": "red"}, "'colour' is unknown here."),
    ],
)
def test_who_misnames_something_is_told_its_name(client: Client, body: dict[str, Any], says: str) -> None:
    (error,) = client.post("/v1/fits", json={**EIGHT_SCHOOLS, **body}).json()["errors"]
    assert error["detail"].startswith(says)


_GOOD = json.dumps(EIGHT_SCHOOLS)
# Without the time, so that all processes of a run name the same tests.
_GZIPPED = gzip.compress(_GOOD.encode(), mtime=0)


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"not json",
        _GOOD.replace("28", "NaN").encode(),
        _GOOD.replace("28", "-Infinity").encode(),
        _GOOD.encode("utf-16"),
        b'{"model": "\xff"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        _GOOD.encode() + b"x",
        _GOOD.replace("28", "1" * 5000).encode(),
    ],
    ids=[
        "empty",
        "half",
        "words",
        "NaN",
        "Infinity",
        "utf-16",
        "bad utf-8",
        "nested",
        "nested objects",
        "tail",
        "digits",
    ],
)
@pytest.mark.parametrize("headers", [_JSON, {}], ids=["said to be JSON", "said to be nothing"])
def test_bodies_that_are_not_json(client: Client, content: bytes, headers: dict[str, str]) -> None:
    answer = client.post("/v1/fits", content=content, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "not_json"), answer.text


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("number", ["1e400", "-1e400"])
def test_numbers_beyond_floats_are_not_finite(client: Client, number: str) -> None:
    answer = client.post("/v1/fits", content=_GOOD.replace("28", number), headers=_JSON)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/data/y/0"


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_what_a_browser_sends_across_sites_is_refused(client: Client, media_type: str) -> None:
    answer = client.post("/v1/fits", content=_GOOD, headers={"content-type": media_type})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


@pytest.mark.usefixtures("unchanged")
def test_bodies_that_are_too_large(settings: Settings) -> None:
    small = settings.model_copy(update={"max_body_bytes": 1024})
    with open_client(create_app(small)) as client:
        answer = client.post("/v1/fits", content=_GOOD + " " * 1024, headers=_JSON)
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
        pieces = client.post("/v1/fits", content=_pieces(), headers=_JSON)
        assert pieces.status_code == 413


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("encoding", "content", "status", "code"),
    [
        ("gzip", gzip.compress(b" " * 2**24, mtime=0), 413, "too_large"),
        ("deflate", zlib.compress(b"[" * 2**24), 413, "too_large"),
        ("gzip", _GOOD.encode(), 400, "not_json"),
        ("gzip", _GZIPPED[:-9], 400, "not_json"),
        ("gzip", _GZIPPED * 2, 400, "not_json"),
        ("gzip", b"", 400, "not_json"),
        ("deflate", _GZIPPED, 400, "not_json"),
        ("gzip, gzip", gzip.compress(_GZIPPED, mtime=0), 415, "unsupported_encoding"),
        ("br", b"x", 415, "unsupported_encoding"),
    ],
)
def test_compressed_bodies_that_do_not_fit(
    settings: Settings, encoding: str, content: bytes, status: int, code: str
) -> None:
    small = settings.model_copy(update={"max_body_bytes": 2**20})
    with open_client(create_app(small)) as client:
        answer = client.post("/v1/fits", content=content, headers={**_JSON, "content-encoding": encoding})
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


def test_a_bomb_is_left_when_it_has_grown_too_large() -> None:
    bomb = gzip.compress(b" " * 2**26)

    async def inflate() -> int:
        size = 0
        async for piece in inflated(_one(bomb), "gzip"):
            size += len(piece)
            assert len(piece) <= 2**18
            if size > 2**20:
                break
        return size

    assert anyio.run(inflate) <= 2**20 + 2**18


@pytest.mark.parametrize(("encoding", "compress"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_compressed_bodies(client: Client, encoding: str, compress: Callable[[bytes], bytes]) -> None:
    answer = client.post("/v1/fits", content=compress(_GOOD.encode()), headers={**_JSON, "content-encoding": encoding})
    assert answer.status_code == 202


_MANY = dict.fromkeys(map(str, range(2000)))


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("path", ["/v1/fits", "/v1/models/eight-schools/validate"])
@pytest.mark.parametrize(
    "body",
    [
        json.loads(_GOOD) | _MANY,
        json.loads(_GOOD) | {"data": _MANY},
        json.loads(_GOOD) | {"data": {"y": _MANY}},
        json.loads(_GOOD) | {"inference": _MANY},
        json.loads(_GOOD) | {"inference": {"gen_optimizer": {"options": _MANY}}},
    ],
)
def test_objects_with_too_many_keys(client: Client, path: str, body: dict[str, Any]) -> None:
    """Each key that is not known would become an error, at a cost of sixty times its bytes."""
    answer = client.post(path, json=body)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert "2000 keys" in answer.text or "2003 keys" in answer.text or "2002 keys" in answer.text


@pytest.mark.usefixtures("unchanged")
def test_an_answer_lists_a_hundred_errors_at_most(client: Client) -> None:
    answer = client.post("/v1/fits", json=json.loads(_GOOD) | dict.fromkeys(map(str, range(900))))
    assert answer.status_code == 422
    assert len(answer.json()["errors"]) == 100
    assert "(and 899 more)" in answer.json()["detail"]


@pytest.mark.usefixtures("unchanged")
def test_a_list_of_wrong_numbers_is_one_error(client: Client) -> None:
    start = {"mean": ["a"] * 200, "covariance": [["a"] * 100_000]}
    inference = {"objective": "forward", "start": start}
    answer = client.post("/v1/fits", json=json.loads(_GOOD) | {"inference": inference})
    assert [each["pointer"] for each in answer.json()["errors"]] == [
        "/inference/start/mean/0",
        "/inference/start/covariance/0/0",
    ]


@pytest.mark.usefixtures("unchanged")
def test_bodies_with_too_many_values(settings: Settings) -> None:
    body = json.dumps(_with_data(y=[[]] * 2000))
    with open_client(create_app(settings.model_copy(update={"max_json_values": 1000}))) as client:
        answer = client.post("/v1/fits", content=body, headers=_JSON)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert "data_b64" in answer.json()["detail"]


async def _one(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def _pieces() -> AsyncIterator[bytes]:
    for _ in range(100):
        yield b" " * 100


@pytest.mark.parametrize("query", ["draws=0", "draws=x", "draws=1&seed=-1", "drawz=3"])
def test_queries_that_do_not_fit(client: Client, query: str) -> None:
    fit_id = client.post("/v1/fits", json=EIGHT_SCHOOLS).json()["id"]
    answer = client.get(f"/v1/fits/{fit_id}/posterior-predictive?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")
    assert answer.json()["errors"][0]["pointer"] in ("?draws", "?seed", "?drawz")
