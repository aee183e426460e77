"""The client against a running service; the asynchronous one is what the synchronous one is made from."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pandas as pd
import pytest
import xarray as xr

import tacit.client
from tacit.client import (
    AsyncClient,
    Client,
    Fit,
    FitCancelledError,
    FitFailedError,
    FitState,
    UnsendableError,
    WaitTimeoutError,
)
from tests.client.conftest import COUNTS, SHORT
from tests.running import Up

ROOT = Path(__file__).parents[2]


def test_the_synchronous_client_is_made_from_the_asynchronous_one() -> None:
    command = [sys.executable, str(ROOT / "tools" / "make_sync.py"), "--check"]
    shown = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (shown.returncode, shown.stdout) == (0, ""), shown.stderr


def test_public_names() -> None:
    assert sorted(tacit.client.__all__) == tacit.client.__all__
    assert all(hasattr(tacit.client, name) for name in tacit.client.__all__)
    for made, source in ((Client, AsyncClient), (Fit, tacit.client.AsyncFit)):
        public = {name.replace("aclose", "close") for name in vars(source) if not name.startswith("_")}
        assert {name for name in vars(made) if not name.startswith("_")} == public


def test_models(client: Client) -> None:
    names = [model.name for model in client.models()]
    assert {"poisson-rate", "eight-schools", "my-rate"} <= set(names)
    model = client.model("eight-schools@1")
    assert list(model.fields) == ["sigma", "y"]
    assert model.fields["sigma"].support == "positive"
    assert [(each.name, each.scope) for each in model.latents] == [
        ("mu", "global"),
        ("tau", "global"),
        ("theta_offset", "local"),
    ]
    resolved = client.validate(model.name, model.example.data, inference={"steps": 300})
    assert (resolved.dims, resolved.inference["steps"]) == ({"J": 8}, 300)


def test_a_fit_and_all_that_it_has_found(fit: Fit, tmp_path: Path) -> None:
    assert (fit.status, fit.state.ended, fit.state.draws, fit.state.seed) == ("succeeded", True, 100, 11)
    summary = fit.summary()
    draws = fit.posterior_arrays()["z"]
    assert draws.shape == (100,)
    (row,) = summary.rows()
    np.testing.assert_allclose([row.mean, row.q50], [draws.mean(), np.median(draws)], rtol=1e-5)
    assert str(summary).splitlines()[1].split()[:2] == ["z", f"{row.mean:.4g}"]
    np.testing.assert_allclose(summary.to_pandas().loc["z", "sd"], row.sd)
    assert summary.k_hat == fit.diagnostics().figures["k_hat"]
    losses = fit.losses()
    assert losses.step[-1] == 300
    assert losses.loss_gen.shape == (len(losses.step),)

    posterior = fit.posterior(draws=30, offset=10)
    assert isinstance(posterior.posterior["z"], xr.DataArray)
    np.testing.assert_array_equal(posterior.posterior["z"].values[0], draws[10:40])
    np.testing.assert_array_equal(posterior.observed_data["x"].values, COUNTS)
    for suffix in ("json", "npz", "arrow", "nc"):
        fit.save_posterior(tmp_path / f"draws.{suffix}")
    with np.load(tmp_path / "draws.npz") as archive:
        np.testing.assert_array_equal(archive["z"], draws)
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".arrow", ".json", ".nc", ".npz"]
    with pytest.raises(UnsendableError, match=r"ends in one of \.json"):
        fit.save_posterior(tmp_path / "draws.csv")


def test_predictions(fit: Fit) -> None:
    own = fit.posterior_predictive(draws=20, seed=3, log_likelihood=True)
    assert own.posterior_predictive["x"].shape == (1, 20, len(COUNTS))
    assert own.log_likelihood["x"].shape == (1, 20, len(COUNTS))
    again = fit.posterior_predictive_arrays(draws=20, seed=3)["x"]
    np.testing.assert_array_equal(own.posterior_predictive["x"].values[0], again)
    asked: dict[str, Any] = {"inputs": {"N": np.int64(3)}, "set": {"z": np.log(1000.0)}, "draws": 50}
    other = fit.posterior_predictive(**asked).predictions["x"]
    assert other.shape == (1, 50, 3)
    assert abs(float(other.mean()) - 1000) < 5 * np.sqrt(1000 / 150)
    low, high = fit.posterior_predictive_arrays(**asked, quantiles=np.array([0.1, 0.9]), vars=("x",))["x"]
    assert (low < high).all()


def test_predictions_from_the_prior(client: Client) -> None:
    found = client.prior_predictive("poisson-rate", inputs={"N": 4}, draws=7, vars=["x", "z"])
    assert (found.prior_predictive["x"].shape, found.prior["z"].shape) == ((1, 7, 4), (1, 7))


def test_data_in_the_forms_that_users_have_give_the_same_fit(client: Client, fit: Fit) -> None:
    forms: list[Any] = [
        {"x": np.array(COUNTS, dtype=np.int16)},
        pd.DataFrame({"x": COUNTS}),
        xr.Dataset({"x": ("N", np.array(COUNTS, dtype=float))}),
    ]
    for data in forms:
        same = client.fit("poisson-rate", data, seed=11, **SHORT)
        assert (same.id, same.cache) == (fit.id, "hit")
    # One of its own: whoever asks after a cancelled fit of the same gets a new one.
    first, same, fresh = (client.fit("poisson-rate", forms[0], seed=12, fresh=fresh) for fresh in (True, False, True))
    assert (first.id == same.id, first.id == fresh.id) == (True, False)
    for each in (first, fresh):
        each.cancel()


def test_events_of_a_fit(fit: Fit) -> None:
    events = list(fit.events())
    assert (events[0].data["status"], events[-1].type) == ("queued", "terminal")
    ids = [event.id for event in events]
    assert ids == sorted(ids)
    assert [event.id for event in fit.events(after=ids[1])] == ids[2:]
    assert list(fit.events(after=ids[-1])) == []


def test_lists_go_on_over_pages(client: Client, fit: Fit, monkeypatch: pytest.MonkeyPatch) -> None:
    again = [client.fit("poisson-rate", {"x": [n]}, tags=["paged"]).cancel() for n in range(3)]
    monkeypatch.setattr("tacit.client.synchronous.client._PAGE", 2)
    assert [each.id for each in client.fits(tag="paged")] == [each.id for each in reversed(again)]
    assert {each.status for each in client.fits(tag="paged", status="cancelled")} == {"cancelled"}
    assert list(client.fits(tag="paged", status="failed")) == []
    soon = datetime.now(UTC) + timedelta(hours=1)
    assert list(client.fits(model="poisson-rate", created_after=soon)) == []
    assert fit.id in [each.id for each in client.fits(tag="shared", created_after=datetime(2026, 1, 1))]


def test_progress_is_shown(client: Client, capfd: pytest.CaptureFixture[str]) -> None:
    client.fit("poisson-rate", {"x": COUNTS}, **SHORT).wait(progress=True)
    assert "of 300, loss_gen" in capfd.readouterr().err
    seen: list[FitState] = []
    client.fit("poisson-rate", {"x": COUNTS}, **SHORT).wait(progress=seen.append)
    assert seen[-1].status == "succeeded"


def test_fits_that_end_otherwise(client: Client) -> None:
    endless = client.fit("poisson-rate", {"x": COUNTS}, inference={"steps": 1_000_000})
    with pytest.raises(WaitTimeoutError, match=r"after 0\.2 s; it goes on"):
        endless.wait(timeout_s=0.2)
    assert endless.cancel().status in ("cancelling", "cancelled")
    with pytest.raises(FitCancelledError) as cancelled:
        endless.wait()
    assert cancelled.value.fit.id == endless.id
    again = endless.retry()
    assert again.state.retried_from == endless.id
    again.cancel()
    with pytest.raises(FitCancelledError):
        again.wait()
    again.delete()
    assert again.id not in [each.id for each in client.fits()]
    slow = client.fit("poisson-rate", {"x": COUNTS}, inference={"steps": 1_000_000}, timeout_s=1)
    with pytest.raises(FitFailedError, match="code timeout") as failed:
        slow.wait()
    assert failed.value.fit.error is not None


def test_the_asynchronous_client(service: Up, fit: Fit) -> None:
    async def main() -> None:
        async with AsyncClient(service.address) as client:
            same = await client.fit("poisson-rate", {"x": COUNTS}, seed=11, **SHORT)
            await same.wait(progress=True)
            assert (same.status, same.cache) == ("succeeded", "hit")
            assert [event.type async for event in same.events()][-1] == "terminal"
            assert fit.id in [each.id async for each in client.fits(tag="shared")]
            assert (await same.posterior()).posterior["z"].shape == (1, 100)
            summary, draws = await same.summary(), await same.posterior_predictive_arrays(draws=5)
            assert (list(summary.vars), draws["x"].shape) == (["z"], (5, len(COUNTS)))

    anyio.run(main)
