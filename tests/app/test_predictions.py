"""Posterior and prior predictive at other inputs, with variables set, as quantiles, with log likelihoods."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from app.main import create_app
from tacit.fits import FitStore, LocalBlobs
from tacit.settings import Settings
from tests.app.bodies import DRAWS, EIGHT_SCHOOLS, make_draws, succeed
from tests.app.client import Client, open_client

SIGMA = np.array(EIGHT_SCHOOLS["data"]["sigma"])
SIMULATOR = """
import jax
from model_registry import Field, Model
from tacit.ppl import Implicit, Normal, plate

def simulate(key, rate):
    return rate + jax.random.normal(key)

def program(N):
    rate = Normal(0.0, 1.0, name="rate")
    with plate("N", N):
        Implicit(simulate, rate, name="x")

model = Model(name="simulated", title="T", description="D", program=program,
              data={"x": Field(("N",))}, example={"x": [1.0, 2.0]})
"""

# Fails above 2; its second number is missing wherever the first is below 0.
BREAKING = """
import jax
import jax.numpy as jnp
from model_registry import Field, Model
from tacit.ppl import Implicit, Normal

def simulate(key, rate):
    first = rate + jax.random.normal(key)
    return jnp.where(rate > 2, jnp.nan, jnp.stack([first, jnp.where(first < 0, jnp.nan, jnp.sqrt(first))]))

def program():
    rate = Normal(0.0, 1.0, name="rate")
    Implicit(simulate, rate, name="x")

model = Model(name="breaking", title="T", description="D", program=program,
              data={"x": Field((2,))}, example={"x": [1.0, 2.0]})
"""

# Its variables are small; what it computes between them grows with the square of their number.
GREEDY = """
import jax.numpy as jnp
from model_registry import Field, Model
from tacit.ppl import Normal, plate

def program(N):
    rate = Normal(0.0, 1.0, name="rate")
    points = rate * jnp.arange(N)
    middle = jnp.median(points[:, None] - points[None, :])
    with plate("N", N):
        Normal(middle, 1.0, name="x")

model = Model(name="greedy", title="T", description="D", program=program,
              data={"x": Field(("N",))}, example={"x": [1.0, 2.0]})
