"""Request bodies and stored results to test with."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tacit.fits import NOT_CONVERGED, Fit, FitFailure, FitStore, Outcome, Status, arrays, records
from tacit.fits.summary import summarize

EIGHT_SCHOOLS: dict[str, Any] = {
    "model": "eight-schools",
    "data": {"y": [28, 8, -3, 7, -1, 1, 18, 12], "sigma": [15, 10, 16, 11, 9, 11, 10, 18]},
}
DRAWS = 6
DIAGNOSTICS = {"k_hat": 0.25, "effective_draws": 5.5, "loss_gen": float("nan"), "steps": 200}
LOSSES: dict[str, NDArray[Any]] = {
    "step": np.array([25, 125, 200], dtype=np.int32),
    "loss_gen": np.array([3.5, np.nan, 2.5], dtype=np.float32),
    "loss_disc": np.array([np.inf, 0.5, 0.25], dtype=np.float32),
    "correct": np.array([0.5, 0.75, 1.0], dtype=np.float32),
}


def make_draws() -> dict[str, NDArray[Any]]:
    """Draws of all variables of eight-schools, recognisable by their values."""
    rng = np.random.default_rng(0)
    mu, tau = np.arange(DRAWS, dtype=np.float32), np.ones(DRAWS, dtype=np.float32)
    offset = rng.normal(size=(DRAWS, 8)).astype(np.float32)
    return {"mu": mu, "tau": tau, "theta_offset": offset, "theta": mu[:, None] + tau[:, None] * offset}


def succeed(
    store: FitStore,
    fit_id: str,
    draws: dict[str, NDArray[Any]] | None = None,
    diagnostics: dict[str, Any] | None = None,
) -> Fit:
    """Decide a fit as a worker would."""
    return _computed(store, fit_id, draws, diagnostics, None)


REASON = "The losses had not come to rest after 200 steps. Give it more steps."


def miss(
    store: FitStore,
    fit_id: str,
    draws: dict[str, NDArray[Any]] | None = None,
    diagnostics: dict[str, Any] | None = None,
) -> Fit:
    """Decide a fit as a worker would that has computed all of it and has not arrived."""
    return _computed(store, fit_id, draws, diagnostics, FitFailure(code=NOT_CONVERGED, message=REASON))


def _computed(
    store: FitStore,
    fit_id: str,
    draws: dict[str, NDArray[Any]] | None,
    diagnostics: dict[str, Any] | None,
    failure: FitFailure | None,
) -> Fit:
    draws = make_draws() if draws is None else draws
    store.begin_attempt(store.fit(fit_id), worker="w", device="cpu")
    files = {
        "posterior.safetensors": arrays.to_bytes(draws),
        "summary.json": records.to_json_bytes(summarize(draws)),
        "diagnostics.json": records.to_json_bytes(diagnostics or DIAGNOSTICS),
        "losses.safetensors": arrays.to_bytes(LOSSES),
    }
    written = {name: store.put_artefact(fit_id, 1, name, data) for name, data in files.items()}
    store.finish(
        fit_id,
        Outcome(
            status=Status.SUCCEEDED if failure is None else Status.FAILED,
            finished_at=records.now(),
            attempt=1,
            error=failure,
            artefacts=written,
            warnings=("It wobbles.",),
        ),
    )
    return store.fit(fit_id)


def fail(store: FitStore, fit_id: str) -> Fit:
    """Decide a fit as a worker whose computation broke down would."""
    store.begin_attempt(store.fit(fit_id), worker="w", device="cpu")
    failure = FitFailure(code="diverged", message="Steps stayed non-finite.")
    store.finish(fit_id, Outcome(status=Status.FAILED, finished_at=records.now(), attempt=1, error=failure))
    return store.fit(fit_id)
