"""The job, in this process."""

import json
import logging
from pathlib import Path

import jax
import numpy as np
import pytest
import redis

from app.draws import DIAGNOSTICS
from model_registry import load_registry
from tacit import inference
from tacit.engine import ENGINE_REVISION
from tacit.fits import FitFailure, FitRequest, FitStore, Outcome, Status, arrays, keys, metrics
from tacit.fits.events import EventLog
from tacit.settings import Settings
from tests.worker.requests import submit_example
from worker.jobs import Tools, run_fit

STEPS = 300


@pytest.fixture
def tools(store: FitStore, connection: redis.Redis) -> Tools:
    return Tools(
        store=store, registry=load_registry(), progress=connection, events=EventLog(connection), checkpoint_s=0.0
    )


def _run(tools: Tools, request: FitRequest) -> Outcome:
    attempt = tools.store.begin_attempt(tools.store.fit(request.id), worker="w", device="cpu")
    assert attempt is not None
    run_fit(tools, request.id, attempt=attempt.number)
    outcome = tools.store.fit(request.id).outcome
    assert outcome is not None
    return outcome


def _posterior(store: FitStore, request: FitRequest) -> arrays.Arrays:
    return store.arrays(store.fit(request.id), "posterior.safetensors")


def _checkpoints(tools: Tools, request: FitRequest) -> list[arrays.Arrays]:
    """What a fit saves on its way."""
    model = tools.registry.get(request.model)
    saved: list[arrays.Arrays] = []
    inference.fit(
        jax.random.key(request.seed),
        model.problem(model.resolve(model.example)),
        options=inference.InferenceOptions(**request.options),
        num_draws=1,
        on_checkpoint=saved.append,
        checkpoint_seconds=0.0,
    )
    return saved


def test_a_fit_goes_on_from_its_checkpoint(tools: Tools, store: FitStore) -> None:
    undisturbed, interrupted = (submit_example(store, steps=STEPS) for _ in range(2))
    saved = _checkpoints(tools, interrupted)[0]
    store.put_checkpoint(interrupted.id, 1, 25, saved)
    assert _run(tools, undisturbed).first_step == 0
    outcome = _run(tools, interrupted)
    assert (outcome.status, outcome.first_step) == (Status.SUCCEEDED, saved["history"][-1, 0])
    expected = _posterior(store, undisturbed)
    for name, values in _posterior(store, interrupted).items():
        np.testing.assert_array_equal(values, expected[name])


def test_a_retry_goes_on_from_the_checkpoint_of_the_fit_before(tools: Tools, store: FitStore) -> None:
    first = submit_example(store, steps=STEPS)
    saved = _checkpoints(tools, first)[1]
    store.put_checkpoint(first.id, 1, 125, saved)
    store.cancelled(first.id)
    second, undisturbed = submit_example(store, steps=STEPS, retried_from=first.id), submit_example(store, steps=STEPS)
    outcome = _run(tools, second)
    assert (outcome.status, outcome.first_step) == (Status.SUCCEEDED, saved["history"][-1, 0])
    _run(tools, undisturbed)
    expected = _posterior(store, undisturbed)
    for name, values in _posterior(store, second).items():
        np.testing.assert_array_equal(values, expected[name])


def test_a_fit_that_is_to_be_cancelled_is_not_computed(tools: Tools, store: FitStore) -> None:
    request = submit_example(store, steps=STEPS)
    store.request_cancel(request.id)
    outcome = _run(tools, request)
    assert (outcome.status, outcome.progress, outcome.artefacts) == (Status.CANCELLED, None, {})


