"""Who calls, and what they may: asked before anything else of a request is read."""

import ipaddress
import logging
import math
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, Protocol

import redis
import redis.asyncio
from fastapi import Depends, Request

from tacit.errors import ForbiddenError, NotFoundError, RateError, UnauthorizedError, UnavailableError
from tacit.fits import ApiKey, ApiKeys, FitStore, Scope, keys
from tacit.settings import Settings

_log = logging.getLogger(__name__)

# A new or revoked key is noticed within this time by every process.
_REMEMBERED_S = 2.0
_MOST_REMEMBERED = 10_000
# Requests that are not made for a while may be made at once, up to this share of a minute's.
_BURST_SHARE = 1 / 6
# After Redis did not answer, requests are not counted for this long: each would wait for it.
_UNCOUNTED_S = 1.0

_BEARER = re.compile(r"bearer +(\S+) *", re.IGNORECASE)

# Generic cell rate algorithm: the one number kept is when the requests so far would be over at the steady rate.
_COUNT = """
local moment = redis.call('TIME')
local now = moment[1] + moment[2] / 1e6
local over = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now) + ARGV[1]
local wait = over - now - ARGV[2]
if wait > 0 then return tostring(wait) end
if tonumber(ARGV[1]) == 0 then return '0' end
redis.call('SET', KEYS[1], string.format('%.6f', over), 'PX', math.ceil((over - now) * 1000) + 1)
return '0'
"""


class Blocking(Protocol):
    """Calls a function in a thread."""

    def __call__(self, function: Callable[..., Any], *args: object) -> Awaitable[Any]: ...


@dataclass(frozen=True)
class Caller:
    """Who makes a request; `owner` is None where nobody needs a key."""

    owner: str | None
    scopes: frozenset[Scope]

    @property
    def sees_all(self) -> bool:
        return Scope.ADMIN in self.scopes

    @property
    def sees_only(self) -> str | None:
        """The owner whose fits the caller sees; None for a caller who sees all."""
        return None if self.sees_all else self.owner


_ANYONE = Caller(owner=None, scopes=frozenset(Scope))


class Gate:
    """Admits requests, or says why not. Nothing here waits for a disk on the event loop."""

    def __init__(
        self, settings: Settings, *, keys: ApiKeys, store: FitStore, redis: redis.asyncio.Redis, blocking: Blocking
    ) -> None:
        self._keys = keys
        self._store = store
        self._blocking = blocking
        self._requests = _Rate(redis, per_minute=settings.max_requests_per_minute, what="requests")
        self._refused = _Rate(redis, per_minute=settings.max_wrong_keys_per_minute, what="wrong keys")
        self._found: dict[str, tuple[float, ApiKey]] = {}
        self._owners: dict[str, str | None] = {}
        self._closed = False
        self._open_until = 0.0

    async def admit(self, request: Request, needed: Scope) -> Caller:
        """Who makes this request, if they may.

        Raises:
            UnauthorizedError: A key is needed and there is none that is good.
            RateError: These are too many requests, or too many wrong keys from one address.
            ForbiddenError: The key lacks the scope.
            NotFoundError: The request is about a fit of someone else.
        """
        caller = await self._caller(request)
        await self._requests.count(keys.rate(caller.owner))
        if needed not in caller.scopes:
            raise ForbiddenError(f"This key lacks the scope {needed}; use one that has it.")
        fit_id = request.path_params.get("fit_id")
        if fit_id is not None and not caller.sees_all and await self._owner(fit_id) != caller.owner:
            raise NotFoundError(f"There is no fit {fit_id[:64]!r}.")
        return caller

    async def still_admits(self, request: Request) -> bool:
        """Whether who was admitted still may; for answers that go on. While the store cannot tell, they may."""
        try:
            return not await self._needs_key() or await self._find(_token(request)) is not None
        except UnavailableError:
            return True

    async def admit_still(self, request: Request) -> None:
        """Raise UnauthorizedError when who was admitted may no longer be told; before an answer that was held."""
        if not await self.still_admits(request):
            raise UnauthorizedError("This API key was revoked.")

    async def _caller(self, request: Request) -> Caller:
        if not await self._needs_key():
            return _ANYONE
        if "authorization" not in request.headers:
            raise UnauthorizedError("Send an API key: Authorization: Bearer tacit_...")
        token, tries = _token(request), keys.wrong_keys(_network(request))
        # A key that was good here before is let through: whoever guesses keys shuts out no others at their address.
        if token not in self._found:
            await self._refused.check(tries)
        key = await self._find(token)
        if key is None:
            await self._refused.count(tries)
            raise UnauthorizedError("This API key is not known, or was revoked.")
        return Caller(owner=key.owner, scopes=frozenset(scope for scope in Scope if key.allows(scope)))

    async def _needs_key(self) -> bool:
        moment = time.monotonic()
        if not self._closed and moment > self._open_until:
            self._closed = await self._blocking(self._keys.any)
            self._open_until = moment + _REMEMBERED_S
        return self._closed

    async def _find(self, token: str) -> ApiKey | None:
        moment = time.monotonic()
        until, known = self._found.get(token, (0.0, None))
        if known is not None and moment < until:
            return known
        key: ApiKey | None = await self._blocking(self._keys.find, token)
        self._found.pop(token, None)
        if key is not None:
            _remember(self._found, token, (moment + _REMEMBERED_S, key))
        return key

    async def _owner(self, fit_id: str) -> str | None:
        if fit_id not in self._owners:
            _remember(self._owners, fit_id, await self._blocking(self._store.owner, fit_id))
        return self._owners[fit_id]


