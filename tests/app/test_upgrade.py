"""A new version beside an old one: what the form before wrote is served, what a later one wrote is left to it."""

import json
from pathlib import Path
from typing import Any

from tacit.fits import FitStore, Outcome, new_fit_id
from tacit.fits.records import FitRequest
from tacit.settings import Settings
from tests.app.bodies import DRAWS, EIGHT_SCHOOLS, make_draws, succeed
from tests.app.client import Client


def _written_before(client: Client, store: FitStore, folder: Path) -> str:
    """A fit with its result, as the second form of requests (no resolved options) had them on the disk."""
    made = client.post("/v1/fits", json={**EIGHT_SCHOOLS, "draws": DRAWS}).json()["id"]
    succeed(store, made)
    old = new_fit_id()
    (folder / made).rename(folder / old)
    _change(folder / old / "request.json", id=old, form=FitRequest.newest_form() - 1, resolved_options=...)
    return old


def _change(path: Path, **changes: Any) -> None:
    values = {**json.loads(path.read_bytes()), **changes}
    path.write_text(json.dumps({name: value for name, value in values.items() if value is not ...}))


def test_fits_of_the_form_before_are_served(client: Client, store: FitStore, settings: Settings) -> None:
    old = _written_before(client, store, settings.data_dir / "store" / "fits")
    assert FitRequest.newest_form() == 3, "describe the form before the newest above"
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
