"""What Redis carries about fits and workers."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import pytest
import redis

from tacit.fits import connections, keys, new_fit_id, progress, workers
from tacit.fits.workers import WorkerInfo


class _Report(NamedTuple):
    step: int
    total: int
    loss_gen: float
    loss_disc: float
    steps_per_s: float | None
    eta_s: float | None


@pytest.fixture
def connection(redis_url: str) -> Iterator[redis.Redis]:
    client = connections.quick(redis_url)
    yield client
    client.close()


def _info(name: str) -> WorkerInfo:
    return WorkerInfo(name=name, host="h", pid=1, child_pid=2, queue="tacit:cpu", device="cpu")


def test_progress_is_read_back_and_expires(connection: redis.Redis) -> None:
    fit_id = new_fit_id()
    shown = progress.record(_Report(10, 100, -1.25, 0.5, 99.5, 0.9))
    progress.publish(connection, fit_id, shown)
    assert progress.decode(connection.hgetall(keys.progress(fit_id))) == shown
    assert 0 < connection.ttl(keys.progress(fit_id)) <= keys.PROGRESS_TTL_S


def test_progress_without_finite_numbers(connection: redis.Redis) -> None:
    fit_id = new_fit_id()
    progress.publish(connection, fit_id, progress.record(_Report(1, 2, 1.0, 1.0, 1.0, 1.0)))
    shown = progress.record(_Report(2, 100, math.nan, math.inf, 0.0, math.inf))
    assert (shown.loss_gen, shown.loss_disc, shown.eta_s) == (None, None, None)
    progress.publish(connection, fit_id, shown)
    assert progress.decode(connection.hgetall(keys.progress(fit_id))) == shown


def test_progress_whose_speed_is_not_known_yet(connection: redis.Redis) -> None:
    fit_id = new_fit_id()
    progress.publish(connection, fit_id, shown := progress.record(_Report(25, 100, 1.0, 1.0, None, None)))
    assert (shown.steps_per_s, shown.eta_s) == (None, None)
    assert progress.decode(connection.hgetall(keys.progress(fit_id))) == shown


def test_no_progress(connection: redis.Redis) -> None:
    assert progress.decode(connection.hgetall(keys.progress(new_fit_id()))) is None


def test_announced_workers_live_until_they_expire(connection: redis.Redis) -> None:
    for name in ("a", "b", "c"):
        workers.announce(connection, _info(name))
    assert [info.name for info in workers.live(connection)] == ["a", "b", "c"]
    assert 0 < connection.ttl(keys.worker("a")) <= keys.WORKER_TTL_S
    workers.withdraw(connection, "a")
    connection.delete(keys.worker("b"))  # as when it expires
    assert workers.live(connection) == [_info("c")]
    assert connection.smembers(keys.WORKERS) == {b"c"}
