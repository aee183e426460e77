"""Who gets in, and to what."""

import threading
from collections.abc import Iterator
from typing import NamedTuple

import httpx
import pytest
import redis

from app.main import create_app
from tacit.fits import ApiKeys, FitStore, Outcome, Scope, Status, keys, open_keys, records
from tacit.settings import Settings
from tests.app.bodies import DRAWS, EIGHT_SCHOOLS, succeed
from tests.app.client import Client, open_client
from tests.running import wait_for

_ABOUT_A_FIT = ("", "/summary", "/diagnostics", "/losses", "/posterior", "/posterior-predictive")


class Closed(NamedTuple):
    """An API that needs keys, and keys for it."""

    client: Client
    keys: ApiKeys
    tokens: dict[str, str]

    def get(self, path: str, who: str) -> int:
        return self.client.get(path, headers=self.as_(who)).status_code

    def as_(self, who: str) -> dict[str, str]:
        return {"authorization": f"Bearer {self.tokens[who]}"}

    def post(self, who: str) -> str:
        answer = self.client.post("/v1/fits", json={**EIGHT_SCHOOLS, "draws": DRAWS}, headers=self.as_(who))
        assert answer.status_code == 202, answer.text
        fit_id: str = answer.json()["id"]
        return fit_id


@pytest.fixture
def closed(settings: Settings) -> Iterator[Closed]:
    made = open_keys(settings)
    users = {"ann": [Scope.READ, Scope.SUBMIT], "bob": [Scope.READ, Scope.SUBMIT], "root": [Scope.ADMIN]}
    tokens = {name: made.create(name, scopes)[1] for name, scopes in users.items()}
    tokens["reader"] = made.create("reader", [Scope.READ], owner=made.all()[0].key.id)[1]
    with open_client(create_app(settings)) as client:
        yield Closed(client, made, tokens)


def test_without_a_key_only_the_state_of_the_service_is_told(closed: Closed) -> None:
    document = closed.client.get("/openapi.json").json()
    guarded = 0
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            status = closed.client.request(method.upper(), path.replace("{", "").replace("}", "")).status_code
            assert (status == 401) == path.startswith(("/v1/", "/metrics")), (method, path, status)
            assert ("security" in operation) == (status == 401)
            guarded += status == 401
    assert guarded >= 10


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer x", "Basic eDp5", "Bearer tacit_" + "0" * 20 + "_" + "0" * 52]
)
def test_what_is_no_key(closed: Closed, header: str) -> None:
    answer = closed.client.get("/v1/models", headers={"authorization": header})
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_nobody_is_heard_before_the_key_is_seen(closed: Closed) -> None:
    answer = closed.client.post("/v1/fits", content=b"{", headers={"content-type": "application/json"})
    assert answer.status_code == 401


def test_scopes(closed: Closed, store: FitStore) -> None:
    fit_id = closed.post("ann")
    for method, path in (("POST", "/v1/fits"), ("POST", f"/v1/fits/{fit_id}/cancel"), ("DELETE", f"/v1/fits/{fit_id}")):
        answer = closed.client.request(method, path, headers=closed.as_("reader"))
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert closed.get(f"/v1/fits/{fit_id}", "reader") == 200
    assert store.fit(fit_id).cancel is None


def test_fits_of_others_are_not_there(closed: Closed, store: FitStore) -> None:
    fit_id = closed.post("ann")
    succeed(store, fit_id)
    for who, status in (("ann", 200), ("root", 200), ("bob", 404)):
        for path in _ABOUT_A_FIT:
            assert closed.get(f"/v1/fits/{fit_id}{path}", who) == status, (who, path)
    absent = closed.client.get(f"/v1/fits/{fit_id[:-1]}", headers=closed.as_("bob")).json()
    hidden = closed.client.get(f"/v1/fits/{fit_id}", headers=closed.as_("bob")).json()
    assert absent["detail"].replace(fit_id[:-1], "") == hidden["detail"].replace(fit_id, "")
    for method, path in (("POST", "/cancel"), ("POST", "/retry"), ("DELETE", "")):
        answer = closed.client.request(method, f"/v1/fits/{fit_id}{path}", headers=closed.as_("bob"))
        assert answer.status_code == 404
    assert store.fit(fit_id).outcome is not None


