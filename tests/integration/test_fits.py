"""HTTP to queue to worker to draws."""

import io
import json

import httpx
import numpy as np
import pytest

from tacit.fits import NOT_CONVERGED, FitFailure, FitStore, LocalBlobs, Outcome, Status, new_fit_id, records
from tests.running import Up, wait_for

SHORT = {"inference": {"steps": 200}, "draws": 100}


def _example(service: Up, model: str) -> dict[str, object]:
    example: dict[str, object] = service.client.get(f"/v1/models/{model}").json()["example"]
    return example


def test_a_fit_from_post_to_draws(service: Up) -> None:
    accepted = service.post(
        {**_example(service, "eight-schools"), "inference": {"steps": 2000}, "draws": 500, "seed": 1}
    )
    assert accepted["status"] == "queued"
    running = service.wait_running(accepted["id"])
    assert running["status"] == "running"
    assert 0 < running["progress"]["step"] <= running["progress"]["total"]
    fit = service.wait_ended(accepted["id"])
    assert (fit["status"], fit["error"], fit["attempt"]) == ("succeeded", None, 1), fit
    assert fit["progress"]["step"] == fit["progress"]["total"]

    summary = service.client.get(fit["links"]["summary"]).json()["vars"]
    assert {"mu", "tau", "theta", "theta_offset"} <= set(summary)
    assert len(summary["theta"]["q95"]) == 8
    posterior = service.client.get(fit["links"]["posterior"]).json()
    assert np.array(posterior["vars"]["theta"]).shape == (500, 8)
    np.testing.assert_allclose(np.mean(posterior["vars"]["mu"]), summary["mu"]["mean"], rtol=1e-5)
    predictive = service.client.get(fit["links"]["posterior_predictive"], params={"draws": 100, "vars": "y"}).json()
    assert np.array(predictive["vars"]["y"]).shape == (100, 8)
    assert np.isfinite(predictive["vars"]["y"]).all()


def test_the_same_request_gives_the_same_draws(service: Up) -> None:
    body = {**_example(service, "poisson-rate"), **SHORT, "seed": 7}
    first, second = (service.wait_ended(service.post(body)["id"]) for _ in range(2))
    assert first["fingerprint"] == second["fingerprint"]
    draws = [service.client.get(fit["links"]["posterior"]).json()["vars"] for fit in (first, second)]
    assert draws[0] == draws[1]
    other = service.wait_ended(service.post({**body, "seed": 8})["id"])
    assert service.client.get(other["links"]["posterior"]).json()["vars"] != draws[0]


def test_many_fits_at_once(service: Up) -> None:
    body = {**_example(service, "poisson-rate"), **SHORT}
    fits = [service.post({**body, "seed": seed}) for seed in range(5)]
    ended = [service.wait_ended(fit["id"]) for fit in fits]
    assert [fit["status"] for fit in ended] == ["succeeded"] * 5
    began = [fit["started_at"] for fit in ended]
    assert began == sorted(began), "first come, first served"


def test_the_computing_process_stays_warm(service: Up) -> None:
    workers = service.client.get("/readyz").json()["workers"]
    body = {**_example(service, "poisson-rate"), **SHORT}
    for seed in (1, 2):
        service.wait_ended(service.post({**body, "seed": seed})["id"])
    assert [worker["name"] for worker in service.client.get("/readyz").json()["workers"]] == [
        worker["name"] for worker in workers
    ]


def test_a_model_of_the_users_own_is_fitted_beside_a_broken_one(service: Up) -> None:
    fit = service.wait_ended(service.post({**_example(service, "my-rate"), **SHORT, "seed": 7})["id"])
    assert (fit["status"], fit["model"]) == ("succeeded", "my-rate")
    (broken,) = service.client.get("/readyz").json()["broken_models"]
    assert broken["path"].endswith("broken.py")
    assert "division by zero" in broken["detail"]


def test_a_fit_is_cancelled_while_it_waits_compiles_or_runs(service: Up) -> None:
    # No other test compiles this width.
    endless = {**_example(service, "poisson-rate"), "inference": {"steps": 1_000_000, "width": 48}}
    compiling, running, waiting = (service.post(endless)["id"] for _ in range(3))
    wait_for(lambda: service.fit(compiling)["attempt"], what="the first fit to be begun")
    for fit_id, state in ((waiting, "cancelled"), (compiling, "cancelling")):
        answer = service.client.post(f"/v1/fits/{fit_id}/cancel")
        assert (answer.status_code, answer.json()["status"]) == (202, state)
    assert service.wait_ended(compiling)["status"] == "cancelled"
    service.wait_running(running)
    assert service.client.post(f"/v1/fits/{running}/cancel").status_code == 202
    fit = service.wait_ended(running)
    assert (fit["status"], fit["error"]) == ("cancelled", None)
    assert service.client.get(fit["links"]["posterior"]).json()["code"] == "no_result"
    assert service.client.post(f"/v1/fits/{running}/cancel").status_code == 200
    assert service.fit(waiting)["attempt"] == 0
    assert (
        service.wait_ended(service.post({**_example(service, "poisson-rate"), **SHORT})["id"])["status"] == "succeeded"
    )


