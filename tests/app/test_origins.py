"""Host names that the service does not go by, and pages of other sites, get nothing."""

from collections.abc import Iterator

import pytest

from app.main import create_app
from model_registry import Registry
from tacit.fits import FitStore
from tacit.settings import Settings
from tests.app.bodies import EIGHT_SCHOOLS
from tests.app.client import Client, open_client

JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:8000", "LOCALHOST.", "api.localhost:1", "127.0.0.1:8000", "[::1]:8000", "192.0.2.7"],
)
def test_loopback_names_and_addresses_are_answered(shared: tuple[Client, FitStore], host: str) -> None:
    assert shared[0].get("/v1/fits", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "localhost.evil.example", "127.0.0.1.evil.example"]
)
@pytest.mark.parametrize("path", ["/v1/fits", "/", "/livez", "/v1/fits/", "/openapi.json", "/nothing"])
def test_other_names_are_not(shared: tuple[Client, FitStore], host: str, path: str) -> None:
    """A page whose name leads to this machine (DNS rebinding) would see the service as a part of its own site."""
    found = shared[0].get(path, headers={"host": host})
    assert (found.status_code, found.json()["code"]) == (421, "wrong_host")
    assert "TACIT_ALLOWED_HOSTS" in found.json()["detail"]
    assert found.headers["x-request-id"] == found.json()["request_id"]


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:3000", "http://[::1", "file://"])
def test_pages_of_other_sites_change_nothing(shared: tuple[Client, FitStore], origin: str) -> None:
    client, _ = shared
    fit = client.post("/v1/fits", json=EIGHT_SCHOOLS | {"seed": 77}).json()["id"]
    asked = [
        client.post("/v1/fits", json=EIGHT_SCHOOLS, headers={"origin": origin}),
        client.post(f"/v1/fits/{fit}/cancel", headers={"origin": origin}),
        client.post(f"/v1/fits/{fit}/retry", headers={"origin": origin}),
        client.delete(f"/v1/fits/{fit}", headers={"origin": origin}),
    ]
    assert {(each.status_code, each.json()["code"]) for each in asked} == {(403, "foreign_origin")}
    assert client.get(f"/v1/fits/{fit}").json()["status"] == "queued"
    assert client.get(f"/v1/fits/{fit}", headers={"origin": origin}).status_code == 200


def test_the_service_s_own_page_may(shared: tuple[Client, FitStore]) -> None:
    headers = {"host": "127.0.0.1:8000", "origin": "http://127.0.0.1:8000"}
    assert shared[0].post("/v1/fits", json=EIGHT_SCHOOLS, headers=headers).status_code in (200, 202)


@pytest.fixture(scope="module")
def named(
    tmp_path_factory: pytest.TempPathFactory, shared: tuple[Client, FitStore], registry: Registry
) -> Iterator[Client]:
    """An API that goes by a name."""
    settings: Settings = shared[0].app.state.service.settings
    changed = {"data_dir": tmp_path_factory.mktemp("named"), "allowed_hosts": ("Tacit.example",)}
    with open_client(create_app(settings.model_copy(update=changed), registry=registry)) as client:
        yield client


def test_names_that_the_operator_gave_are_answered(named: Client) -> None:
    headers = {"host": "tacit.example", "origin": "https://tacit.example"}
    assert named.post("/v1/fits", json=EIGHT_SCHOOLS, headers=headers).status_code == 202
    # A page there may ask the service by another of its names.
    assert named.post("/v1/fits", json=EIGHT_SCHOOLS, headers={"origin": "https://tacit.example"}).status_code == 202
    assert named.get("/v1/fits", headers={"host": "other.example"}).status_code == 421


def test_names_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TACIT_ALLOWED_HOSTS", "tacit.example, other.example,")
    settings = Settings()
    assert settings.allowed_hosts == ("tacit.example", "other.example")
    assert settings.environment()["TACIT_ALLOWED_HOSTS"] == "tacit.example,other.example"
