"""Fields with an origin, levels and bounds, from the request to the results."""

import base64
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray

from app.main import create_app
from tacit.fits import FitStore, LocalBlobs
from tacit.settings import Settings
from tests.app.bodies import DRAWS, succeed
from tests.app.client import Client, open_client

MODEL = """
from model_registry import Field, Model
from tacit.ppl import Normal, plate

def program(time, arm, dose):
    drift = Normal(0.0, 1.0, name="drift")
    effect = Normal(0.0, 1.0, name="effect", sample_shape=(3,))
    with plate("N", len(time)):
        Normal(drift * time + effect[arm] + dose, 0.001, name="north")

model = Model(name="walk", title="T", description="D", program=program,
              data={"time": Field(("N",), unit="s", origin=1.7e9),
                    "arm": Field(("N",), levels=("control", "low", "high")),
                    "dose": Field(("N",), minimum=0, maximum=40),
                    "north": Field(("N",), unit="m", origin=5.8e6)},
              example={"time": [1700000001, 1700000002], "arm": ["low", "control"], "dose": [0, 1],
                       "north": [5800001.25, 5800002.5]})
"""
DATA = {
    "time": [1700000001, 1700000002, 1700000003],
    "arm": ["high", "control", "low"],
    "dose": [0, 40, 1],
    "north": [5800001.25, 5800002.5, 5800003],
}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, redis_server: Any, jax_cache: Path) -> Settings:
    folder = tmp_path_factory.mktemp("fields")
    (folder / "models").mkdir()
    (folder / "models" / "walk.py").write_text(MODEL)
    return Settings(
        data_dir=folder / "data",
        redis_url=f"{redis_server.url}?db=510",
        jax_cache_dir=jax_cache,
        model_path=(folder / "models",),
        port=0,
    )


@pytest.fixture(scope="module")
def client(settings: Settings) -> Iterator[Client]:
    with open_client(create_app(settings)) as client:
        yield client


@pytest.fixture(scope="module")
def fit(client: Client, settings: Settings) -> str:
    """The path of a finished fit; one draw of each variable is easy to recognise."""
    body = {"model": "walk", "data": DATA, "draws": DRAWS, "seed": 1}
    fit_id = client.post("/v1/fits", json=body).json()["id"]
    draws = {"drift": np.zeros(DRAWS, np.float32), "effect": np.tile(np.float32([10, 20, 30]), (DRAWS, 1))}
    succeed(FitStore(LocalBlobs(settings.data_dir / "store")), fit_id, draws)
    return f"/v1/fits/{fit_id}"


def _array(body: dict[str, Any]) -> list[float]:
    numbers: list[float] = np.frombuffer(base64.b64decode(body["data_b64"]), body["dtype"]).tolist()
    return numbers


def test_the_model_says_so(client: Client) -> None:
    described = client.get("/v1/models/walk").json()
    fields = {each["name"]: each for each in (*described["inputs"], *described["observed"])}
    told = {name: [each[key] for key in ("levels", "minimum", "maximum", "origin")] for name, each in fields.items()}
    assert told == {
        "time": [None, None, None, 1.7e9],
        "arm": [["control", "low", "high"], 0, 2, 0],
        "dose": [None, 0, 40, 0],
        "north": [None, None, None, 5.8e6],
    }
    assert described["example"]["data"]["arm"] == ["low", "control"]


def test_stored_data_are_what_was_sent_and_can_be_posted_again(client: Client, fit: str) -> None:
    data = client.get(f"{fit}/data").json()["data"]
    assert {name: _array(array) for name, array in data.items()} == {**DATA, "arm": [2, 0, 1]}
    again = client.post("/v1/fits", json={"model": "walk", "data": data, "draws": DRAWS, "seed": 1})
    assert (again.json()["id"], again.headers["fit-cache"]) == (fit.rpartition("/")[2], "hit")


