"""Which workers live, and what each is working on.

A worker announces itself every few seconds under a key that expires: this is how the API knows that someone will take a
fit, and how a fit is recognised whose worker died.
"""

from collections.abc import Iterable

import redis
from pydantic import BaseModel, ConfigDict

from tacit.fits import keys


class WorkerInfo(BaseModel):
    """What a worker says of itself; `child_pid` is the process that computes, `fit` what it computes."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    host: str
    pid: int
    child_pid: int
    queue: str
    device: str
    fit: str | None = None

    @property
    def busy(self) -> bool:
        return self.fit is not None


def announce(connection: redis.Redis, info: WorkerInfo) -> None:
    """Say that this worker lives, until the announcement expires."""
    with connection.pipeline() as pipeline:
        pipeline.sadd(keys.WORKERS, info.name)
        pipeline.set(keys.worker(info.name), info.model_dump_json(), ex=keys.WORKER_TTL_S)
        pipeline.execute()


def withdraw(connection: redis.Redis, name: str) -> None:
    """Say that this worker lives no more."""
    with connection.pipeline() as pipeline:
        pipeline.srem(keys.WORKERS, name)
        pipeline.delete(keys.worker(name))
        pipeline.execute()


def live(connection: redis.Redis) -> list[WorkerInfo]:
    """The workers that live now."""
    names = member_names(connection.smembers(keys.WORKERS))
    found = decode(connection.mget([keys.worker(name) for name in names])) if names else []
    gone = set(names).difference(info.name for info in found)
    if gone:
        connection.srem(keys.WORKERS, *gone)
    return found


def member_names(members: Iterable[bytes | str]) -> list[str]:
    """Names in the set of announced workers, of which some may have expired."""
    return sorted(member.decode() if isinstance(member, bytes) else member for member in members)


def decode(values: Iterable[bytes | str | None]) -> list[WorkerInfo]:
    """The announcements that have not expired."""
    return [WorkerInfo.model_validate_json(value) for value in values if value is not None]