def test_a_damaged_checkpoint_is_not_fatal(
    tools: Tools, store: FitStore, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    request = submit_example(store, steps=STEPS)
    store.put_checkpoint(request.id, 1, 25, _checkpoints(tools, request)[0])
    (path,) = Path(settings.data_dir, "store", "fits", request.id, "checkpoint").iterdir()
    path.write_bytes(path.read_bytes()[:-1] + b"\xff")
    outcome = _run(tools, request)
    assert (outcome.status, outcome.first_step) == (Status.SUCCEEDED, 0)
    assert "is damaged and passed over" in caplog.text


@pytest.mark.parametrize("saved", [{"[0]": np.zeros(3)}, "no history"])
def test_a_checkpoint_of_something_else_is_not_fatal(
    tools: Tools, store: FitStore, caplog: pytest.LogCaptureFixture, saved: arrays.Arrays | str
) -> None:
    request = submit_example(store, steps=STEPS)
    if isinstance(saved, str):
        saved = {name: value for name, value in _checkpoints(tools, request)[0].items() if name != "history"}
    store.put_checkpoint(request.id, 1, 25, saved)
    with caplog.at_level(logging.WARNING):
        outcome = _run(tools, request)
    assert (outcome.status, outcome.first_step) == (Status.SUCCEEDED, 0)
    assert "begins anew" in caplog.text


def test_a_checkpoint_of_another_engine_is_not_gone_on_with(
    tools: Tools, store: FitStore, caplog: pytest.LogCaptureFixture
) -> None:
    request = submit_example(store, steps=STEPS)
    older = {**_checkpoints(tools, request)[0], "engine_revision": np.array(ENGINE_REVISION - 1)}
    store.put_checkpoint(request.id, 1, 25, older)
    with caplog.at_level(logging.WARNING):
        outcome = _run(tools, request)
    assert (outcome.status, outcome.first_step) == (Status.SUCCEEDED, 0)
    assert f"made by revision {ENGINE_REVISION - 1} of the engine" in caplog.text
    figures = json.loads(store.artefact(store.fit(request.id), DIAGNOSTICS))
    assert figures["engine_revision"] == ENGINE_REVISION


def test_a_checkpoint_that_cannot_be_kept_is_not_fatal(
    tools: Tools, store: FitStore, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    request = submit_example(store, steps=STEPS)
    # There is nothing to read, and not even root can make a folder here.
    Path(settings.data_dir, "store", "fits", request.id, "checkpoint").symlink_to("nowhere")
    assert _run(tools, request).status is Status.SUCCEEDED
    assert "goes on without a checkpoint" in caplog.text


def test_a_fit_that_has_not_converged_fails_and_keeps_what_it_found(
    tools: Tools, store: FitStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    reason, finalize = "It has not arrived. Give it more steps.", inference.finalize
    monkeypatch.setattr(inference, "finalize", lambda *given: finalize(*given)._replace(not_converged=None))
    arrived, missed = (submit_example(store, steps=STEPS) for _ in range(2))
    expected = _run(tools, arrived)
    assert (expected.status, expected.error) == (Status.SUCCEEDED, None)
    monkeypatch.setattr(inference, "finalize", lambda *given: finalize(*given)._replace(not_converged=reason))
    outcome = _run(tools, missed)
    assert (outcome.status, outcome.error) == (Status.FAILED, FitFailure(code="not_converged", message=reason))
    assert (outcome.artefacts, outcome.warnings) == (expected.artefacts, expected.warnings)
    assert outcome.progress is not None
    for name, values in _posterior(store, arrived).items():
        np.testing.assert_array_equal(_posterior(store, missed)[name], values)
    # There is nothing to go on with: it was computed to its end.
    assert store.checkpoint(missed.id) is None


def test_a_fit_leaves_its_figures(tools: Tools) -> None:
    jax.clear_caches()  # what earlier tests compiled in this process would not be compiled again
    request = submit_example(tools.store, steps=STEPS)
    tools.store.begin_attempt(tools.store.fit(request.id), worker="w", device="cpu")
    run_fit(tools, request.id, attempt=1)
    figures = metrics.decode(tools.progress.hgetall(keys.METRICS))
    assert figures.counts[metrics.FITS, "succeeded"] == 1
    assert figures.counts[metrics.COMPILED, ""] + figures.counts[metrics.CACHE_HITS, ""] > 0
    for phase in ("prepare", "steps", "draws", "store", "compile"):
        assert sum(figures.histograms[metrics.PHASE, phase].counts) == 1
        assert figures.histograms[metrics.PHASE, phase].total_s > 0
    assert figures.histograms[metrics.WAIT, ""].total_s > 0
