"""The one job: fit a model. Runs in the worker's warm child, the only process that computes."""

import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import jax
import numpy as np
import redis

from model_registry import Registry
from model_registry.resolution import Dataset
from tacit import inference, logs, simulation_pool
from tacit.errors import InferenceError, ModelChangedError, TacitError, UnavailableError
from tacit.fits import (
    Artefact,
    Fit,
    FitRequest,
    FitStore,
    Outcome,
    ProgressRecord,
    Status,
    arrays,
    metrics,
    progress,
    records,
)
from tacit.fits.events import EventLog
from tacit.fits.summary import summarize
from worker import failures
from worker.metering import Meter
from worker.patience import Written, patiently

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Tools:
    """What a job works with: the store, the models, and a connection on which progress may get lost.

    `stopping` is set when the worker is to stop: a running fit makes a checkpoint, and waits for another worker.
    `on_waiting` is called when what was computed begins to wait for room in the store.
    """

    store: FitStore
    registry: Registry
    progress: redis.Redis
    events: EventLog
    checkpoint_s: float
    stopping: threading.Event = field(default_factory=threading.Event)
    on_waiting: Callable[[], None] = lambda: None


class InterruptedByStopError(Exception):
    """The worker stops; the fit is to be gone on with."""


class CancelledError(Exception):
    """The fit is to be cancelled."""


class ProgressReport:
    """Passes the driver's reports on, keeps the last, and ends a fit that is to be cancelled."""

    def __init__(self, tools: Tools, fit_id: str) -> None:
        self._connection = tools.progress
        self._store = tools.store
        self._events = tools.events
        self._fit_id = fit_id
        self.last: ProgressRecord | None = None

    def __call__(self, report: inference.Progress) -> None:
        self.last = progress.record(report)
        # Progress is a courtesy: a fit does not wait for Redis.
        with suppress(redis.RedisError):
            progress.publish(self._connection, self._fit_id, self.last)
        self._events.progress(self._store, self._fit_id, self.last)
        if self._store.cancel_requested(self._fit_id):
            raise CancelledError


def run_fit(tools: Tools, fit_id: str, *, attempt: int) -> None:
    """Compute a fit and decide it: when this returns, the outcome is in the store, or why the attempt was interrupted.

    Raises:
        UnavailableError: The store cannot be reached; the fit stays undecided and is tried again.
    """
    logs.fit_id.set(fit_id)
    fit = tools.store.fit(fit_id)
    if fit.outcome is not None:
        return
    if fit.cancel is not None:
        tools.store.cancelled(fit_id, attempt=attempt)
        return
    meter = Meter()
    try:
        with meter.running():
            outcome = _outcome(tools, fit.request, attempt, meter)
        _store(tools, fit_id, lambda: tools.store.finish(fit_id, outcome))
        _publish(tools, fit, outcome, meter)
    except InterruptedByStopError:
        _log.info("fit %s waits for another worker", fit_id)
        tools.store.end_attempt(fit_id, attempt, code=failures.INTERRUPTED, message=failures.STOPPED, counts=False)
    except UnavailableError as error:
        with suppress(TacitError):
            tools.store.end_attempt(fit_id, attempt, code=failures.STORE_UNAVAILABLE, message=str(error), counts=False)
        raise


def _outcome(tools: Tools, request: FitRequest, attempt: int, meter: Meter) -> Outcome:
    """How the fit ends: with results, with the reason why they are not to be relied on, or why there are none."""
    report = ProgressReport(tools, request.id)
    try:
        return _compute(tools, request, attempt, report, meter)
    except (UnavailableError, InterruptedByStopError):
        raise
    except CancelledError:
        _log.info("fit %s was cancelled", request.id)
        return Outcome(status=Status.CANCELLED, finished_at=records.now(), attempt=attempt, progress=report.last)
    except Exception as error:
        _log.exception("fit %s failed", request.id)
        return Outcome(
            status=Status.FAILED,
            finished_at=records.now(),
            attempt=attempt,
            error=failures.explain(error, timeout_s=request.timeout_s, simulators=simulation_pool.trouble()),
            progress=report.last,
        )


