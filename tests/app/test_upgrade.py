"""A new version beside an old one: what the form before wrote is served, what a later one wrote is left to it."""

import json
from pathlib import Path
from typing import Any

import pytest

from tacit.fits import FitStore, Outcome, new_fit_id
from tacit.fits.records import FitRequest
from tacit.settings import Settings
from tests.app.bodies import DRAWS, EIGHT_SCHOOLS, make_draws, succeed
from tests.app.client import Client

# What requests of a form lack that those of the next have.
LACKING = {1: ("owner", "priority"), 2: ("engine_revision", "origins", "resolved_options")}


def _written_before(client: Client, store: FitStore, folder: Path, form: int) -> str:
    """A fit with its result, as an earlier form of requests had them on the disk."""
    made = client.post("/v1/fits", json={**EIGHT_SCHOOLS, "draws": DRAWS}).json()["id"]
    succeed(store, made)
    old = new_fit_id()
    (folder / made).rename(folder / old)
    lacking = {name: ... for since in range(form, FitRequest.newest_form()) for name in LACKING[since]}
    _change(folder / old / "request.json", id=old, form=form, **lacking)
    return old


def _change(path: Path, **changes: Any) -> None:
    values = {**json.loads(path.read_bytes()), **changes}
    path.write_text(json.dumps({name: value for name, value in values.items() if value is not ...}))


@pytest.mark.parametrize("form", range(1, FitRequest.newest_form()))
def test_fits_of_the_forms_before_are_served(client: Client, store: FitStore, settings: Settings, form: int) -> None:
    old = _written_before(client, store, settings.data_dir / "store" / "fits", form)
    shown = client.get(f"/v1/fits/{old}").json()
    assert (shown["id"], shown["status"], shown["resolved_inference"]) == (old, "succeeded", None)
    assert client.get(f"/v1/fits/{old}/posterior").json()["vars"]["mu"] == make_draws()["mu"].tolist()
    for part in ("summary", "diagnostics", "losses"):
        assert client.get(f"/v1/fits/{old}/{part}").status_code == 200
    assert [fit["id"] for fit in client.get("/v1/fits").json()["items"]] == [old]
    assert client.delete(f"/v1/fits/{old}").status_code == 204


def test_records_of_a_later_form_are_left_to_a_later_version(
    client: Client, store: FitStore, settings: Settings
) -> None:
    folder = settings.data_dir / "store" / "fits"
    for name, newest in (("request", FitRequest.newest_form()), ("outcome", Outcome.newest_form())):
        fit_id = client.post("/v1/fits", json={**EIGHT_SCHOOLS, "draws": DRAWS}).json()["id"]
        succeed(store, fit_id)
        _change(folder / fit_id / f"{name}.json", form=newest + 1, invented="later")
        for path in ("", "/summary", "/posterior"):
            answer = client.get(f"/v1/fits/{fit_id}{path}")
            assert (answer.status_code, answer.json()["code"]) == (503, "unavailable"), path
            assert "newer version" in answer.json()["detail"]
            assert int(answer.headers["retry-after"]) > 0
