"""Who may ask to be told of the end of a fit, and how."""

from typing import Any

import pytest

from app.main import create_app
from tacit.fits import FitStore
from tacit.settings import Settings
from tests.app.bodies import EIGHT_SCHOOLS, succeed
from tests.app.client import Client, open_client

SECRET = "0123456789abcdef"
HOOK = {"url": "https://example.org:8443/hook?who=me", "secret": SECRET}


def _post(client: Client, *, key: str | None = None, **changes: Any) -> str:
    headers = {} if key is None else {"idempotency-key": key}
    answer = client.post("/v1/fits", json={**EIGHT_SCHOOLS, "webhook": HOOK, "seed": 1, **changes}, headers=headers)
    assert answer.status_code in (200, 202), answer.text
    assert SECRET not in answer.text
    return str(answer.json()["id"])


def test_each_who_asks_is_told_and_none_twice(client: Client, store: FitStore) -> None:
    fit_id = _post(client, key="k")
    assert _post(client, key="k") == fit_id
    assert len(store.webhooks.hooks(fit_id)) == 1
    assert _post(client) == fit_id
    succeed(store, fit_id)
    assert _post(client) == fit_id
    assert len(store.webhooks.hooks(fit_id)) == 3
    assert _post(client, webhook=None) == fit_id
    assert len(store.webhooks.hooks(fit_id)) == 3
    answer = client.get(f"/v1/fits/{fit_id}/webhooks")
    assert SECRET not in answer.text
    assert [(item["url"], item["state"], item["tries"]) for item in answer.json()["items"]] == [
        (HOOK["url"], "pending", 0)
    ] * 3


def test_no_fit_tells_nobody(client: Client) -> None:
    assert client.get(f"/v1/fits/{'fit_' + '0' * 36}/webhooks").status_code == 404


@pytest.mark.parametrize(
    ("hook", "pointer"),
    [
        ({**HOOK, "url": "ftp://example.org/"}, "/webhook/url"),
        ({**HOOK, "url": "example.org"}, "/webhook/url"),
        ({**HOOK, "url": "https:///hook"}, "/webhook/url"),
        ({**HOOK, "url": "https://example.org:port/"}, "/webhook/url"),
        ({**HOOK, "url": "https://me:secret@example.org/"}, "/webhook/url"),
        ({**HOOK, "url": "https://example.org/#x"}, "/webhook/url"),
        ({**HOOK, "url": "https://exämple.org/"}, "/webhook/url"),
        ({**HOOK, "url": "https://example.org/a b"}, "/webhook/url"),
        ({**HOOK, "url": "http://127.0.0.1/"}, "/webhook/url"),
        ({**HOOK, "url": "http://[::1]/"}, "/webhook/url"),
        ({**HOOK, "url": "http://[::1/"}, "/webhook/url"),
        ({**HOOK, "url": "http://localhost/"}, "/webhook/url"),
        ({**HOOK, "url": "https://example.org/" + "x" * 2000}, "/webhook/url"),
        ({**HOOK, "secret": "short"}, "/webhook/secret"),
        ({"url": HOOK["url"]}, "/webhook/secret"),
        ({**HOOK, "events": ["all"]}, "/webhook/events"),
        ("https://example.org/", "/webhook"),
    ],
)
def test_hooks_that_do_not_fit(client: Client, store: FitStore, hook: Any, pointer: str) -> None:
    answer = client.post("/v1/fits", json={**EIGHT_SCHOOLS, "webhook": hook})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer), answer.text
    assert SECRET not in answer.text
    assert store.fit_ids() == store.webhooks.pending() == []


def test_the_own_network_is_reached_when_a_setting_says_so(settings: Settings, store: FitStore) -> None:
    with open_client(create_app(settings.model_copy(update={"webhook_private": True}))) as client:
        fit_id = _post(client, webhook={**HOOK, "url": "http://127.0.0.1:9/"})
    assert store.webhooks.hooks(fit_id) == [fit_id]
