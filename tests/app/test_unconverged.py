"""Fits that were computed to their end and have not converged: they failed, and keep their draws."""

import json
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
import pytest

from app.formats import FORMATS
from tacit.fits import FitStore, webhooks
from tests.app.bodies import DRAWS, EIGHT_SCHOOLS, REASON, fail, make_draws, miss, succeed
from tests.app.client import Client
from tests.app.test_formats import read

JSON, NPZ, ARROW, NETCDF = FORMATS

# Whatever shows draws: a method, a path and a body, without what asks for draws that are no posterior.
DRAWN: list[tuple[str, str, dict[str, Any] | None]] = [
    ("GET", "summary", None),
    ("GET", "posterior", None),
    ("GET", "posterior-predictive", None),
    ("POST", "posterior-predictive", {"quantiles": [0.5]}),
]


def _fit(client: Client) -> str:
    return str(client.post("/v1/fits", json={**EIGHT_SCHOOLS, "draws": DRAWS}).json()["id"])


@pytest.fixture(scope="module")
def client(shared: tuple[Client, FitStore]) -> Client:
    return shared[0]


@pytest.fixture(scope="module")
def store(shared: tuple[Client, FitStore]) -> FitStore:
    return shared[1]


@pytest.fixture(scope="module")
def missed(client: Client, store: FitStore) -> str:
    """A fit that has not converged."""
    fit_id = _fit(client)
    miss(store, fit_id)
    return fit_id


def _ask(
    client: Client,
    fit_id: str,
    method: str,
    path: str,
    body: dict[str, Any] | None,
    *,
    unconverged: bool,
    form: str = "",
) -> httpx.Response:
    """The parameter goes where the others of the request are."""
    given: dict[str, Any] = {"unconverged": True} if unconverged else {}
    place: dict[str, Any] = {"params": given} if body is None else {"json": {**body, **given}}
    return client.request(method, f"/v1/fits/{fit_id}/{path}", headers={"accept": form or JSON}, **place)


def test_it_has_failed_and_says_why(client: Client, missed: str) -> None:
    fit = client.get(f"/v1/fits/{missed}").json()
    assert (fit["status"], fit["warnings"]) == ("failed", ["It wobbles."])
    assert fit["error"] == {"code": "not_converged", "message": REASON}


def test_figures_and_losses_are_there_to_explain_it(client: Client, missed: str) -> None:
    figures = client.get(f"/v1/fits/{missed}/diagnostics")
    assert figures.status_code == 200, figures.text
    assert figures.json()["figures"]["k_hat"] == 0.25
    assert (figures.json()["warnings"], figures.json()["not_converged"]) == (["It wobbles."], REASON)
    losses = client.get(f"/v1/fits/{missed}/losses")
    assert (losses.status_code, losses.json()["step"]) == (200, [25, 125, 200])


@pytest.mark.parametrize(("method", "path", "body"), DRAWN)
def test_its_draws_are_refused_with_the_reason_and_the_way_to_them(
    client: Client, missed: str, method: str, path: str, body: dict[str, Any] | None
) -> None:
    answer = _ask(client, missed, method, path, body, unconverged=False)
    assert (answer.status_code, answer.json()["code"]) == (409, "not_converged")
    assert REASON in answer.json()["detail"]
    assert "`unconverged=true`" in answer.json()["detail"]
    refused = (
        client.get(f"/v1/fits/{missed}/{path}?unconverged=maybe")
        if body is None
        else client.post(f"/v1/fits/{missed}/{path}", json={**body, "unconverged": "true"})
    )
    assert (refused.status_code, refused.json()["errors"][0]["pointer"][1:]) == (422, "unconverged")


