"""Connections to Redis, by how long they wait for a server that is away."""

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import ExponentialWithJitterBackoff, NoBackoff
from redis.retry import Retry

from tacit.fits.breaker import Breaker, GuardedAsyncRedis, GuardedRedis

_QUICK_TIMEOUT_S = 2.0
_MOST_CONNECTIONS = 64
_OUTAGES = (redis.ConnectionError, redis.TimeoutError, redis.BusyLoadingError)
# A connection that broke while it lay idle is worth a second try; a server that does not answer is not.
_BROKEN = (redis.ConnectionError,)


def patient(url: str) -> redis.Redis:
    """For the worker: every command waits minutes for the server to come back, so that an outage ends nothing."""
    backoff = ExponentialWithJitterBackoff(base=0.05, cap=2.0)
    return redis.Redis.from_url(url, retry=Retry(backoff, retries=120, supported_errors=_OUTAGES))


def quick(url: str, breaker: Breaker | None = None) -> redis.Redis:
    """For what is better skipped or refused than late: two seconds, one more try on a broken connection.

    After two seconds in vain, commands fail at once for a while, with all clients that share the breaker.
    """
    pool = redis.ConnectionPool.from_url(
        url,
        socket_timeout=_QUICK_TIMEOUT_S,
        socket_connect_timeout=_QUICK_TIMEOUT_S,
        retry=Retry(NoBackoff(), retries=1, supported_errors=_BROKEN),
    )
    client = GuardedRedis.from_pool(pool)
    assert isinstance(client, GuardedRedis)
    client.breaker = breaker or Breaker()
    return client


def quick_async(url: str, breaker: Breaker | None = None) -> redis.asyncio.Redis:
    """As `quick`, for an event loop; whoever finds all connections busy waits for one."""
    pool = redis.asyncio.BlockingConnectionPool.from_url(
        url,
        max_connections=_MOST_CONNECTIONS,
        timeout=_QUICK_TIMEOUT_S,
        socket_timeout=_QUICK_TIMEOUT_S,
        socket_connect_timeout=_QUICK_TIMEOUT_S,
        retry=AsyncRetry(NoBackoff(), retries=1, supported_errors=_BROKEN),
    )
    client = GuardedAsyncRedis.from_pool(pool)
    assert isinstance(client, GuardedAsyncRedis)
    client.breaker = breaker or Breaker()
    return client
