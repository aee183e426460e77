"""Who waits for news of a fit, and how they hear of it: one subscription to Redis, shared by all of this process.

    with signals.watch(fit_id) as watch:
        while not done():             # look first: what happened before is not announced again
            await watch.wait()

A signal may be lost with its connection. So everyone is woken when the subscription is made anew, and the fits that are
waited for are looked up in the store once in a while: once per fit, however many wait for it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager

import redis
import redis.asyncio

from tacit.errors import TacitError
from tacit.fits import keys
from tacit.fits.events import END

_log = logging.getLogger(__name__)

_SILENCE_S = 5.0
_FIRST_WAIT_S = 0.05
_LONGEST_WAIT_S = 1.0
_SWEEP_S = 30.0


class Watch:
    """Someone who waits. `all_news` False: only the end of the fit is of interest.

    `blind` says that something may have happened without being announced; whoever has made sure sets it to False.
    """

    def __init__(self, *, all_news: bool) -> None:
        self.all_news = all_news
        self.blind = True
        self._woken = asyncio.Event()

    async def wait(self, timeout_s: float | None = None) -> bool:
        """Until there may be news, which includes having lost sight for a moment; False when the time is over."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._woken.wait()
        except TimeoutError:
            return False
        self._woken.clear()
        return True

    def wake(self) -> None:
        self._woken.set()


class Signals:
    """Passes what Redis announces on to those who wait.

    Args:
        connection: Redis.
        ended: Which of some fits have ended or are no more, by the store.
    """

    def __init__(
        self, connection: redis.asyncio.Redis, ended: Callable[[Iterable[str]], Awaitable[Iterable[str]]]
    ) -> None:
        self._connection = connection
        self._ended = ended
        self._watches: dict[str, set[Watch]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self.closed = False

    def start(self) -> None:
        """Begin to listen, in the running event loop."""
        self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._sweep())]

    async def stop(self) -> None:
        """Stop listening."""
        self.close()
        for task in self._tasks:
            while not task.done():
                # Once may not be enough: a connection that is just being made can swallow the request.
                task.cancel()
                await asyncio.wait([task], timeout=0.1)

    def close(self) -> None:
        """Wake everyone for the last time: the service stops, and nobody is to wait any longer."""
        self.closed = True
        self._wake_all()

    @contextmanager
    def watch(self, fit_id: str, *, all_news: bool = True) -> Iterator[Watch]:
        """Someone who waits for news of a fit."""
        watch = Watch(all_news=all_news)
        self._watches.setdefault(fit_id, set()).add(watch)
        try:
            yield watch
        finally:
            watches = self._watches[fit_id]
            watches.remove(watch)
            if not watches:
                del self._watches[fit_id]

    def is_watched(self, fit_id: str) -> bool:
        """Whether someone waits for news of a fit."""
        return fit_id in self._watches

    async def _listen(self) -> None:
        wait_s = _FIRST_WAIT_S
        while True:
            try:
                async with self._connection.pubsub() as channel:
                    await channel.subscribe(keys.SIGNALS)
                    self._wake_all()
                    wait_s = _FIRST_WAIT_S
                    await self._pass_on(channel)
            except (redis.RedisError, OSError) as error:
                if wait_s == _FIRST_WAIT_S:
                    _log.warning("signals from Redis are interrupted: %s", error)
            except Exception:
                _log.exception("listening to Redis failed; trying again")
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, _LONGEST_WAIT_S)

    async def _pass_on(self, channel: redis.asyncio.client.PubSub) -> None:
        """Until the server is gone, or silent though it was asked to answer."""
        asked = False
        while True:
            message = await channel.get_message(timeout=_SILENCE_S)
            if message is None and asked:
                raise redis.TimeoutError("the server does not answer")
            asked = message is None
            if message is None:
                await channel.ping()
            elif message["type"] == "message":
                fit_id, _, kind = message["data"].decode().partition(" ")
                self._wake(fit_id, end=kind == END)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_S)
            try:
                for fit_id in await self._ended(list(self._watches)):
                    self._wake(fit_id, end=True)
            except TacitError as error:
                _log.warning("fits that are waited for cannot be looked up: %s", error)

    def _wake(self, fit_id: str, *, end: bool) -> None:
        for watch in self._watches.get(fit_id, ()):
            if end or watch.all_news:
                watch.wake()

    def _wake_all(self) -> None:
        for watch in (watch for watches in self._watches.values() for watch in watches):
            watch.blind = True
            watch.wake()
