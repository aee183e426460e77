"""The same computation is made once, unless asked otherwise."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
import redis

from tacit.engine import ENGINE_REVISION
from tacit.fits import Cache, FitStore, admit, keys, new_fit_id
from tacit.fits.quota import Quota
from tacit.fits.store import encode_data
from tests.app.bodies import EIGHT_SCHOOLS, fail, succeed
from tests.app.client import Client
from tests.fits.builders import ARRAYS, make_request

BODY = {**EIGHT_SCHOOLS, "seed": 1}


def _post(client: Client, body: dict[str, Any] = BODY, **headers: str) -> httpx.Response:
    return client.post("/v1/fits", json=body, headers={name.replace("_", "-"): text for name, text in headers.items()})


def _seen(answer: httpx.Response) -> tuple[int, str, str]:
    assert answer.headers["location"] == f"/v1/fits/{answer.json()['id']}"
    return answer.status_code, answer.headers["fit-cache"], answer.json()["id"]


def test_what_is_underway_is_joined_and_what_has_succeeded_is_found(client: Client, store: FitStore) -> None:
    status, cache, fit_id = _seen(_post(client))
    assert (status, cache) == (202, "miss")
    assert _seen(_post(client, {**BODY, "tags": ["other"]})) == (202, "coalesced", fit_id)
    store.begin_attempt(store.fit(fit_id), worker="w", device="cpu")
    assert _seen(_post(client)) == (202, "coalesced", fit_id)
    succeed(store, fit_id)
    found = _post(client)
    assert _seen(found) == (200, "hit", fit_id)
    assert found.json()["status"] == "succeeded"
    assert store.fit_ids() == [fit_id]


@pytest.mark.parametrize("change", [{"seed": 2}, {"draws": 7}, {"inference": {"steps": 300}}, {"seed": None}])
def test_what_differs_is_another_fit(client: Client, change: dict[str, Any]) -> None:
    _, _, fit_id = _seen(_post(client))
    status, cache, other = _seen(_post(client, {**BODY, **change}))
    assert (status, cache) == (202, "miss")
    assert other != fit_id


def test_another_engine_makes_its_own_fits(client: Client, store: FitStore, monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, first = _seen(_post(client))
    monkeypatch.setattr("app.submission.ENGINE_REVISION", ENGINE_REVISION + 1)
    status, cache, second = _seen(_post(client))
    assert (status, cache) == (202, "miss")
    assert [store.fit(each).request.engine_revision for each in (first, second)] == [
        ENGINE_REVISION,
        ENGINE_REVISION + 1,
    ]
    for each in (first, second):
        succeed(store, each)
    assert _seen(_post(client)) == (200, "hit", second)
    assert client.get(f"/v1/fits/{first}/summary").status_code == 200
    monkeypatch.undo()
    assert _seen(_post(client)) == (200, "hit", first)


def test_a_retry_by_another_engine_is_found_as_one_of_that_engine(
    client: Client, store: FitStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, _, first = _seen(_post(client))
    fail(store, first)
    monkeypatch.setattr("app.submission.ENGINE_REVISION", ENGINE_REVISION + 1)
    _, _, second = _seen(client.post(f"/v1/fits/{first}/retry"))
    assert store.fit(second).request.engine_revision == ENGINE_REVISION + 1
    assert _seen(_post(client)) == (202, "coalesced", second)
    monkeypatch.undo()
    assert _seen(_post(client))[1] == "miss"


def test_no_cache_forces_a_new_fit_and_the_next_find_that(client: Client, store: FitStore) -> None:
    _, _, first = _seen(_post(client))
    succeed(store, first)
    status, cache, second = _seen(_post(client, cache_control="max-age=0, No-Cache"))
    assert (status, cache) == (202, "miss")
    assert second != first
    assert _seen(_post(client)) == (202, "coalesced", second)


@pytest.mark.parametrize("end", ["fail", "cancel", "delete"])
def test_a_forced_fit_that_comes_to_nothing_does_not_hide_the_older_one(
    client: Client, store: FitStore, end: str
) -> None:
    _, _, first = _seen(_post(client))
    succeed(store, first)
    for _ in range(2):
        _, _, forced = _seen(_post(client, cache_control="no-cache"))
        if end == "fail":
            fail(store, forced)
        else:
            assert client.post(f"/v1/fits/{forced}/cancel").is_success
        if end == "delete":
            assert client.delete(f"/v1/fits/{forced}").is_success
        assert _seen(_post(client)) == (200, "hit", first)


def test_claims_that_came_to_nothing_do_not_pile_up(client: Client, store: FitStore) -> None:
    for _ in range(5):
        _, cache, fit_id = _seen(_post(client))
        assert cache == "miss"
        fail(store, fit_id)
    assert _seen(_post(client))[1] == "miss"
    assert [twin.number for twin in store.twins.newest_first(store.fit(fit_id).request)] == [6, 5]


def test_what_has_no_results_is_made_anew(client: Client, store: FitStore) -> None:
    ids = []
    for end in (
        lambda fit_id: fail(store, fit_id),
        lambda fit_id: client.post(f"/v1/fits/{fit_id}/cancel"),
        lambda fit_id: (succeed(store, fit_id), client.delete(f"/v1/fits/{fit_id}")),
        # A fit that is being cancelled will not help anyone either.
        lambda fit_id: store.request_cancel(fit_id),
    ):
        _, cache, fit_id = _seen(_post(client))
        assert cache == "miss"
        ids.append(fit_id)
        end(fit_id)
    assert _seen(_post(client))[1] == "miss"
    assert len(set(ids)) == 4


def test_a_retry_is_a_new_fit_that_the_next_find(client: Client, store: FitStore) -> None:
    _, _, first = _seen(_post(client))
    fail(store, first)
    status, cache, second = _seen(client.post(f"/v1/fits/{first}/retry"))
    assert (status, cache) == (202, "miss")
    assert _seen(_post(client)) == (202, "coalesced", second)


def test_of_many_at_once_one_becomes_a_fit(store: FitStore) -> None:
    data, artefact = encode_data(ARRAYS)

    def submit(_: int) -> tuple[Cache, str]:
        admitted = admit(store, Quota(store, most=100), make_request(id=new_fit_id(), data=artefact), data)
        return admitted.cache, admitted.fit.request.id

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(submit, range(48)))
    assert sorted(cache for cache, _ in answers) == [Cache.COALESCED] * 47 + [Cache.MISS]
    assert len({fit_id for _, fit_id in answers}) == 1
    assert len(store.open_fits()) == 1


def test_a_twin_for_another_device_is_not_waited_for(store: FitStore) -> None:
    data, artefact = encode_data(ARRAYS)
    for device in ("gpu", "cpu"):
        assert (
            admit(store, Quota(store, most=100), make_request(data=artefact, device=device), data).cache is Cache.MISS
        )


def test_who_died_before_storing_holds_nobody_up(store: FitStore, monkeypatch: pytest.MonkeyPatch) -> None:
    data, artefact = encode_data(ARRAYS)
    request = make_request(data=artefact)
    assert store.twins.claim(request, 1)
    monkeypatch.setattr("tacit.fits.admission._STORED_WITHIN", request.created_at - request.created_at)
    assert admit(store, Quota(store, most=100), make_request(data=artefact), data).cache is Cache.MISS


def test_a_fit_that_could_not_be_stored_leaves_no_claim(store: FitStore) -> None:
    data, artefact = encode_data(ARRAYS)
    request = make_request(data=artefact)
    store.accept(request, data)
    with pytest.raises(Exception, match="already"):
        admit(store, Quota(store, most=100), request, data)
    assert list(store.twins.newest_first(request)) == []


def test_high_goes_before_normal_before_low_and_each_in_its_order(client: Client, connection: redis.Redis) -> None:
    posted = [
        (priority, client.post("/v1/fits", json={**EIGHT_SCHOOLS, "priority": priority}).json())
        for priority in ("low", "normal", "high", "low", "high", "normal")
    ]
    order = [fit["id"] for wanted in ("high", "normal", "low") for priority, fit in posted if priority == wanted]
    waiting = [fit_id.decode() for fit_id in connection.lrange(keys.queue_list("cpu"), 0, -1)]
    assert waiting == order
    for place, fit_id in enumerate(order):
        assert client.get(f"/v1/fits/{fit_id}").json()["queue_position"] == place
    assert [fit["priority"] for _, fit in posted] == [priority for priority, _ in posted]


@pytest.mark.parametrize("priority", ["urgent", 1, None])
def test_other_priorities_are_refused(client: Client, priority: Any) -> None:
    answer = client.post("/v1/fits", json={**EIGHT_SCHOOLS, "priority": priority})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/priority")
