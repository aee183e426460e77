from pathlib import Path

import numpy as np
import pytest

from tacit.fits import FitStore
from tacit.settings import Settings
from tests.app.bodies import DRAWS, EIGHT_SCHOOLS, fail, make_draws, succeed
from tests.app.client import Client

_RESULTS = ["summary", "diagnostics", "losses", "posterior", "posterior-predictive"]


@pytest.fixture
def fit_id(client: Client) -> str:
    answer = client.post("/v1/fits", json={**EIGHT_SCHOOLS, "draws": DRAWS, "seed": 5})
    return str(answer.json()["id"])


@pytest.mark.parametrize("result", _RESULTS)
def test_asked_too_early(client: Client, fit_id: str, result: str) -> None:
    answer = client.get(f"/v1/fits/{fit_id}/{result}")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_finished")


@pytest.mark.parametrize("result", _RESULTS)
def test_asked_of_a_failed_fit(client: Client, store: FitStore, fit_id: str, result: str) -> None:
    fail(store, fit_id)
    answer = client.get(f"/v1/fits/{fit_id}/{result}")
    assert (answer.status_code, answer.json()["code"]) == (409, "no_result")


@pytest.mark.parametrize("fit", ["fit_" + "0" * 36, "nothing", "..%2f..%2fetc"])
@pytest.mark.parametrize("result", ["", "/summary", "/losses", "/posterior", "/posterior-predictive"])
def test_asked_of_no_fit(client: Client, fit: str, result: str) -> None:
    answer = client.get(f"/v1/fits/{fit}{result}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_summary(client: Client, store: FitStore, fit_id: str) -> None:
    succeed(store, fit_id)
    body = client.get(f"/v1/fits/{fit_id}/summary").json()
    assert (body["fit"], body["num_draws"]) == (fit_id, DRAWS)
    assert (body["ess"], body["k_hat"]) == (5.5, 0.25)
    assert body["vars"]["mu"]["mean"] == make_draws()["mu"].mean()
    assert set(body["vars"]["theta"]) == {"mean", "sd", "q05", "q50", "q95"}
    assert all(len(part) == 8 for part in body["vars"]["theta"].values())


def test_diagnostics(client: Client, store: FitStore, fit_id: str) -> None:
    succeed(store, fit_id)
    body = client.get(f"/v1/fits/{fit_id}/diagnostics").json()
    figures = {"k_hat": 0.25, "effective_draws": 5.5, "loss_gen": None, "steps": 200}
    assert body == {"fit": fit_id, "figures": figures, "warnings": ["It wobbles."]}


def test_losses(client: Client, store: FitStore, fit_id: str) -> None:
    succeed(store, fit_id)
    assert client.get(f"/v1/fits/{fit_id}/losses").json() == {
        "fit": fit_id,
        "step": [25, 125, 200],
        "loss_gen": [3.5, None, 2.5],
        "loss_disc": [None, 0.5, 0.25],
        "correct": [0.5, 0.75, 1.0],
    }


def test_posterior(client: Client, store: FitStore, fit_id: str) -> None:
    succeed(store, fit_id)
    body = client.get(f"/v1/fits/{fit_id}/posterior").json()
    assert (body["fit"], body["num_draws"], body["seed"]) == (fit_id, DRAWS, 5)
    for name, values in make_draws().items():
        np.testing.assert_array_equal(np.array(body["vars"][name], dtype=np.float32), values)


@pytest.mark.parametrize("query", ["vars=mu,tau", "vars=mu&vars=tau"])
def test_part_of_the_posterior(client: Client, store: FitStore, fit_id: str, query: str) -> None:
    succeed(store, fit_id)
    body = client.get(f"/v1/fits/{fit_id}/posterior?{query}&draws=2&offset=3").json()
    assert body["num_draws"] == 2
    assert body["vars"] == {"mu": [3.0, 4.0], "tau": [1.0, 1.0]}


@pytest.mark.parametrize(
    ("query", "pointer"),
    [("draws=7", "?draws"), ("offset=6", "?offset"), ("offset=5&draws=2", "?draws"), ("vars=mu,nu", "?vars")],
)
def test_draws_that_are_not_there(client: Client, store: FitStore, fit_id: str, query: str, pointer: str) -> None:
    succeed(store, fit_id)
    answer = client.get(f"/v1/fits/{fit_id}/posterior?{query}")
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


def test_what_is_not_finite_is_null(client: Client, store: FitStore, fit_id: str) -> None:
    draws = make_draws()
    draws["mu"][:3] = [np.nan, np.inf, -np.inf]
    succeed(store, fit_id, draws)
    posterior = client.get(f"/v1/fits/{fit_id}/posterior?vars=mu")
    assert posterior.json()["vars"]["mu"] == [None, None, None, 3.0, 4.0, 5.0]
    assert client.get(f"/v1/fits/{fit_id}/summary").json()["vars"]["mu"]["mean"] is None


def test_damage_is_found_and_named(client: Client, store: FitStore, settings: Settings, fit_id: str) -> None:
    succeed(store, fit_id)
    path = Path(settings.data_dir) / "store" / "fits" / fit_id / "result" / "0001" / "posterior.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\x00")
    answer = client.get(f"/v1/fits/{fit_id}/posterior")
    assert (answer.status_code, answer.json()["code"]) == (500, "store_error")
    assert "posterior.safetensors is damaged" in answer.json()["detail"]
    assert client.get(f"/v1/fits/{fit_id}/summary").status_code == 200


