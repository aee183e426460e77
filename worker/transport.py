"""The queue of one device class, as the worker sees it: what waits, what is lost, how to put it back."""

from contextlib import suppress

import redis
from rq import Queue
from rq.exceptions import DuplicateJobError
from rq.executions import ExecutionRegistry
from rq.job import Job
from rq.serializers import JSONSerializer

from tacit.fits import FitRequest, keys, priorities
from worker.allowed import AllowedJob


def open_queue(connection: redis.Redis, device: str) -> Queue:
    """The RQ queue of a device class."""
    return Queue(keys.queue(device), connection=connection, job_class=AllowedJob, serializer=JSONSerializer)


def waiting(queue: Queue) -> set[str]:
    """Ids of the jobs that wait in the queue."""
    return {text(job_id) for job_id in queue.connection.lrange(queue.key, 0, -1)}


def requeue(queue: Queue, request: FitRequest) -> None:
    """Queue a fit where its priority and age put it, whatever Redis knew of it before."""
    forget(queue, request.id)
    # Whoever queued it in between did what we wanted.
    with suppress(DuplicateJobError):
        queue.enqueue_call(**keys.fit_job(request.id, timeout_s=request.timeout_s, priority=request.priority))
    priorities.place(queue.connection, request)


def forget(queue: Queue, job_id: str) -> None:
    """Remove every trace of a job from Redis.

    RQ's own `Job.delete` needs the job's hash and its executions to be there; after a crash or a wipe they may not be.
    """
    connection = queue.connection
    started = queue.started_job_registry.key
    entries = [text(entry) for entry in connection.zrange(started, 0, -1) if isinstance(entry, bytes | str)]
    running = [entry for entry in entries if entry.startswith(f"{job_id}:")]
    with connection.pipeline() as pipeline:
        pipeline.lrem(queue.key, 0, job_id)
        pipeline.lrem(queue.intermediate_queue_key, 0, job_id)
        pipeline.zrem(queue.failed_job_registry.key, job_id)
        for entry in running:
            pipeline.zrem(started, entry)
            pipeline.delete(f"rq:execution:{entry}")
        pipeline.delete(ExecutionRegistry(job_id, connection).key)
        pipeline.delete(Job.key_for(job_id), f"rq:results:{job_id}", keys.progress(job_id))
        pipeline.execute()


def text(value: bytes | str) -> str:
    """What Redis answered, as a string."""
    return value.decode() if isinstance(value, bytes) else value
