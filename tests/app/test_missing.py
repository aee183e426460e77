"""Data with missing values over HTTP: sent, kept, given back, scored and drawn."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from app.main import create_app
from tacit.fits import FitStore, LocalBlobs
from tacit.settings import Settings
from tests.app.bodies import succeed
from tests.app.client import Client, open_client

with warnings.catch_warnings():
    warnings.simplefilter("ignore", FutureWarning)  # it announces a version to come
    import arviz

MODELS = """
import jax.numpy as jnp
from model_registry import Field, Model
from tacit.ppl import MultivariateNormal, Normal, Poisson, plate

def program(N):
    level = Normal(0.0, 1.0, name="level")
    with plate("N", N, dim=-2):
        Normal(level, jnp.ones(2), name="y")
    with plate("N", N):
        Poisson(jnp.exp(level), name="n")

def pairs(N):
    level = Normal(jnp.zeros(2), 1.0, name="level")
    with plate("N", N):
        MultivariateNormal(level, jnp.eye(2), name="y")
"""
SERVED = {
    "rows": "program=program, data={'y': Field(('N', 2), missing=True), "
    "'n': Field(('N',), 'int', 'nonnegative', missing=True)}, example={'y': [[1.0, 2.0]], 'n': [1]}",
    "pairs": "program=pairs, data={'y': Field(('N', 2), missing=True)}, example={'y': [[1.0, 2.0]]}",
}
DATA = {"y": [[0.5, None], [1.0, 2.0], [None, None]], "n": [None, 3, 1]}
LEVEL = np.array([0.0, 1.0], np.float32)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, redis_server: Any, jax_cache: Path) -> Settings:
    folder = tmp_path_factory.mktemp("missing")
    (folder / "models").mkdir()
    for name, rest in SERVED.items():
        text = f"{MODELS}\nmodel = Model(name='{name}', title='T', description='D', {rest})\n"
        (folder / "models" / f"{name}.py").write_text(text)
    return Settings(
        data_dir=folder / "data",
        redis_url=f"{redis_server.url}?db=509",
        jax_cache_dir=jax_cache,
        model_path=(folder / "models",),
        port=0,
    )


@pytest.fixture(scope="module")
def client(settings: Settings) -> Iterator[Client]:
    with open_client(create_app(settings)) as client:
        yield client


def _fitted(client: Client, settings: Settings, model: str, data: Any, level: Any) -> str:
    made = client.post("/v1/fits", json={"model": model, "data": data, "draws": len(level), "seed": 1})
    assert made.status_code == 202, made.text
    succeed(FitStore(LocalBlobs(settings.data_dir / "store")), made.json()["id"], {"level": level})
    return f"/v1/fits/{made.json()['id']}"


@pytest.fixture(scope="module")
def path(client: Client, settings: Settings) -> str:
    """A finished fit, its draws given."""
    return _fitted(client, settings, "rows", DATA, LEVEL)


def test_the_data_come_back_with_null_and_can_be_posted_again(client: Client, path: str) -> None:
    data = client.get(f"{path}/data").json()["data"]
    assert data == DATA
    again = client.post("/v1/fits", json={"model": "rows", "data": data, "draws": 2, "seed": 1})
    assert f"/v1/fits/{again.json()['id']}" == path


def test_gaps_are_part_of_what_a_fit_is_of(client: Client, path: str) -> None:
    """Zero is what stands where a number is missing."""
    zeros = {"y": [[0.5, 0.0], [1.0, 2.0], [0.0, 0.0]], "n": [0, 3, 1]}
    for data in (zeros, {**DATA, "n": [0, 3, 1]}, {**DATA, "y": zeros["y"]}):
        other = client.post("/v1/fits", json={"model": "rows", "data": data, "draws": 2, "seed": 1}).json()
        assert other["fingerprint"] != client.get(path).json()["fingerprint"]


def test_the_log_likelihood_is_of_what_was_observed(client: Client, path: str) -> None:
    found = client.post(f"{path}/posterior-predictive", json={"log_likelihood": True}).json()["log_likelihood"]
    log_normal, log_poisson = stats.norm.logpdf, stats.poisson.logpmf
    for draw, level in enumerate(LEVEL):
        one, two = log_normal(0.5, level), log_normal(1.0, level) + log_normal(2.0, level)
        assert found["y"][draw][:2] == pytest.approx([one, two], rel=1e-5)
        assert found["n"][draw][1:] == pytest.approx(log_poisson([3, 1], np.exp(level)), rel=1e-5)
        assert (found["y"][draw][2], found["n"][draw][0]) == (None, None)


def test_predictions_are_of_all_numbers_the_missing_ones_too(client: Client, path: str) -> None:
    body = {"draws": 400, "seed": 2}
    y = np.array(client.post(f"{path}/posterior-predictive", json=body).json()["vars"]["y"], np.float64)
    assert y.shape == (400, 3, 2)
    # Of a missing number, in 200 draws at a level of 0 and as many at 1: within 4 standard errors.
    for level in (0, 1):
        assert y[level::2, 2, 1].mean() == pytest.approx(level, abs=4 / np.sqrt(200))


def test_arviz_sees_nan(client: Client, path: str, tmp_path: Path) -> None:
    answer = client.get(f"{path}/posterior", headers={"Accept": "application/x-netcdf"})
    (tmp_path / "fit.nc").write_bytes(answer.content)
    observed = arviz.from_netcdf(tmp_path / "fit.nc")["observed_data"]
    np.testing.assert_array_equal(observed["y"], np.array(DATA["y"], np.float64))
    np.testing.assert_array_equal(observed["n"], [np.nan, 3, 1])


def test_a_density_that_cannot_be_had_is_refused_before_it_is_queued(client: Client, settings: Settings) -> None:
    in_part = {"y": [[1.0, None], [0.0, 1.0]]}
    body = {"model": "pairs", "data": in_part, "inference": {"method": "klqp"}}
    checked = {name: value for name, value in body.items() if name != "model"}
    for url, sent in (("/v1/fits", body), ("/v1/models/pairs/validate", checked)):
        answer = client.post(url, json=sent)
        assert answer.status_code == 422, answer.text
        (error,) = answer.json()["errors"]
        assert error["pointer"] == "/inference/method"
        assert "of a draw of 'y' some numbers are missing" in error["detail"]
    level = np.zeros((2, 2), np.float32)
    scored = {"log_likelihood": True}
    path = _fitted(client, settings, "pairs", in_part, level)
    (error,) = client.post(f"{path}/posterior-predictive", json=scored).json()["errors"]
    assert error["pointer"] == "/log_likelihood"
    path = _fitted(client, settings, "pairs", {"y": [[1.0, 0.0], [None, None]]}, level)
    found = client.post(f"{path}/posterior-predictive", json=scored).json()["log_likelihood"]["y"]
    assert found[0][0] == pytest.approx(2 * stats.norm.logpdf(0.0) - 0.5, rel=1e-5)
    assert found[0][1] is None


def test_where_no_value_may_be_missing_null_is_refused_with_what_helps(client: Client) -> None:
    body = {"model": "eight-schools", "data": {"y": [1.0, None], "sigma": [1, 2]}}
    (error,) = client.post("/v1/fits", json=body).json()["errors"]
    assert error["pointer"] == "/data/y/1"
    assert "Field(missing=True)" in error["detail"]


def test_what_is_set_in_a_prediction_has_no_gaps(client: Client, path: str) -> None:
    answer = client.post(f"{path}/posterior-predictive", json={"set": {"n": [1, None, 2]}, "vars": ["y"]})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/set/n/1"


def test_a_table_has_gaps_for_a_field_that_may_have_them(client: Client) -> None:
    sent = {"content": b"n,x\n3,1\n,2\n1,NA\n", "headers": {"content-type": "text/csv"}}
    n, x = client.post("/v1/tables?model=rows&field=n", **sent).json()["columns"]
    assert (n["values"], x["values"]) == ([3, None, 1], [1, 2, None])
    n, _ = client.post("/v1/tables", **sent).json()["columns"]
    assert n["values"] is None
    assert "Field(missing=True)" in n["problem"]
    for query, status in (("model=rows", 422), ("field=n", 422), ("model=rows&field=z", 422), ("model=w&field=n", 404)):
        assert client.post(f"/v1/tables?{query}", **sent).status_code == status
