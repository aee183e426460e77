"""The computing child: a process that has JAX warm and runs one fit after another.

It is started by the worker with one end of a socket pair, as `python -m worker.child FD`. The worker first sends the
settings and is answered `{"ready": true, "device": ...}`; then each `{"job", "execution", "attempt"}` is answered by
`{"job", "done"}` when RQ's bookkeeping for it is over, and before that by `{"waiting": true}` if its results have to
wait for room in the store. `{"stop": true}` has a running fit make a checkpoint and be done. The child ends when the
worker closes the line or dies.
"""

import os
import queue
import signal
import socket
import sys
import threading
from collections.abc import Callable
from functools import partial

import redis
from rq import SimpleWorker
from rq.exceptions import NoSuchJobError
from rq.executions import Execution

from model_registry import load_registry
from tacit import compilation, logs
from tacit.fits import connections, keys, open_store
from tacit.fits.events import EventLog
from tacit.inference import resampling
from tacit.settings import Settings
from worker.allowed import AllowedJob
from worker.channel import Channel, Message
from worker.jobs import Tools, run_fit
from worker.transport import open_queue


class Child:
    """Performs jobs under the name of its worker, by RQ's own `perform_job`."""

    def __init__(self, settings: Settings, *, worker_name: str, connection: redis.Redis, tools: Tools) -> None:
        self._tools = tools
        self._queue = open_queue(connection, settings.device)
        self._worker = SimpleWorker(
            [self._queue],
            name=worker_name,
            connection=connection,
            job_class=AllowedJob,
            serializer=self._queue.serializer,
            prepare_for_work=False,
        )

    def perform(self, message: Message) -> bool:
        """Run one job; False when it raised."""
        job_id, connection = message["job"], self._queue.connection
        try:
            job = AllowedJob.fetch(job_id, connection=connection, serializer=self._queue.serializer)
        except NoSuchJobError:
            return False  # Redis was wiped a moment ago; the store still has the fit
        assert isinstance(job, AllowedJob)
        job.handlers = {keys.FIT_JOB: partial(run_fit, self._tools, attempt=message["attempt"])}
        self._worker.execution = Execution(
            message["execution"], job_id, connection=connection, worker_name=self._worker.name
        )
        return self._worker.perform_job(job, self._queue)


def main(descriptor: int) -> None:
    """Get ready, then serve until the worker is gone."""
    # The worker decides when to stop: a Ctrl-C in its terminal is not for us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    channel = Channel(socket.socket(fileno=descriptor))
    hello = channel.receive()
    settings = Settings(**hello["settings"])
    logs.configure(settings.log_level, process="worker-child", form=settings.log_format)
    # The store remembers what became of a fit; of RQ's lines about it, one is enough.
    SimpleWorker.log_result_lifespan = False
    device = compilation.configure(device=settings.device, cache=settings.compiled_programs)
    assert settings.redis_url is not None, "the worker knows the server"
    quick = connections.quick(settings.redis_url)
    events = EventLog(quick)
    tools = Tools(
        store=open_store(settings, changed=events.changed),
        registry=load_registry(settings.model_path),
        progress=quick,
        events=events,
        checkpoint_s=settings.checkpoint_s,
        on_waiting=partial(_wait_on, channel),
    )
    patient = connections.patient(settings.redis_url)
    child = Child(settings, worker_name=hello["worker"], connection=patient, tools=tools)
    channel.send({"ready": True, "device": device})
    # The end of a fit needs it. Often no job is there yet.
    resampling.smoother()
    _serve(channel, child.perform, tools.stopping)


def _wait_on(channel: Channel) -> None:
    """From now on the time does not count: the timeout is for computing."""
    signal.alarm(0)  # by which RQ ends a job at its timeout
    channel.send({"waiting": True})


def _serve(channel: Channel, perform: Callable[[Message], bool], stopping: threading.Event) -> None:
    inbox: queue.SimpleQueue[Message] = queue.SimpleQueue()
    # Reading has a thread of its own: that the worker is gone is noticed during a job, too.
    threading.Thread(target=_read, args=(channel, inbox, stopping), daemon=True).start()
    while True:
        message = inbox.get()
        channel.send({"job": message["job"], "done": perform(message)})


def _read(channel: Channel, inbox: "queue.SimpleQueue[Message]", stopping: threading.Event) -> None:
    while True:
        try:
            message = channel.receive()
        except EOFError:
            os._exit(0)
        if message.get("stop"):
            stopping.set()
        else:
            inbox.put(message)


if __name__ == "__main__":
    main(int(sys.argv[1]))