"""


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, redis_server: Any, jax_cache: Path) -> Settings:
    folder = tmp_path_factory.mktemp("predictions")
    (folder / "models").mkdir()
    (folder / "models" / "simulated.py").write_text(SIMULATOR)
    (folder / "models" / "greedy.py").write_text(GREEDY)
    (folder / "models" / "breaking.py").write_text(BREAKING)
    return Settings(
        data_dir=folder / "data",
        redis_url=f"{redis_server.url}?db=511",
        jax_cache_dir=jax_cache,
        model_path=(folder / "models",),
        port=0,
    )


@pytest.fixture(scope="module")
def client(settings: Settings) -> Iterator[Client]:
    with open_client(create_app(settings)) as client:
        yield client


@pytest.fixture(scope="module")
def new_fit(client: Client, settings: Settings) -> Any:
    """Makes the path of a finished fit of a model, its draws given."""
    store = FitStore(LocalBlobs(settings.data_dir / "store"))

    @cache
    def made(model: str) -> str:
        body, draws = FITS[model]()
        fit_id = client.post("/v1/fits", json={"model": model, "draws": DRAWS, "seed": 1, **body}).json()["id"]
        succeed(store, fit_id, draws)
        return f"/v1/fits/{fit_id}/posterior-predictive"

    return made


def _schools() -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    return {"data": EIGHT_SCHOOLS["data"]}, make_draws()


def _line() -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    x = np.arange(12.0).reshape(4, 3)
    return {"data": {"x": x.tolist(), "y": [1, 2, 3, 4]}}, {"w": np.arange(18, dtype=np.float32).reshape(DRAWS, 3)}


def _series() -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    alpha, beta, sigma = np.zeros(DRAWS), np.full((DRAWS, 2), 0.25), np.full(DRAWS, 0.5)
    draws = {"alpha": alpha, "beta": beta, "sigma": sigma}
    return {"data": {"y_init": [0, 0], "y": [1, 2, 3]}}, {k: v.astype(np.float32) for k, v in draws.items()}


def _process() -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    draws = {"rho": np.full(DRAWS, 6), "alpha": np.ones(DRAWS), "f": np.ones((DRAWS, 3))}
    return {"data": {"x": [0, 2, 4], "k": [1, 2, 3]}}, {k: v.astype(np.float32) for k, v in draws.items()}


def _simulated() -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    return {"data": {"x": [0.5, 1.5]}}, {"rate": np.zeros(DRAWS, np.float32)}


FITS = {
    "eight-schools": _schools,
    "linear-regression": _line,
    "ar-k": _series,
    "gp-poisson-regression": _process,
    "simulated": _simulated,
}


def test_without_a_body_that_says_otherwise_it_is_the_same_as_get(client: Client, new_fit: Any) -> None:
    path = new_fit("eight-schools")
    assert client.post(path, json={"seed": 3}).json() == client.get(f"{path}?seed=3").json()
    assert client.post(path, json={"seed": 3}).json() != client.post(path, json={"seed": 4}).json()


def test_new_covariates(client: Client, new_fit: Any) -> None:
    x = [[1.0, 0, 0], [0, 1, 0]]
    body = {"inputs": {"x": x}, "draws": 600}
    y = np.array(client.post(new_fit("linear-regression"), json=body).json()["vars"]["y"])
    w = np.resize(_line()[1]["w"], (600, 3))
    residual = y - w[:, :2]
    assert y.shape == (600, 2)
    # 1,200 standard normal numbers: mean within 4 standard errors.
    assert abs(residual.mean()) < 4 / np.sqrt(1200)
    assert abs(residual.std() - 1) < 4 / np.sqrt(2 * 1200)


def test_at_new_points_locals_come_from_the_prior_and_at_the_old_from_the_fit(client: Client, new_fit: Any) -> None:
    path = new_fit("eight-schools")
    old = client.post(path, json={"vars": ["theta_offset", "mu"]}).json()["vars"]
    np.testing.assert_array_equal(np.array(old["theta_offset"], np.float32), make_draws()["theta_offset"])
    body = {"inputs": {"sigma": [10.0] * 50}, "vars": ["theta_offset", "mu", "theta"]}
    new = client.post(path, json=body).json()["vars"]
    assert new["mu"] == old["mu"]
    offset = np.array(new["theta_offset"])
    assert offset.shape == (DRAWS, 50)
    assert abs(offset.mean()) < 4 / np.sqrt(offset.size)
    assert abs(offset.std() - 1) < 4 / np.sqrt(2 * offset.size)
    np.testing.assert_allclose(new["theta"], np.array(new["mu"])[:, None] + offset, rtol=1e-5, atol=1e-5)


def test_a_size_alone_is_an_input(client: Client, new_fit: Any) -> None:
    path = new_fit("ar-k")
    y = client.post(path, json={"inputs": {"T": 7}}).json()["vars"]["y"]
    assert np.shape(y) == (DRAWS, 7)
    y = client.post(new_fit("simulated"), json={"inputs": {"N": 4}}).json()["vars"]["x"]
    assert np.shape(y) == (DRAWS, 4)


def test_an_intervention(client: Client, new_fit: Any) -> None:
    path = new_fit("eight-schools")
    body = {"set": {"mu": 50, "theta_offset": [0] * 8}, "vars": ["mu", "theta", "y"]}
    given = client.post(path, json=body).json()["vars"]
    assert given["mu"] == [50.0] * DRAWS
    np.testing.assert_array_equal(given["theta"], np.full((DRAWS, 8), 50.0))
    # What is computed can be set like what is drawn; the noise of all others stays what it was.
    theta = client.post(path, json={"set": {"theta": [50] * 8}, "vars": ["mu", "y"]}).json()["vars"]
    assert theta["y"] == given["y"]
    assert theta["mu"] == make_draws()["mu"].tolist()


def test_quantiles_instead_of_draws(client: Client, new_fit: Any) -> None:
    path = new_fit("eight-schools")
    y = np.array(client.post(path, json={"draws": 1000}).json()["vars"]["y"], dtype=np.float32)
    levels = [0, 0.05, 0.5, 1]
    body = client.post(path, json={"draws": 1000, "quantiles": levels}).json()
    assert (body["num_draws"], body["quantiles"]) == (1000, levels)
    np.testing.assert_allclose(body["vars"]["y"], np.quantile(y, levels, axis=0), rtol=1e-6)


def test_the_log_likelihood_of_each_point(client: Client, new_fit: Any) -> None:
    body = client.post(new_fit("eight-schools"), json={"log_likelihood": True}).json()
    expected = stats.norm.logpdf(EIGHT_SCHOOLS["data"]["y"], make_draws()["theta"], SIGMA)
    np.testing.assert_allclose(body["log_likelihood"]["y"], expected, rtol=1e-5)
    assert np.shape(body["vars"]["y"]) == (DRAWS, 8)
    # Without a plate, the points are what is independent given the latents: the counts here, the whole series there.
    counts = client.post(new_fit("gp-poisson-regression"), json={"log_likelihood": True}).json()["log_likelihood"]["k"]
    np.testing.assert_allclose(counts, np.tile(stats.poisson.logpmf([1, 2, 3], np.exp(1)), (DRAWS, 1)), rtol=1e-5)
    series = client.post(new_fit("ar-k"), json={"log_likelihood": True}).json()["log_likelihood"]["y"]
    expected = stats.norm.logpdf([1, 2, 3], [0, 0.25, 0.75], 0.5).sum()
    np.testing.assert_allclose(series, np.full((DRAWS, 1), expected), rtol=1e-5)


@pytest.mark.parametrize(
    ("model", "body", "pointer", "words"),
    [
        ("eight-schools", {"inputs": {"x": [1]}}, "/inputs/x", "has sigma"),
        ("eight-schools", {"inputs": {"y": [1]}}, "/inputs/y", "has sigma"),
        ("eight-schools", {"inputs": {"sigma": [1, -1]}}, "/inputs/sigma/1", "greater than 0"),
        ("eight-schools", {"inputs": {"sigma": [[1]]}}, "/inputs/sigma", "2 axes"),
        ("eight-schools", {"inputs": {"sigma": ["a"]}}, "/inputs/sigma/0", "without quotes"),
        ("eight-schools", {"inputs": {"sigma": []}}, "/inputs/sigma", "empty"),
        ("linear-regression", {"inputs": {"x": [[1, 2]]}}, "/inputs", "w has shape (3,) in the fit and (2,)"),
        ("ar-k", {"inputs": {"T": 0}}, "/inputs/T", "whole number"),
        ("ar-k", {"inputs": {"T": 2.5}}, "/inputs/T", "whole number"),
        ("ar-k", {"inputs": {"T": 100_000_000}}, "/inputs", "fewer points"),
        ("gp-poisson-regression", {"inputs": {"x": [1, 3, 5]}}, "/inputs", "f belongs to the points of the fit"),
        ("eight-schools", {"set": {"mew": 1}}, "/set/mew", "mu"),
        ("eight-schools", {"set": {"mu": [1, 2]}}, "/set/mu", "a number"),
        ("eight-schools", {"set": {"theta": [1, 2]}}, "/set/theta", "8 are wanted"),
        ("eight-schools", {"set": {"tau": -1}}, "/set/tau", "Positive"),
        ("eight-schools", {"set": {"mu": "one"}}, "/set/mu", "without quotes"),
        ("gp-poisson-regression", {"set": {"k": [1, 2, 0.5]}}, "/set/k/2", "whole numbers"),
        ("eight-schools", {"set": {"y": [0] * 8}}, "/vars", "Every observed variable is set"),
        ("eight-schools", {"vars": ["z"]}, "/vars", "there is mu"),
        ("eight-schools", {"quantiles": []}, "/quantiles", "at least 1"),
        ("eight-schools", {"quantiles": [1.5]}, "/quantiles/0", "less than or equal to 1"),
        ("eight-schools", {"draws": 0}, "/draws", "greater than or equal to 1"),
        ("eight-schools", {"draws": 100_000_000, "vars": ["y", "theta"]}, "/draws", "67108864 draws at most"),
        ("eight-schools", {"seed": -1}, "/seed", "greater than or equal to 0"),
        ("eight-schools", {"samples": 5}, "/samples", "is unknown here"),
        ("eight-schools", {"log_likelihood": True, "inputs": {"sigma": [1]}}, "/log_likelihood", "own data"),
        ("eight-schools", {"log_likelihood": True, "set": {"y": [0] * 8}}, "/log_likelihood", "y is set"),
        ("simulated", {"log_likelihood": True}, "/log_likelihood", "simulator"),
    ],
)
def test_what_is_wrong_is_named(
    client: Client, new_fit: Any, model: str, body: dict[str, Any], pointer: str, words: str
) -> None:
    answer = client.post(new_fit(model), json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")
    (error,) = answer.json()["errors"]
    assert error["pointer"] == pointer
    assert words in error["detail"]


def test_a_variable_that_does_not_suit_new_inputs_can_be_set(client: Client, new_fit: Any) -> None:
    path = new_fit("gp-poisson-regression")
    body = {"inputs": {"x": [1, 3]}, "set": {"f": [-50.0, -50.0]}}
    assert client.post(path, json=body).json()["vars"]["k"] == [[0, 0]] * DRAWS


def test_simulations_that_fail_are_counted_and_left_out_of_quantiles(client: Client) -> None:
    path = "/v1/models/breaking/prior-predictive"
    draws = np.array(client.post(path, json={"draws": 400}).json()["vars"]["x"], float)
    failed = np.isnan(draws)
    assert 0 < failed[:, 0].sum() < failed[:, 1].sum() < 400
    answer = client.post(path, json={"draws": 400, "quantiles": [0.1, 0.9]}).json()
    np.testing.assert_allclose(answer["vars"]["x"], np.nanquantile(draws, [0.1, 0.9], axis=0), rtol=1e-6)
    assert answer["failed_draws"] == {"x": int(failed.any(axis=1).sum())}
    answer = client.post(path, json={"draws": 50, "quantiles": [0.5], "set": {"rate": 3}}).json()
    assert (answer["vars"]["x"], answer["failed_draws"]) == ([[None, None]], {"x": 50})
    assert "failed_draws" not in client.post(path, json={"draws": 5}).json()


def test_prior_predictive(client: Client) -> None:
    path = "/v1/models/eight-schools@1/prior-predictive"
    body = {"inputs": {"sigma": [1, 2, 3]}, "draws": 500, "seed": 9, "vars": ["mu", "y"]}
    answer = client.post(path, json=body).json()
    assert [answer[key] for key in ("model", "version", "num_draws", "seed")] == ["eight-schools", "1", 500, 9]
    assert np.shape(answer["vars"]["y"]) == (500, 3)
    assert client.post(path, json=body).json() == answer
    # mu ~ Normal(0, 5), as the model says.
    assert abs(np.mean(answer["vars"]["mu"])) < 4 * 5 / np.sqrt(500)
    pinned = client.post(path, json={**body, "set": {"mu": 1000, "tau": 1e-3}}).json()["vars"]
    assert np.abs(np.array(pinned["y"]) - 1000).max() < 5 * 3
    assert client.post(path, json={**body, "quantiles": [0.5]}).json()["quantiles"] == [0.5]


def test_prior_predictive_of_a_size(client: Client) -> None:
    answer = client.post("/v1/models/simulated/prior-predictive", json={"inputs": {"N": 3}, "draws": 2})
    assert np.shape(answer.json()["vars"]["x"]) == (2, 3)


@pytest.mark.parametrize(
    ("model", "body", "status", "pointer"),
    [
        ("eight-schools", {}, 422, "/inputs/sigma"),
        ("simulated", {}, 422, "/inputs/N"),
        ("eight-schools", {"inputs": {"sigma": [1]}, "log_likelihood": True}, 422, "/log_likelihood"),
        ("eight-schools", {"inputs": {"sigma": [1]}, "vars": ["z"]}, 422, "/vars"),
        ("eight-schools@9", {}, 404, None),
    ],
)
def test_prior_predictive_refused(
    client: Client, model: str, body: dict[str, Any], status: int, pointer: str | None
) -> None:
    answer = client.post(f"/v1/models/{model}/prior-predictive", json=body)
    assert answer.status_code == status
    assert [error["pointer"] for error in answer.json()["errors"]] == ([pointer] if pointer else [])


def test_validate(client: Client) -> None:
    body = {"data": {"x": [[1, 2, 3]] * 4, "y": [1, 2, 3, 4]}, "inference": {"steps": 500}}
    answer = client.post("/v1/models/linear-regression@1/validate", json=body)
    assert answer.status_code == 200
    found = answer.json()
    assert found["dims"] == {"N": 4, "D": 3}
    assert found["data"] == {"x": [4, 3], "y": [4]}
    assert found["variables"]["w"] == {"shape": [3], "dtype": "float32", "role": "latent"}
    assert found["variables"]["y"] == {"shape": [4], "dtype": "float32", "role": "observed"}
    assert found["inference"]["steps"] == 500


@pytest.mark.parametrize(
    ("model", "body", "status", "pointers"),
    [
        ("eight-schools", {"data": {"y": [1, 2], "sigma": [1]}}, 422, ["/data/sigma"]),
        ("eight-schools", {"data": {"y": [None], "z": 1}}, 422, ["/data/z", "/data/y/0", "/data/sigma"]),
        ("eight-schools", {**EIGHT_SCHOOLS}, 422, ["/model"]),
        ("eight-schools", {"data": EIGHT_SCHOOLS["data"], "inference": {"pace": 1}}, 422, ["/inference/pace"]),
        ("nine-schools", {"data": {}}, 404, []),
    ],
)
def test_validate_refuses(client: Client, model: str, body: dict[str, Any], status: int, pointers: list[str]) -> None:
    answer = client.post(f"/v1/models/{model}/validate", json=body)
    assert answer.status_code == status
    assert [error["pointer"] for error in answer.json()["errors"]] == pointers


def test_what_the_memory_does_not_suffice_for_is_refused_with_advice(client: Client) -> None:
    path = "/v1/models/greedy/prior-predictive"
    answer = client.post(path, json={"inputs": {"N": 1_000_000}, "draws": 3})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input"), answer.text
    (error,) = answer.json()["errors"]
    assert error["pointer"] == "/draws"
    assert "not the memory" in error["detail"]
    assert client.post(path, json={"inputs": {"N": 10}, "draws": 3}).status_code == 200