def test_posterior_predictive_is_the_program_replayed(client: Client, store: FitStore, fit_id: str) -> None:
    draws = make_draws()
    # All of the noise of y is then the model's own, at sigma as given.
    draws["mu"][:], draws["tau"][:] = 100.0, 0.0
    succeed(store, fit_id, draws)
    path = f"/v1/fits/{fit_id}/posterior-predictive"
    body = client.get(f"{path}?vars=y").json()
    assert (body["fit"], body["num_draws"], body["seed"]) == (fit_id, DRAWS, 0)
    y = np.array(body["vars"]["y"])
    assert y.shape == (DRAWS, 8)
    standardized = (y - 100.0) / np.array(EIGHT_SCHOOLS["data"]["sigma"])
    # 48 standard normal numbers: mean within 4 standard errors, and none beyond 5.
    assert abs(standardized.mean()) < 4 / np.sqrt(standardized.size)
    assert np.abs(standardized).max() < 5
    assert client.get(f"{path}?vars=y&seed=0").json() == body
    other = client.get(f"{path}?vars=y&seed=1").json()
    assert other["seed"] == 1
    assert other["vars"] != body["vars"]


def test_predictive_draws_go_round_the_stored_ones(client: Client, store: FitStore, fit_id: str) -> None:
    succeed(store, fit_id)
    path = f"/v1/fits/{fit_id}/posterior-predictive"
    assert client.get(f"{path}?draws=2&vars=y").json()["num_draws"] == 2
    body = client.get(f"{path}?draws={2 * DRAWS + 1}&vars=y,mu").json()
    assert body["vars"]["mu"] == [*range(DRAWS), *range(DRAWS), 0]
    assert len({row[0] for row in body["vars"]["y"]}) == 2 * DRAWS + 1
    answer = client.get(f"{path}?vars=x")
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "?vars")


def test_a_model_that_has_changed_is_not_replayed(client: Client, settings: Settings, store: FitStore) -> None:
    fit_id = client.post("/v1/fits", json={**EIGHT_SCHOOLS, "draws": DRAWS}).json()["id"]
    path = Path(settings.data_dir) / "store" / "fits" / fit_id / "request.json"
    request = store.fit(fit_id).request
    path.write_bytes(request.model_copy(update={"code_hash": "0" * 64}).to_bytes())
    succeed(store, fit_id)
    answer = client.get(f"/v1/fits/{fit_id}/posterior-predictive")
    assert (answer.status_code, answer.json()["code"]) == (409, "model_changed")
    assert client.get(f"/v1/fits/{fit_id}/posterior").status_code == 200