@pytest.mark.parametrize(
    ("field", "values", "pointer", "says"),
    [
        ("arm", ["high", "control", "mid"], "/data/arm/2", "it must be one of control, low, high (or 0 to 2)."),
        ("arm", [0, 3, 1], "/data/arm/1", "arm[1] is 3; it must be one of control, low, high"),
        ("dose", [0, 41, 0], "/data/dose/1", "dose[1] is 41; it must be any finite number, at least 0, at most 40."),
        ("dose", [1e-46, 1, 2], "/data/dose/0", "dose[0] = 1e-46 becomes 0 in float32"),
        ("time", [0, 1, 2], "/data/time/0", "time[0] = 0 and time[1] = 1 less 1700000000 both become -1700000000"),
    ],
)
def test_bad_data_are_refused(client: Client, field: str, values: list[Any], pointer: str, says: str) -> None:
    answer = client.post("/v1/fits", json={"model": "walk", "data": {**DATA, field: values}})
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["pointer"] == pointer
    assert says in error["detail"]


def test_predictions_are_in_the_terms_of_the_data(client: Client, fit: str) -> None:
    own = client.get(f"{fit}/posterior-predictive").json()["vars"]["north"]
    np.testing.assert_allclose(own, [[5800030, 5800050, 5800021]] * DRAWS, rtol=0, atol=0.01)
    body = {"inputs": {"time": [1700000009, 1700000010], "arm": ["low", "high"], "dose": [1, 2]}}
    new = client.post(f"{fit}/posterior-predictive", json=body).json()["vars"]["north"]
    np.testing.assert_allclose(new, [[5800021, 5800032]] * DRAWS, rtol=0, atol=0.01)
    # What is not given stays as it was in the fit, whose origin is not subtracted twice.
    kept = client.post(f"{fit}/posterior-predictive", json={"inputs": {"arm": ["low"] * 3}, "set": {"drift": 100}})
    np.testing.assert_allclose(kept.json()["vars"]["north"], [[5800120, 5800260, 5800321]] * DRAWS, rtol=0, atol=0.01)
    prior = client.post(
        "/v1/models/walk/prior-predictive",
        json={**body, "set": {"north": [5800001.5, 5800002.75]}, "vars": ["north"], "draws": 2},
    )
    assert prior.json()["vars"]["north"] == [[5800001.5, 5800002.75]] * 2


@pytest.mark.parametrize(
    ("body", "pointer", "says"),
    [
        ({"inputs": {"time": [5, 6, 7]}}, "/inputs/time/0", "less 1700000000"),
        ({"inputs": {"dose": [0, 0, 41]}}, "/inputs/dose/2", "at most 40"),
        ({"inputs": {"arm": [0, 0, 3]}}, "/inputs/arm/2", "one of control, low, high"),
        ({"set": {"effect": [16777217, 16777218, 16777219]}}, "/set/effect/0", "which keeps about 7 digits"),
        ({"set": {"drift": 1e-46}}, "/set/drift", "use a smaller unit"),
    ],
)
def test_inputs_and_set_values_are_checked_like_data(
    client: Client, fit: str, body: dict[str, Any], pointer: str, says: str
) -> None:
    answer = client.post(f"{fit}/posterior-predictive", json=body)
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["pointer"] == pointer
    assert says.lower() in error["detail"].lower()


def test_files_have_the_data_as_sent_and_what_levels_mean(client: Client, fit: str) -> None:
    content = client.get(f"{fit}/posterior", headers={"accept": "application/x-netcdf"}).content
    with xarray.open_dataset(io.BytesIO(content), engine="h5netcdf", group="constant_data") as constant:
        assert constant["time"].values.tolist() == DATA["time"]
        assert constant["arm"].values.tolist() == [2, 0, 1]
        assert constant["arm"].attrs["flag_values"].tolist() == [0, 1, 2]
        assert constant["arm"].attrs["flag_meanings"] == "control low high"
    with xarray.open_dataset(io.BytesIO(content), engine="h5netcdf", group="observed_data") as observed:
        assert observed["north"].values.tolist() == DATA["north"]


def test_a_table_has_levels_by_name_for_a_field_that_has_them(client: Client) -> None:
    sent = {"content": b"arm,other\nhigh,low\n0,medium\n", "headers": {"content-type": "text/csv"}}
    arm, other = client.post("/v1/tables?model=walk&field=arm", **sent).json()["columns"]
    assert (arm["values"], arm["problem"], other["values"]) == (["high", 0], None, None)
    assert "Row 2 (line 3), column other: 'medium' is not a level" in other["problem"]
    assert "control, low, high" in other["problem"]
    arm, _ = client.post("/v1/tables?model=walk&field=dose", **sent).json()["columns"]
    assert "'high' is not a number" in arm["problem"]
