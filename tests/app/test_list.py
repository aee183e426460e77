from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app import listing
from app.main import create_app
from app.schemas.fits import ListQuery
from tacit.fits import FitRequest, FitStore, new_fit_id
from tacit.settings import Settings
from tests.app.bodies import EIGHT_SCHOOLS, fail, succeed
from tests.app.client import Client, open_client
from tests.fits.builders import accept

_BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def _accept(store: FitStore, second: int, **changes: Any) -> FitRequest:
    moment = _BEGAN + timedelta(seconds=second)
    return accept(store, id=new_fit_id(moment), created_at=moment, **changes)


def _page(client: Client, **query: Any) -> tuple[list[str], str | None]:
    answer = client.get("/v1/fits", params=query)
    assert answer.status_code == 200, answer.text
    return [fit["id"] for fit in answer.json()["items"]], answer.json()["next_cursor"]


def _walk(client: Client, **query: Any) -> list[str]:
    """The ids on all pages."""
    ids, cursor = _page(client, **query)
    while cursor is not None:
        more, cursor = _page(client, **{**query, "cursor": cursor})
        ids += more
    return ids


def test_an_empty_store_has_an_empty_page(client: Client) -> None:
    assert client.get("/v1/fits").json() == {"items": [], "next_cursor": None}


def test_the_latest_come_first_and_look_as_they_do_alone(client: Client, store: FitStore) -> None:
    done, broken, waiting = (client.post("/v1/fits", json=EIGHT_SCHOOLS).json()["id"] for _ in range(3))
    succeed(store, done)
    fail(store, broken)
    items = client.get("/v1/fits").json()["items"]
    assert [item["id"] for item in items] == sorted([done, broken, waiting], reverse=True)
    for item in items:
        assert item == client.get(f"/v1/fits/{item['id']}").json()


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8])
def test_pages_hold_every_fit_once(client: Client, store: FitStore, limit: int) -> None:
    ids = [_accept(store, second).id for second in range(7)]
    assert _walk(client, limit=limit) == ids[::-1]


def test_a_page_stays_right_while_fits_are_added(client: Client, store: FitStore) -> None:
    ids = [_accept(store, second).id for second in range(6)]
    first, cursor = _page(client, limit=2)
    later = _accept(store, 100).id
    # As another server with a slower clock would add it.
    between = _accept(store, 5).id
    rest = _walk(client, limit=2, cursor=cursor)
    assert [each for each in first + rest if each != between] == ids[::-1]
    assert later not in rest


def test_filters(client: Client, store: FitStore) -> None:
    old = _accept(store, 0, tags=("nightly", "a"))
    other = _accept(store, 1, model="poisson-rate", version="2", tags=())
    running = _accept(store, 2, tags=("b",))
    store.begin_attempt(store.fit(running.id), worker="w", device="cpu")
    store.cancelled(old.id)
    expected: list[tuple[dict[str, Any], list[FitRequest]]] = [
        ({"model": "eight-schools"}, [running, old]),
        ({"model": "poisson-rate@2"}, [other]),
        ({"model": "poisson-rate@1"}, []),
        ({"status": "queued"}, [other]),
        ({"status": "running"}, [running]),
        ({"status": "cancelled"}, [old]),
        ({"tag": "a"}, [old]),
        ({"tag": "nightly", "status": "queued"}, []),
        ({"created_after": old.created_at.isoformat()}, [running, other]),
        ({"created_after": "2026-01-01T01:00:01.5+01:00"}, [running]),
        ({"created_after": "9999-12-31T23:59:59Z"}, []),
        ({"created_after": "0001-01-01T00:00:00+14:00"}, [running, other, old]),
    ]
    for query, fits in expected:
        for limit in (1, 100):
            assert _walk(client, limit=limit, **query) == [fit.id for fit in fits], query


def test_a_rare_filter_gives_short_pages(store: FitStore) -> None:
    ids = [_accept(store, second, tags=("rare",) if second in (0, 4) else ()).id for second in range(6)]
    pages, cursor = [], None
    while not pages or cursor is not None:
        page = listing.find_page(store, ListQuery(tag="rare", cursor=cursor), most_read=2)
        pages.append([fit.request.id for fit in page.fits])
        cursor = page.next_cursor
    assert pages == [[ids[4]], [], [ids[0]]]


def test_progress_and_place_are_those_of_each(client: Client, store: FitStore, settings: Settings) -> None:
    first, second, third = (client.post("/v1/fits", json=EIGHT_SCHOOLS).json()["id"] for _ in range(3))
    succeed(store, second)
    shown = {item["id"]: item["queue_position"] for item in client.get("/v1/fits").json()["items"]}
    assert shown == {first: 0, second: None, third: 2}
    away = settings.model_copy(update={"redis_url": "unix:///nowhere/redis.sock"})
    with open_client(create_app(away)) as alone:
        assert len(alone.get("/v1/fits").json()["items"]) == 3


def test_what_is_damaged_does_not_hide_the_rest(
    client: Client, store: FitStore, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    whole, damaged, never = (_accept(store, second).id for second in range(3))
    folder = settings.data_dir / "store" / "fits"
    (folder / damaged / "request.json").write_bytes(b"{")
    (folder / never / "request.json").unlink()
    (folder / "stranger").mkdir()
    assert _walk(client) == [whole]
    assert f"fit {damaged} is left out" in caplog.text


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "limit=x",
        "status=done",
        "created_after=yesterday",
        "created_after=2026-01-01T00:00:00",
        "cursor=..%2f..%2fetc",
        "cursor=",
        "tag=",
        "tags=a",
    ],
)
def test_queries_that_do_not_fit(client: Client, query: str) -> None:
    answer = client.get(f"/v1/fits?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input"), answer.text
    assert answer.json()["errors"][0]["pointer"] == f"?{query.partition('=')[0]}"
