"""What a job from Redis may do, whoever wrote it."""

import json
import zlib
from pathlib import Path
from typing import Any

import pytest
import redis
from rq import Queue, SimpleWorker
from rq.job import JobStatus

from tacit.fits import keys, new_fit_id
from worker.allowed import AllowedJob, NotAllowedError


def _fetch(queue: Queue, job_id: str) -> AllowedJob:
    job = AllowedJob.fetch(job_id, connection=queue.connection, serializer=queue.serializer)
    assert isinstance(job, AllowedJob)
    return job


def _enqueue(queue: Queue, function: str = keys.FIT_JOB) -> AllowedJob:
    spec = {**keys.fit_job(new_fit_id(), timeout_s=10, priority="normal"), "func": function}
    return _fetch(queue, queue.enqueue_call(**spec).id)


def test_a_function_on_the_list_runs(queue: Queue) -> None:
    job = _enqueue(queue)
    ran: list[str] = []
    job.handlers = {keys.FIT_JOB: ran.append}
    job.perform()
    assert ran == [job.id]


@pytest.mark.parametrize("function", ["os.getpid", "subprocess.check_output", "worker.jobs.other", "worker.main.main"])
def test_a_function_that_is_not_on_the_list_does_not_run(queue: Queue, function: str) -> None:
    job = _enqueue(queue, function)
    job.handlers = {keys.FIT_JOB: lambda fit_id: None}
    with pytest.raises(NotAllowedError, match=function):
        job.perform()


def test_without_a_list_nothing_runs(queue: Queue) -> None:
    with pytest.raises(NotAllowedError):
        _enqueue(queue).perform()


def test_callbacks_and_webhooks_are_dropped(queue: Queue, connection: redis.Redis) -> None:
    job_id = _enqueue(queue).id
    webhook = json.dumps([{"url": "http://127.0.0.1:9/", "job_status": "finished"}])
    for field, value in {
        "success_callback_name": "os.getpid",
        "failure_callback_name": "os.getpid",
        "stopped_callback_name": "os.getpid",
        "webhooks": webhook,
        "dependency_ids": json.dumps(["other"]),
        "group_id": "group",
    }.items():
        connection.hset(f"rq:job:{job_id}", field, value)
    job = _fetch(queue, job_id)
    assert (job.success_callback, job.failure_callback, job.stopped_callback) == (None, None, None)
    assert (job.webhooks, job.dependency_ids, job.group_id) == ([], [], None)


def test_a_pickle_is_not_opened(queue: Queue, connection: redis.Redis, tmp_path: Path) -> None:
    job_id = _enqueue(queue).id
    trace = tmp_path / "opened"
    pickled = f"cpathlib\nPath\n(S'{trace}'\ntR.".encode()
    connection.hset(f"rq:job:{job_id}", "data", zlib.compress(pickled))
    job = _fetch(queue, job_id)
    job.handlers = {keys.FIT_JOB: lambda fit_id: None}
    worker = SimpleWorker(
        [queue], connection=connection, job_class=AllowedJob, serializer=queue.serializer, prepare_for_work=False
    )
    worker.prepare_execution(job)
    assert worker.perform_job(job, queue) is False
    assert job.get_status() == JobStatus.FAILED


def test_jobs_are_json(queue: Queue, connection: redis.Redis) -> None:
    job = _enqueue(queue)
    stored: dict[bytes, Any] = connection.hgetall(f"rq:job:{job.id}")
    assert json.loads(zlib.decompress(stored[b"data"])) == [keys.FIT_JOB, None, [job.id], {}]