def test_lists_show_what_the_caller_may_see(closed: Closed) -> None:
    mine, other = closed.post("ann"), closed.post("bob")

    def listed(who: str) -> list[str]:
        page = closed.client.get("/v1/fits?limit=1", headers=closed.as_(who)).json()
        found = [fit["id"] for fit in page["items"]]
        while page["next_cursor"]:
            page = closed.client.get(f"/v1/fits?limit=1&cursor={page['next_cursor']}", headers=closed.as_(who)).json()
            found += [fit["id"] for fit in page["items"]]
        return found

    assert (listed("ann"), listed("bob"), listed("root")) == ([mine], [other], [other, mine])


def test_nobody_learns_what_another_one_fits(closed: Closed) -> None:
    body = {**EIGHT_SCHOOLS, "seed": 1}
    caches = [
        closed.client.post("/v1/fits", json=body, headers=closed.as_(who)).headers["fit-cache"]
        for who in ("ann", "bob", "ann")
    ]
    assert caches == ["miss", "miss", "coalesced"]


def test_a_deleted_fit_leaves_no_trace_of_its_owner(closed: Closed, store: FitStore) -> None:
    fit_id = closed.post("ann")
    succeed(store, fit_id)
    owner = store.owner(fit_id)
    assert store.fit_ids(owner=owner) == [fit_id]
    assert closed.client.delete(f"/v1/fits/{fit_id}", headers=closed.as_("ann")).status_code == 204
    assert store.fit_ids(owner=owner) == []


