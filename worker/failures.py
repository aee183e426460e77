"""Why a fit failed, as users read it: a stable code and a sentence, never a traceback."""

from rq.timeouts import JobTimeoutException

from tacit.errors import (
    DivergedError,
    InferenceError,
    InvalidInputError,
    ModelChangedError,
    NotFoundError,
    ProgramError,
    StoreError,
    is_out_of_memory,
)
from tacit.fits import NOT_CONVERGED, FitFailure

TIMEOUT = "timeout"
WORKER_DIED = "worker_died"
JOB_BROKEN = "job_broken"
WORKER_LOST = "worker_lost"
INTERRUPTED = "interrupted"
STORE_UNAVAILABLE = "store_unavailable"

STOPPED = "The worker was stopped."

# First match wins: put the narrower class before the wider.
_SAID_ON_PURPOSE: tuple[tuple[type[Exception], str], ...] = (
    (DivergedError, "diverged"),
    (InferenceError, "inference_error"),
    (ProgramError, "program_error"),
    (ModelChangedError, "model_changed"),
    (InvalidInputError, "invalid_input"),
    (NotFoundError, "model_missing"),
    (StoreError, "store_error"),
)


def explain(error: Exception, *, timeout_s: int, simulators: str | None = None) -> FitFailure:
    """What to tell the user about an exception that ended a fit.

    Args:
        simulators: Why the processes that run simulators cannot be started, where they cannot.
    """
    if isinstance(error, JobTimeoutException):
        return timed_out(timeout_s)
    if is_out_of_memory(error):
        return FitFailure(code="out_of_memory", message="The fit needs more memory than the worker has.")
    if simulators is not None:
        return FitFailure(code="simulators_unavailable", message=simulators)
    for kind, code in _SAID_ON_PURPOSE:
        if isinstance(error, kind):
            return FitFailure(code=code, message=str(error))
    return FitFailure(
        code="internal_error",
        message=f"The fit stopped on an unexpected {type(error).__name__}; the worker's log says more under its id.",
    )


def not_converged(reason: str) -> FitFailure:
    """The fit was computed to its end, and its draws are no posterior."""
    return FitFailure(code=NOT_CONVERGED, message=reason)


def timed_out(timeout_s: float) -> FitFailure:
    """The fit ran for longer than it may."""
    return FitFailure(
        code=TIMEOUT,
        message=f"The fit took longer than its timeout of {timeout_s} s; ask for fewer steps or a larger timeout_s.",
    )


def lost(attempts: int, last: str | None) -> FitFailure:
    """Workers died under the fit, time and again."""
    reason = f" Last: {last}" if last else ""
    times = "once" if attempts == 1 else f"{attempts} times"
    return FitFailure(code=WORKER_LOST, message=f"The fit was started {times}, and each time its worker died.{reason}")
