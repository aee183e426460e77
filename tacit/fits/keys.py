"""Every Redis key, queue name and lifetime, in one place. Times are in seconds.

Redis only carries: all of this may vanish at any moment, and no accepted fit is lost. RQ's own keys begin with `rq:`.
"""

from typing import Any

# Progress of a running fit is refreshed about every second; it outlives the fit only by this.
PROGRESS_TTL_S = 3600

# Events of a fit are kept for this long after the last one, and so many of them.
EVENTS_TTL_S = 24 * 3600
EVENTS_KEPT = 10_000

# Channel on which every event is announced, and the end of every fit.
SIGNALS = "tacit:signals"

# A worker that has not announced itself for this long counts as dead.
WORKER_TTL_S = 10
WORKER_ANNOUNCE_S = 3.0

# Hash with the figures that workers leave for whoever scrapes an API process.
METRICS = "tacit:metrics"

# Set of the names of announced workers; each has a key of its own that expires.
WORKERS = "tacit:workers"

# Hash with the owner of the fit that each worker runs.
RUNNING = "tacit:running"

# The one job there is, by string path: whoever enqueues does not import the worker.
FIT_JOB = "worker.jobs.run_fit"

# RQ forgets a job when it is done (its outcome is in the store); one that broke in transport is kept for a day.
_RESULT_TTL_S = 0
_FAILURE_TTL_S = 24 * 3600


def progress(fit_id: str) -> str:
    """Hash with the progress of a running fit."""
    return f"tacit:progress:{fit_id}"


def rate(owner: str | None) -> str:
    """String with when an owner's requests so far would be over at the rate that is allowed."""
    return f"tacit:rate:{owner or 'anyone'}"


def wrong_keys(network: str) -> str:
    """As `rate`, for the wrong API keys that come from one place."""
    return f"tacit:wrong-keys:{network}"


def events(fit_id: str) -> str:
    """Stream of what happened to a fit."""
    return f"tacit:events:{fit_id}"


def events_told(fit_id: str) -> str:
    """Set of the names of those events that happen once and are in the stream."""
    return f"tacit:events:{fit_id}:told"


def worker(name: str) -> str:
    """String with what a live worker says of itself, as JSON."""
    return f"tacit:worker:{name}"


def queue(device: str) -> str:
    """Name of the RQ queue of a device class. One per class: a worker that listens to one queue loses no job."""
    return f"tacit:{device}"


def queue_list(device: str) -> str:
    """Key of the list behind that queue."""
    return f"rq:queue:{queue(device)}"


def held(device: str) -> str:
    """Hash of fits that wait beside that queue, since others of their owner run: priority and owner by fit."""
    return f"tacit:held:{device}"


def job(fit_id: str) -> str:
    """Hash in which RQ keeps the job of a fit."""
    return f"rq:job:{fit_id}"


def fit_job(fit_id: str, *, timeout_s: int, priority: str) -> dict[str, Any]:
    """Arguments of `rq.Queue.enqueue_call` for a fit: only its id travels, and it is queued at most once.

    RQ puts it last; `tacit.fits.priorities.place` then puts it where its priority, kept as the job's description, says.
    """
    return {
        "func": FIT_JOB,
        "args": (fit_id,),
        "job_id": fit_id,
        "description": priority,
        "timeout": timeout_s,
        "result_ttl": _RESULT_TTL_S,
        "failure_ttl": _FAILURE_TTL_S,
        "unique": True,
    }
