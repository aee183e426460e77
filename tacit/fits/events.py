"""What happens to a fit, as a stream in Redis that clients can follow.

Statuses follow from the records in the store, so they can be told again whenever Redis forgot them; progress and log
lines are a courtesy, and vanish with it. Ids only grow: an event is numbered by the moment of its record, or right
behind the event before it, so that a stream that was told anew goes on behind the old one.

    log = EventLog(connection)
    store = FitStore(blobs, changed=log.changed)      # tells what every write has changed
    log.progress(store, fit_id, record)
    events = await read(async_connection, fit_id, after=last_id, limit=100)

Each addition is announced on one channel, as "<fit id> news" or "<fit id> end": see `app.signals`.
"""

import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

import redis
import redis.asyncio
from pydantic import BaseModel, ConfigDict, Field

from tacit.errors import NotFoundError, TacitError
from tacit.fits import keys
from tacit.fits.records import Fit, ProgressRecord, now
from tacit.fits.store import FitStore

_log = logging.getLogger(__name__)

Type = Literal["status", "progress", "log", "terminal"]

NEWS = "news"
END = "end"

# An id is a millisecond and a number within it: one integer that JSON numbers hold exactly.
_PER_MS = 4096

# KEYS: the stream, and the set of what it has told once. ARGV: the fit, lifetime, events kept, channel, whether what
# came before must be known; then for each event its name ('' when it may come again), millisecond, and content.
_ADD = """
if redis.call('SISMEMBER', KEYS[2], 'terminal') == 1 then return 0 end
if ARGV[5] == '1' and redis.call('EXISTS', KEYS[2]) == 0 then return -1 end
local ms, seq = 0, -1
local top = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
if top then
  local m, s = string.match(top[1], '(%d+)-(%d+)')
  ms, seq = tonumber(m), tonumber(s)
end
local added = 0
local signal = 'news'
for i = 6, #ARGV, 3 do
  local name, moment = ARGV[i], tonumber(ARGV[i + 1])
  if name == '' or redis.call('SADD', KEYS[2], name) == 1 then
    if moment > ms then ms, seq = moment, 0 else seq = seq + 1 end
    if seq > 4095 then ms, seq = ms + 1, 0 end
    local id = string.format('%.0f-%.0f', ms, seq)
    redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[3], id, 'event', ARGV[i + 2])
    added = added + 1
    if name == 'terminal' then signal = 'end' end
  end
end
if added > 0 then
  redis.call('EXPIRE', KEYS[1], ARGV[2])
  redis.call('EXPIRE', KEYS[2], ARGV[2])
  redis.call('PUBLISH', ARGV[4], ARGV[1] .. ' ' .. signal)
end
return added
"""


class Event(BaseModel):
    """Something that happened to a fit."""

    model_config = ConfigDict(frozen=True)

    id: int = Field(description="Grows from event to event of a fit.")
    type: Type
    at: datetime
    data: dict[str, Any]


class _Told(NamedTuple):
    """An event before it has an id; those with a name happen once."""

    name: str
    type: Type
    at: datetime
    data: dict[str, Any]


class EventLog:
    """Adds events. What Redis cannot take now is told again when someone reads, but for progress and log lines."""

    def __init__(self, connection: redis.Redis) -> None:
        self._connection = connection

    def changed(self, store: FitStore, fit_id: str) -> None:
        """Tell what a write to the store has changed; never raises, since the write has succeeded."""
        try:
            self.tell(store.fit(fit_id))
        except NotFoundError:
            self._courtesy(lambda: self._connection.publish(keys.SIGNALS, f"{fit_id} {END}"))
        except (redis.RedisError, TacitError) as error:
            _log.info("what happened to fit %s is not announced: %s", fit_id, error)

    def tell(self, fit: Fit) -> None:
        """Add what follows from the records of a fit and was not told before; raises redis.RedisError."""
        self._add(fit.request.id, _history(fit))

    def progress(self, store: FitStore, fit_id: str, record: ProgressRecord) -> None:
        """Say how far a fit is."""
        self._courtesy(lambda: self._add_behind(store, fit_id, _Told("", "progress", now(), record.model_dump())))

    def line(self, store: FitStore, fit_id: str, message: str) -> None:
        """Say something about a fit, to whom it may concern."""
        data = {"level": "info", "message": message}
        self._courtesy(lambda: self._add_behind(store, fit_id, _Told("", "log", now(), data)))

    def _add_behind(self, store: FitStore, fit_id: str, told: _Told) -> None:
        """Add an event behind those that came before; after a wipe, these have to be told first."""
        if self._add(fit_id, [told], behind=True) < 0:
            self._add(fit_id, [*_history(store.fit(fit_id)), told])

    def _add(self, fit_id: str, events: list[_Told], *, behind: bool = False) -> int:
        arguments: list[str | int] = [fit_id, keys.EVENTS_TTL_S, keys.EVENTS_KEPT, keys.SIGNALS, int(behind)]
        for name, kind, at, data in events:
            content = {"type": kind, "at": at.isoformat(), "data": data}
            arguments += [name, int(at.timestamp() * 1000), json.dumps(content, allow_nan=False)]
        return int(self._connection.eval(_ADD, 2, keys.events(fit_id), keys.events_told(fit_id), *arguments))

    def _courtesy(self, function: Callable[[], object]) -> None:
        try:
            function()
        except (redis.RedisError, TacitError) as error:
            _log.info("an event is lost: %s", error)


async def read(connection: redis.asyncio.Redis, fit_id: str, *, after: int, limit: int) -> list[Event]:
    """The events of a fit behind an id (0 for all), oldest first; raises redis.RedisError."""
    start = f"({after // _PER_MS}-{after % _PER_MS}" if after else "-"
    found: Any = await connection.xrange(keys.events(fit_id), start, "+", count=limit)
    return [_decode(name.decode(), fields) for name, fields in found]


def _decode(name: str, fields: dict[bytes, bytes]) -> Event:
    ms, _, number = name.partition("-")
    content = json.loads(next(iter(fields.values())))
    return Event(id=int(ms) * _PER_MS + int(number), **content)


def _history(fit: Fit) -> list[_Told]:
    """What the records of a fit say, in the order in which it happened."""
    told = [_Told("queued", "status", fit.request.created_at, {"status": "queued"})]
    for attempt in fit.attempts:
        data = {"status": "running", "attempt": attempt.number, "device": attempt.device}
        told.append(_Told(f"attempt-{attempt.number}", "status", attempt.started_at, data))
    for end in fit.ends:
        data = {"level": "warning", "message": f"Attempt {end.number} ended early: {end.message}"}
        told.append(_Told(f"end-{end.number}", "log", end.ended_at, data))
    if fit.cancel is not None:
        told.append(_Told("cancelling", "status", fit.cancel.requested_at, {"status": "cancelling"}))
    told.sort(key=lambda each: each.at)
    if fit.outcome is not None:
        data = {
            "status": fit.outcome.status,
            "error": fit.outcome.error.model_dump() if fit.outcome.error else None,
            "warnings": list(fit.outcome.warnings),
        }
        told = [each for each in told if each.at <= fit.outcome.finished_at]
        told.append(_Told("terminal", "terminal", fit.outcome.finished_at.astimezone(UTC), data))
    return told