@pytest.mark.parametrize(("method", "path", "body"), DRAWN)
def test_who_asks_for_them_gets_them_and_they_say_what_they_are(
    client: Client, missed: str, method: str, path: str, body: dict[str, Any] | None
) -> None:
    answer = _ask(client, missed, method, path, body, unconverged=True)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["converged"], answer.headers["fit-converged"]) == (False, "false")
    assert {"mu", "y"} & set(answer.json()["vars"])


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("path", ["posterior", "posterior-predictive"])
def test_every_form_says_it(client: Client, missed: str, tmp_path: Path, path: str, form: str) -> None:
    answer = _ask(client, missed, "GET", path, None, unconverged=True, form=form)
    assert (answer.status_code, answer.headers["fit-converged"]) == (200, "false")
    found = read(form, answer.content, tmp_path)
    if form == NETCDF:
        assert {found[name].attrs["converged"] for name in ("posterior", "observed_data")} == {0}
    else:
        assert set(found) <= {"mu", "tau", "theta", "theta_offset", "y"}
    if form == ARROW:
        metadata = pa.ipc.open_stream(answer.content).schema.metadata
        assert json.loads(metadata[b"converged"]) is False
    if form != JSON:
        assert f"{missed}-{path}-unconverged." in answer.headers["content-disposition"]
    if path == "posterior" and form != NETCDF:
        np.testing.assert_array_equal(found["mu"], make_draws()["mu"])


@pytest.mark.parametrize("unconverged", [False, True])
def test_of_a_fit_that_has_succeeded_nothing_is_said(client: Client, store: FitStore, unconverged: bool) -> None:
    fit_id = _fit(client)
    succeed(store, fit_id)
    for method, path, body in DRAWN:
        answer = _ask(client, fit_id, method, path, body, unconverged=unconverged)
        assert answer.status_code == 200
        assert "converged" not in answer.json()
        assert "fit-converged" not in answer.headers
    assert "not_converged" not in client.get(f"/v1/fits/{fit_id}/diagnostics").json()
    named = _ask(client, fit_id, "GET", "posterior", None, unconverged=unconverged, form=NPZ)
    assert named.headers["content-disposition"].endswith('-posterior.npz"')


@pytest.mark.parametrize(("method", "path", "body"), DRAWN)
def test_what_broke_down_has_no_draws_to_ask_for(
    client: Client, store: FitStore, method: str, path: str, body: dict[str, Any] | None
) -> None:
    fit_id = _fit(client)
    fail(store, fit_id)
    answer = _ask(client, fit_id, method, path, body, unconverged=True)
    assert (answer.status_code, answer.json()["code"]) == (409, "no_result")


def test_it_answers_no_other_request(client: Client, store: FitStore) -> None:
    body = {**EIGHT_SCHOOLS, "draws": DRAWS, "seed": 5}
    fit_id = client.post("/v1/fits", json=body).json()["id"]
    miss(store, fit_id)
    again = client.post("/v1/fits", json=body)
    assert (again.status_code, again.headers["fit-cache"]) == (202, "miss")
    assert again.json()["id"] != fit_id


def test_it_is_not_retried_since_it_would_end_the_same_way(client: Client, store: FitStore, missed: str) -> None:
    before = store.fit_ids()
    answer = client.post(f"/v1/fits/{missed}/retry")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_converged")
    assert "post a new fit with changed options or data" in answer.json()["detail"]
    assert REASON in answer.json()["detail"]
    assert store.fit_ids() == before


def test_its_checkpoints_are_of_no_more_use(client: Client, store: FitStore) -> None:
    fit_id = _fit(client)
    store.put_checkpoint(fit_id, 1, 125, {"state": np.arange(3.0)})
    miss(store, fit_id)
    assert store.checkpoint(fit_id) is None


def test_events_and_webhooks_tell_it_as_any_failure(client: Client, store: FitStore, missed: str) -> None:
    failure = {"code": "not_converged", "message": REASON}
    last = client.get(f"/v1/fits/{missed}/events").json()["items"][-1]
    assert (last["type"], last["data"]["status"], last["data"]["error"]) == ("terminal", "failed", failure)
    told = json.loads(webhooks.message(store.fit(missed)))
    assert (told["type"], told["fit"]["error"]) == ("fit.failed", failure)


def test_posteriors_of_other_data_are_refused_alike(client: Client, store: FitStore) -> None:
    body = {"model": "two-moons", "data": {"x": [0.1, -0.2]}, "seed": 1, "draws": 6}
    inference = {"objective": "amortized", "simulations": 1000, "steps": 200}
    fit_id = client.post("/v1/fits", json={**body, "inference": inference}).json()["id"]
    miss(store, fit_id, {"theta": np.zeros((6, 2), np.float32)})
    answer = client.post(f"/v1/fits/{fit_id}/posterior", json={"data": {"x": [0.0, 0.0]}})
    assert (answer.status_code, answer.json()["code"]) == (409, "not_converged")