def test_keys_made_and_revoked_while_the_service_runs(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.gate._REMEMBERED_S", -1.0)
    made = open_keys(settings)
    with open_client(create_app(settings)) as client:
        before = client.post("/v1/fits", json=EIGHT_SCHOOLS).json()["id"]
        key, token = made.create("first", [Scope.READ])
        assert client.get("/v1/fits").status_code == 401
        headers = {"authorization": f"bearer {token}"}
        assert client.get("/v1/fits", headers=headers).json()["items"] == []
        assert client.get(f"/v1/fits/{before}", headers=headers).status_code == 404, "it was nobody's"
        made.revoke(key.id)
        assert client.get("/v1/fits", headers=headers).status_code == 401


def test_requests_beyond_the_rate_are_refused_by_every_process(settings: Settings) -> None:
    slow = settings.model_copy(update={"max_requests_per_minute": 12})
    with open_client(create_app(slow)) as one, open_client(create_app(slow)) as other:
        statuses = [client.get("/v1/models").status_code for client in (one, other, one)]
        assert statuses == [200, 200, 429]
        answer = other.get("/v1/models")
        assert answer.json()["code"] == "too_many_requests"
        assert 1 <= int(answer.headers["retry-after"]) <= 6
        assert other.get("/livez").status_code == 200


def test_the_rate_is_counted_by_key(settings: Settings) -> None:
    made = open_keys(settings)
    headers = [{"authorization": f"Bearer {made.create(name, [Scope.READ])[1]}"} for name in "ab"]
    with open_client(create_app(settings.model_copy(update={"max_requests_per_minute": 1}))) as client:
        assert [client.get("/v1/models", headers=each).status_code for each in (*headers, *headers)] == [
            200,
            200,
            429,
            429,
        ]


_WRONG = {"authorization": "Bearer tacit_" + "0" * 20 + "_" + "0" * 52}


def test_wrong_keys_beyond_the_rate_are_refused_by_address(settings: Settings, connection: redis.Redis) -> None:
    made = open_keys(settings)
    early, late = ({"authorization": f"Bearer {made.create(name, [Scope.READ])[1]}"} for name in "ab")
    with open_client(create_app(settings.model_copy(update={"max_wrong_keys_per_minute": 12}))) as client:
        assert client.get("/v1/models", headers=early).status_code == 200

        def tries(headers: dict[str, str]) -> list[int]:
            return [client.get("/v1/models", headers=headers).status_code for _ in range(4)]

        # A burst of two, then one every five seconds.
        assert tries({}) == [401] * 4, "none is no try"
        assert tries(_WRONG) == [401, 401, 429, 429]
        refused = client.get("/v1/models", headers={"authorization": "Basic eDp5"})
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
        assert 1 <= int(refused.headers["retry-after"]) <= 5
        assert tries(early) == [200] * 4, "it was good before"
        assert tries(late) == [429] * 4, "a guess would look the same"
        assert tries({}) == [401] * 4
        (name,) = connection.keys("tacit:wrong-keys:*")
        assert name == keys.wrong_keys("127.0.0.1").encode()
        connection.delete(name)
        assert tries(late) == [200] * 4


def test_a_stream_ends_when_its_key_is_revoked(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.gate._REMEMBERED_S", 0.05)
    monkeypatch.setattr("app.routes.events._KEY_LOOK_S", 0.05)
    made = open_keys(settings)
    (gone, token), (_, other) = (made.create(name, [Scope.READ, Scope.SUBMIT]) for name in "ab")
    with open_client(create_app(settings)) as client:
        fit_id = client.post("/v1/fits", json=EIGHT_SCHOOLS, headers={"authorization": f"Bearer {token}"}).json()["id"]
        headers = {"authorization": f"Bearer {token}", "accept": "text/event-stream"}
        answers: list[httpx.Response] = []
        path = f"/v1/fits/{fit_id}/events"
        following = threading.Thread(target=lambda: answers.append(client.get(path, headers=headers)))
        following.start()
        wait_for(lambda: client.app.state.service.signals._watches.get(fit_id), what="the stream to be open")
        # The fit waits for ever, and so would the stream: nobody works here.
        made.revoke(gone.id)
        following.join(timeout=60)
        assert [answer.status_code for answer in answers] == [200]
        assert "terminal" not in answers[0].text
        again = client.get(f"/v1/fits/{fit_id}/events", headers=headers)
        assert again.status_code == 401
        assert client.get("/v1/fits", headers={"authorization": f"Bearer {other}"}).status_code == 200


@pytest.mark.parametrize("prefer", [False, True])
def test_a_held_answer_is_not_given_when_its_key_was_revoked(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, prefer: bool
) -> None:
    monkeypatch.setattr("app.gate._REMEMBERED_S", 0.05)
    made = open_keys(settings)
    key, token = made.create("a", [Scope.READ, Scope.SUBMIT])
    headers = {"authorization": f"Bearer {token}"}
    with open_client(create_app(settings)) as client:
        answers: list[httpx.Response] = []

        def ask() -> None:
            if prefer:
                answers.append(client.post("/v1/fits", json=EIGHT_SCHOOLS, headers={**headers, "prefer": "wait=60"}))
            else:
                fit = client.post("/v1/fits", json=EIGHT_SCHOOLS, headers=headers).json()
                answers.append(client.get(f"/v1/fits/{fit['id']}?wait=60", headers=headers))

        asking = threading.Thread(target=ask)
        asking.start()
        watches = client.app.state.service.signals._watches
        fit_id = wait_for(lambda: next(iter(watches), None), what="the answer to be held")
        made.revoke(key.id)
        wait_for(lambda: not client.call(_admits, client, token), what="the key to be forgotten")
        client.app.state.service.store.cancelled(fit_id)
        asking.join(timeout=60)
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(401, "unauthorized")]


async def _admits(client: Client, token: str) -> bool:
    return await client.app.state.gate._find(token) is not None


def test_without_redis_requests_are_not_counted(settings: Settings) -> None:
    away = {"redis_url": "unix:///nowhere/redis.sock", "max_requests_per_minute": 1}
    with open_client(create_app(settings.model_copy(update=away))) as client:
        assert [client.get("/v1/models").status_code for _ in range(3)] == [200] * 3


def test_queued_fits_are_bounded_by_owner(settings: Settings, store: FitStore, connection: redis.Redis) -> None:
    made = open_keys(settings)
    tokens = [made.create(name, [Scope.READ, Scope.SUBMIT])[1] for name in "ab"]
    ann, bob = ({"authorization": f"Bearer {token}"} for token in tokens)
    with open_client(create_app(settings.model_copy(update={"max_queued_fits": 2}))) as client:

        def post(who: dict[str, str], seed: int) -> int:
            return client.post("/v1/fits", json={**EIGHT_SCHOOLS, "seed": seed}, headers=who).status_code

        assert [post(ann, 1), post(ann, 2), post(ann, 3), post(bob, 4)] == [202, 202, 429, 202]
        refused = client.post("/v1/fits", json={**EIGHT_SCHOOLS, "seed": 5}, headers=ann)
        assert (refused.json()["code"], refused.headers["retry-after"]) == ("too_many_fits", "10")
        assert len(store.open_fits()) == 3
        first = store.open_fits()[0]
        store.begin_attempt(store.fit(first), worker="w", device="cpu")
        assert [post(ann, 6), post(ann, 7)] == [202, 429], "one that runs does not wait"
        store.finish(first, Outcome(status=Status.CANCELLED, finished_at=records.now()))
        assert post(ann, 8) == 429, "nor does one that has ended"
        waits = store.fit_ids(owner=store.owner(first))[0]
        assert client.post(f"/v1/fits/{waits}/cancel", headers=ann).json()["status"] == "cancelled"
        assert post(ann, 9) == 202
