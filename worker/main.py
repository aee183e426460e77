"""Runs one worker: `tacit worker`."""

import logging
import secrets
import socket
from contextlib import suppress
from functools import partial
from os import getpid

import redis

from tacit import logs
from tacit.errors import UnavailableError
from tacit.fits import FitStore, connections, keys, open_store, workers
from tacit.fits.events import EventLog
from tacit.fits.workers import WorkerInfo
from tacit.settings import Settings
from worker.housekeeping import Announcer, Reconciler, Repeating, bury_dead, register
from worker.transport import open_queue
from worker.turns import Turns
from worker.warm import WarmWorker
from worker.webhooks import LOOK_S, Deliverer

# Between two looks for idempotency keys that are too old.
_EXPIRE_S = 3600.0


def main(settings: Settings) -> int:
    """Work until a signal says stop; the exit status."""
    logs.configure(settings.log_level, process="worker", form=settings.log_format)
    # RQ sets a level of its own when it is imported.
    for name in ("rq.worker", "rq.job"):
        logging.getLogger(name).setLevel(logging.NOTSET)
    if settings.redis_url is None:
        raise UnavailableError("No Redis is known: set REDIS_URL.")
    name = f"{socket.gethostname()}-{getpid()}-{secrets.token_hex(4)}".lower()
    folder = settings.data_dir / "workers"
    dead = bury_dead(folder)
    lock = register(folder, name)
    try:
        return _work(settings, settings.redis_url, name=name, dead=dead)
    finally:
        lock.release(remove=True)


def _work(settings: Settings, redis_url: str, *, name: str, dead: set[str]) -> int:
    patient, quick = connections.patient(redis_url), connections.quick(redis_url)
    store = open_store(settings, changed=EventLog(quick).changed)
    queue = open_queue(patient, settings.device)
    for gone in dead:
        workers.withdraw(patient, gone)
    limited = partial(Turns, device=settings.device, most=settings.max_running_fits)
    turns = limited(queue, store)
    Reconciler(store, queue, turns, device=settings.device).run_at_start(dead)

    quick_queue = open_queue(quick, settings.device)
    reconciler = Reconciler(store, quick_queue, limited(quick_queue, store), device=settings.device)
    looking = Repeating(reconciler.run, every_s=settings.reconcile_s, name="reconciler")
    deliverer = Deliverer(store, private=settings.webhook_private)
    telling = Repeating(deliverer.run, every_s=LOOK_S, name="webhooks")
    expiring = Repeating(lambda: _expire(store), every_s=_EXPIRE_S, name="expiry")
    announcer = Announcer(quick, _info(settings, name))
    worker = WarmWorker(
        settings, store=store, queue=queue, connection=patient, announcer=announcer, turns=turns, name=name
    )
    try:
        for repeating in (looking, telling, expiring):
            repeating.start()
        worker.work(logging_level=None)
    finally:
        deliverer.stop()
        for repeating in (looking, telling, expiring):
            repeating.stop()
        with suppress(redis.RedisError):
            announcer.stop()
    return 0 if worker.asked_to_stop else 1


def _expire(store: FitStore) -> None:
    store.idempotency.expire()


def _info(settings: Settings, name: str) -> WorkerInfo:
    return WorkerInfo(
        name=name,
        host=socket.gethostname(),
        pid=getpid(),
        child_pid=0,
        queue=keys.queue(settings.device),
        device=settings.device,
    )
