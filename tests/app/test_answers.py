"""Posteriors of other data from an amortized fit: what is refused, and why. tests/integration has one that answers."""

from typing import Any

import numpy as np
import pytest

from tacit.fits import FitStore
from tests.app.bodies import EIGHT_SCHOOLS, fail, miss, succeed
from tests.app.client import Client

MOONS: dict[str, Any] = {
    "model": "two-moons",
    "data": {"x": [0.1, -0.2]},
    "inference": {"objective": "amortized", "simulations": 1000, "steps": 200},
}
NARROW = {"calibration": {"coverage_50": {"theta": 0.2}, "coverage_90": {"theta": 0.41}, "offered": False}}
DRAWS = {"theta": np.zeros((6, 2), np.float32)}


@pytest.fixture
def uncalibrated(client: Client, store: FitStore) -> str:
    """An amortized fit whose posteriors are too narrow."""
    fit_id = str(client.post("/v1/fits", json={**MOONS, "seed": 1, "draws": 6}).json()["id"])
    succeed(store, fit_id, DRAWS, NARROW)
    return fit_id


def test_a_fit_that_is_not_calibrated_does_not_answer(client: Client, uncalibrated: str) -> None:
    answer = client.post(f"/v1/fits/{uncalibrated}/posterior", json={"data": {"x": [0.0, 0.0]}})
    assert (answer.status_code, answer.json()["code"]) == (409, "not_calibrated")
    assert "90% intervals of theta hold 41%" in answer.json()["detail"]


def test_a_fit_of_its_own_data_alone_does_not_answer(client: Client, store: FitStore) -> None:
    fit_id = client.post("/v1/fits", json=EIGHT_SCHOOLS).json()["id"]
    assert client.post(f"/v1/fits/{fit_id}/posterior", json={"data": {}}).json()["code"] == "not_finished"
    succeed(store, fit_id)
    answer = client.post(f"/v1/fits/{fit_id}/posterior", json={"data": EIGHT_SCHOOLS["data"]})
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert "objective 'amortized'" in answer.json()["detail"]


def refused(client: Client, body: dict[str, Any]) -> tuple[str, str]:
    answer = client.post("/v1/fits", json=body)
    assert answer.status_code == 422, answer.text
    (error,) = answer.json()["errors"]
    return error["pointer"], error["detail"]


def test_starts_that_cannot_be(client: Client, store: FitStore, uncalibrated: str) -> None:
    data = {"model": "two-moons", "data": MOONS["data"]}
    assert refused(client, {**data, "start_from": "fit_nothing"})[0] == "/start_from"
    assert "not calibrated" in refused(client, {**data, "start_from": uncalibrated})[1]
    pointer, detail = refused(client, {**EIGHT_SCHOOLS, "start_from": uncalibrated})
    assert (pointer, "is of two-moons@" in detail) == ("/start_from", True)
    other = {**data, "inference": {"objective": "amortized"}, "start_from": uncalibrated}
    assert refused(client, other)[0] == "/inference/objective"
    both = {
        **data,
        "inference": {"start": {"mean": [0, 0], "covariance": [[1, 0], [0, 1]]}},
        "start_from": uncalibrated,
    }
    assert refused(client, both)[0] == "/inference/start"
    waiting = client.post("/v1/fits", json={**MOONS, "seed": 2}).json()["id"]
    assert "queued; wait" in refused(client, {**data, "start_from": waiting})[1]
    fail(store, waiting)
    assert "ended as failed; give" in refused(client, {**data, "start_from": waiting})[1]
    missed = client.post("/v1/fits", json={**MOONS, "seed": 3}).json()["id"]
    miss(store, missed, DRAWS, NARROW)
    assert "ended as failed; give" in refused(client, {**data, "start_from": missed})[1]


def test_a_start_of_another_size_is_refused_before_it_is_queued(client: Client) -> None:
    body = {
        "model": "two-moons",
        "data": MOONS["data"],
        "inference": {"objective": "forward", "start": {"mean": [0.0], "covariance": [[1.0]]}},
    }
    pointer, detail = refused(client, body)
    assert pointer == "/inference/start"
    assert "2" in detail
    body["inference"]["start"] = {"mean": [0.0, 1.0], "covariance": [[1.0, 0.5], [0.5, 1.0]]}
    assert client.post("/v1/fits", json=body).status_code == 202


def test_objective_amortized_is_refused_for_latents_of_points(client: Client) -> None:
    example = client.get("/v1/models/eight-schools").json()["example"]
    pointer, _ = refused(client, {**example, "inference": {"objective": "amortized"}})
    assert pointer == "/inference/objective"