def test_who_waits_gets_the_fit_as_soon_as_it_has_ended(service: Up) -> None:
    fit = service.post({**_example(service, "poisson-rate"), **SHORT})
    answer = service.client.get(f"/v1/fits/{fit['id']}", params={"wait": 60}, timeout=90)
    assert answer.json()["status"] == "succeeded"
    ended = answer.json()
    assert service.client.get(ended["links"]["diagnostics"]).json()["figures"]["steps"] == 200
    losses = service.client.get(ended["links"]["losses"]).json()
    assert losses["step"][-1] == 200
    assert len({len(values) for name, values in losses.items() if name != "fit"}) == 1


def test_an_amortized_fit_answers_for_other_data_and_refined_fits_begin_there(service: Up) -> None:
    short = {"objective": "amortized", "simulations": 4000, "steps": 800}
    trained = service.wait_ended(
        service.post({"model": "two-moons", "data": {"x": [0.1, -0.2]}, "inference": short, "draws": 100})["id"]
    )
    assert trained["status"] == "succeeded", trained
    figures = service.client.get(trained["links"]["diagnostics"]).json()["figures"]
    assert figures["calibration"]["offered"]

    def ask(**body: object) -> httpx.Response:
        return service.client.post(trained["links"]["posterior"], json=body, timeout=90)

    answer = ask(data={"x": [-0.3, 0.2]}, draws=300, seed=1)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert np.array(found["vars"]["theta"]).shape == (300, 2)
    assert (found["fit"], found["warnings"]) == (trained["id"], [])
    # What was observed tells theta up to a reflection: x_2 = (theta_2 - theta_1) / sqrt(2), nearly.
    theta = np.array(found["vars"]["theta"])
    assert np.mean(theta[:, 1] - theta[:, 0]) / 2**0.5 == pytest.approx(0.2, abs=0.1)
    assert ask(data={"x": [-0.3, 0.2]}, draws=300, seed=1).json() == found
    arrays = service.client.post(
        trained["links"]["posterior"], json={"data": {"x": [-0.3, 0.2]}}, headers={"accept": "application/x-npz"}
    )
    assert np.load(io.BytesIO(arrays.content))["theta"].shape == (100, 2)

    assert ask(data={"x": [0.1]}).json()["errors"][0]["pointer"] == "/data/x"
    assert ask(data={"x": [0.1, 0.2], "y": 1}).status_code == 422
    assert ask(data={"x": [0.1, 0.2]}, vars=["phi"]).json()["errors"][0]["pointer"] == "/vars"
    assert any("outside what the model" in sentence for sentence in ask(data={"x": [50, 50]}).json()["warnings"])

    # One that has not converged answers those alone who know it, even if its calibration is poor.
    missed = _like(service, trained["id"])
    path, body = f"/v1/fits/{missed}/posterior", {"data": {"x": [-0.3, 0.2]}, "draws": 300, "seed": 1}
    refused = service.client.post(path, json=body)
    assert (refused.status_code, refused.json()["code"]) == (409, "not_converged")
    given = service.client.post(path, json={**body, "unconverged": True}, timeout=90)
    assert (given.status_code, given.headers["fit-converged"]) == (200, "false"), given.text
    assert given.json() == {**found, "fit": missed, "converged": False}

    refined = service.post(
        {
            "model": "two-moons",
            "data": {"x": [-0.3, 0.2]},
            "inference": {"simulations": 1000, "steps": 300},
            "draws": 100,
            "start_from": trained["id"],
        }
    )
    assert refined["inference"]["objective"] == "forward"
    assert len(refined["inference"]["start"]["mean"]) == 2
    assert service.wait_ended(refined["id"])["status"] == "succeeded"


def _like(service: Up, fit_id: str) -> str:
    """A fit that has found the same as another one, and is neither calibrated nor has converged."""
    store = FitStore(LocalBlobs(service.data_dir / "store"))
    fit = store.fit(fit_id)
    assert fit.outcome is not None
    files = {name: store.artefact(fit, name) for name in fit.outcome.artefacts}
    figures = json.loads(files["diagnostics.json"])
    figures["calibration"]["offered"] = False
    files["diagnostics.json"] = records.to_json_bytes(figures)
    request = fit.request.model_copy(update={"id": new_fit_id()})
    outcome = Outcome(
        status=Status.FAILED,
        finished_at=records.now(),
        attempt=1,
        error=FitFailure(code=NOT_CONVERGED, message="It has not arrived."),
        artefacts={name: store.put_artefact(request.id, 1, name, data) for name, data in files.items()},
    )
    store.accept(request, store.encoded_data(fit.request))
    store.finish(request.id, outcome)
    return request.id
