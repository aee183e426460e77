"""Redis that hangs costs its callers one wait, not one each."""

# Parts of redis-py are not typed.
# mypy: disallow-untyped-calls=False

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis
import redis.asyncio
import redis.asyncio.client
import redis.client

# How long a server that did not answer in time is left alone.
_REST_S = 5.0


class Breaker:
    """Remembers that a server did not answer in time, and refuses at once for some seconds; then one caller tries it.

    One may be shared by clients of one server, in several threads. A server that is down refuses by itself, at once.
    """

    def __init__(self, *, rest_s: float = _REST_S) -> None:
        self._rest_s = rest_s
        self._until: float | None = None
        self._lock = threading.Lock()

    @contextmanager
    def guarding(self) -> Iterator[None]:
        """A call of the server.

        Raises:
            redis.TimeoutError: It did not answer a moment ago, and is not asked now.
        """
        self._admit()
        try:
            yield
        except (redis.TimeoutError, TimeoutError):
            self._until = time.monotonic() + self._rest_s
            raise
        except redis.ResponseError:
            self._until = None
            raise
        self._until = None

    def _admit(self) -> None:
        with self._lock:
            if self._until is None:
                return
            moment = time.monotonic()
            if moment < self._until:
                raise redis.TimeoutError("Redis did not answer a moment ago, and is left alone for some seconds.")
            # This one tries; the others are refused meanwhile.
            self._until = moment + self._rest_s


class GuardedRedis(redis.Redis):
    """A client whose commands and pipelines go by a breaker."""

    breaker: Breaker

    def execute_command(self, *args: Any, **options: Any) -> Any:
        with self.breaker.guarding():
            return super().execute_command(*args, **options)

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> "GuardedPipeline":
        made = GuardedPipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)
        made.breaker = self.breaker
        return made


class GuardedPipeline(redis.client.Pipeline):
    """Its pipelines."""

    breaker: Breaker

    def execute(self, raise_on_error: bool = True) -> list[Any]:
        with self.breaker.guarding():
            return super().execute(raise_on_error)


class GuardedAsyncRedis(redis.asyncio.Redis):
    """As `GuardedRedis`, for an event loop. Subscriptions are not guarded: who listens waits anyway."""

    breaker: Breaker

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        with self.breaker.guarding():
            return await super().execute_command(*args, **options)

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> "GuardedAsyncPipeline":
        made = GuardedAsyncPipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)
        made.breaker = self.breaker
        return made


class GuardedAsyncPipeline(redis.asyncio.client.Pipeline):
    """Its pipelines."""

    breaker: Breaker

    async def execute(self, raise_on_error: bool = True) -> list[Any]:
        with self.breaker.guarding():
            return await super().execute(raise_on_error)