class _Rate:
    """Counts in Redis, so that all API processes share the count. While Redis is away, nothing is counted."""

    def __init__(self, connection: redis.asyncio.Redis, *, per_minute: int, what: str) -> None:
        self._per_minute = per_minute
        self._what = what
        self._script = connection.register_script(_COUNT)
        self._uncounted_until = 0.0

    async def count(self, name: str) -> None:
        """Count one more; raises RateError when it is one too many."""
        await self._ask(name, 1)

    async def check(self, name: str) -> None:
        """Raises RateError when there were too many, and counts nothing."""
        await self._ask(name, 0)

    async def _ask(self, name: str, count: int) -> None:
        if not self._per_minute or time.monotonic() < self._uncounted_until:
            return
        interval = 60 / self._per_minute
        burst = max(1, self._per_minute * _BURST_SHARE) * interval
        try:
            wait = float(await self._script(keys=[name], args=[count * interval, burst - (1 - count) * interval]))
        except redis.RedisError as error:
            _log.warning("%s are not counted, Redis does not answer: %s", self._what, error)
            self._uncounted_until = time.monotonic() + _UNCOUNTED_S
            return
        if wait > 0:
            raise RateError(
                f"These are more than {self._per_minute} {self._what} a minute; wait before the next.",
                retry_after_s=math.ceil(wait),
            )


def _token(request: Request) -> str:
    """What a client gives as its key; empty when it is none by its form."""
    bearer = _BEARER.fullmatch(request.headers.get("authorization", ""))
    return bearer[1] if bearer else ""


def _network(request: Request) -> str:
    """Where a client is: its address, or the network that one client has to itself when it is of IPv6."""
    host = request.client.host if request.client else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "unknown"
    return str(ipaddress.ip_network(f"{address}/64", strict=False)) if address.version == 6 else str(address)


def _remember(known: dict[str, Any], name: str, value: object) -> None:
    """Keep a value; where there are very many, the one kept longest goes."""
    if len(known) >= _MOST_REMEMBERED:
        known.pop(next(iter(known)))
    known[name] = value


def _caller(request: Request) -> Caller:
    caller: Caller = request.state.caller
    return caller


CallerDep = Annotated[Caller, Depends(_caller)]