def _compute(tools: Tools, request: FitRequest, attempt: int, report: ProgressReport, meter: Meter) -> Outcome:
    """Run the fit and write its files; the outcome that names them is for the caller to write."""
    model = tools.registry.get(f"{request.model}@{request.version}")
    if model.code_hash != request.code_hash:
        raise ModelChangedError(
            f"Model {request.model} has changed since the fit was accepted; post the fit again to use the new code."
        )
    with meter.phase("prepare"):
        dataset = Dataset.from_stored(tools.store.data(request), dict(request.dims))
        session = _begin(tools, request, model.problem(dataset))
    first_step = session.done
    with meter.phase("steps"):
        session = inference.run(
            session,
            on_progress=report,
            on_checkpoint=partial(_keep, tools.store, request.id, attempt),
            checkpoint_seconds=tools.checkpoint_s,
            stop=tools.stopping.is_set,
        )
    if session.done < session.total:
        raise InterruptedByStopError
    with meter.phase("draws"):
        result = inference.finalize(session, request.draws)
    with meter.phase("store"):
        written = _store(tools, request.id, lambda: _write(tools.store, request, attempt, result))
    failure = None
    if result.not_converged is not None:
        _log.warning("fit %s has not converged: %s", request.id, result.not_converged)
        failure = failures.not_converged(result.not_converged)
    return Outcome(
        status=Status.SUCCEEDED if failure is None else Status.FAILED,
        finished_at=records.now(),
        attempt=attempt,
        first_step=first_step,
        error=failure,
        warnings=tuple(result.warnings),
        progress=report.last,
        artefacts=written,
    )


def _store(tools: Tools, fit_id: str, write: Callable[[], Written]) -> Written:
    """Write what was computed, as soon as the store takes it: to compute it again would not help a full disk."""

    def say(reason: str) -> None:
        tools.on_waiting()
        tools.events.line(tools.store, fit_id, f"The results wait for room in the store: {reason}")

    return patiently(write, give_up=tools.stopping.is_set, say=say)


def _write(store: FitStore, request: FitRequest, attempt: int, result: inference.Fit) -> dict[str, Artefact]:
    """Write the files of a result."""
    files = {
        "posterior.safetensors": arrays.to_bytes(_numpy(result.posterior)),
        "variational.safetensors": arrays.to_bytes(_numpy(result.variational)),
        "losses.safetensors": arrays.to_bytes(_numpy(result.losses)),
        "summary.json": records.to_json_bytes(summarize(_numpy(result.posterior))),
        "diagnostics.json": records.to_json_bytes(result.diagnostics),
    }
    return {name: store.put_artefact(request.id, attempt, name, data) for name, data in files.items()}


def _publish(tools: Tools, fit: Fit, outcome: Outcome, meter: Meter) -> None:
    """Tell those who watch the service what the attempt took. A fit does not wait for Redis."""
    first = fit.attempts[0] if len(fit.attempts) == 1 else None
    figures = metrics.AttemptFigures(
        wait_s=(first.started_at - fit.request.created_at).total_seconds() if first else None,
        phases=meter.seconds,
        status=outcome.status,
        compiled=meter.compiled,
        cache_hits=meter.cache_hits,
    )
    with suppress(redis.RedisError):
        metrics.publish(tools.progress, figures)


def _begin(tools: Tools, request: FitRequest, problem: inference.Problem) -> inference.Session:
    """The session of a fit, at its newest checkpoint if there is one that can be used, else before the first step."""
    options = inference.InferenceOptions(**request.options)
    saved = tools.store.checkpoint(request.id)
    if saved is not None:
        try:
            session = inference.load(problem, saved, options=options)
        except (InferenceError, KeyError) as error:
            # As after an upgrade that changed what a session is.
            _log.warning("fit %s begins anew, its checkpoint is of no use: %s", request.id, error)
        else:
            _log.info("fit %s goes on from step %d", request.id, session.done)
            tools.events.line(tools.store, request.id, f"It goes on from the checkpoint at step {session.done}.")
            return session
    return inference.initialize(jax.random.key(request.seed), problem, options=options)


def _keep(store: FitStore, fit_id: str, attempt: int, saved: Mapping[str, np.ndarray[Any, Any]]) -> None:
    """Store a checkpoint. A fit does without, when that fails."""
    try:
        store.put_checkpoint(fit_id, attempt, int(saved["history"][-1, 0]), saved)
    except UnavailableError as error:
        _log.warning("fit %s goes on without a checkpoint: %s", fit_id, error)


def _numpy(values: Mapping[str, Any]) -> dict[str, np.ndarray[Any, Any]]:
    return {name: np.asarray(value) for name, value in values.items()}
