"""What the routes work with."""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, NamedTuple, TypeVar

import anyio
import anyio.to_thread
import redis
import redis.asyncio
from fastapi import Depends, Request
from rq import Queue
from rq.exceptions import DuplicateJobError
from rq.serializers import JSONSerializer

from app.answers import OpenAnswers
from app.metrics import WorkerMetrics
from app.signals import Signals
from model_registry import Registry
from tacit.errors import NoResultError, NotConvergedError, NotFinishedError, UnavailableError
from tacit.fits import (
    Fit,
    FitRequest,
    FitStore,
    ProgressRecord,
    Status,
    connections,
    keys,
    metrics,
    priorities,
    progress,
    workers,
)
from tacit.fits.breaker import Breaker
from tacit.fits.events import EventLog
from tacit.fits.quota import Quota
from tacit.fits.workers import WorkerInfo
from tacit.settings import Settings

_log = logging.getLogger(__name__)

Answer = TypeVar("Answer")

_BLOCKING_THREADS = 16
_COMPUTING_THREADS = 2


class Underway(NamedTuple):
    """What Redis knows of an unfinished fit: its progress, and how many wait before it."""

    progress: ProgressRecord | None
    queue_position: int | None


@dataclass(frozen=True)
class Service:
    """The parts behind the API. Nothing here may block the event loop: disk and JAX go to threads, by these methods."""

    settings: Settings
    store: FitStore
    quota: Quota
    registry: Registry
    redis: redis.asyncio.Redis
    queue: Queue
    events: EventLog
    signals: Signals
    answers: OpenAnswers
    _blocking: anyio.CapacityLimiter
    _computing: anyio.CapacityLimiter

    async def blocking(self, function: Callable[..., Answer], *args: object) -> Answer:
        """Call what takes a moment: the store, RQ, the checking of data."""
        return await anyio.to_thread.run_sync(lambda: function(*args), limiter=self._blocking)

    async def computed(self, function: Callable[..., Answer], *args: object) -> Answer:
        """Call what may take seconds: JAX, draws by the thousand. Few run at a time, and keep nothing else waiting."""
        return await anyio.to_thread.run_sync(lambda: function(*args), limiter=self._computing)

    async def finished(self, fit_id: str) -> Fit:
        """A fit that was computed to its end, so that something can be said of how it went.

        Raises:
            NotFoundError: There is no such fit.
            NotFinishedError: It has no results yet.
            NoResultError: It will never have any.
        """
        fit = await self.blocking(self.store.fit, fit_id)
        if not fit.status.final:
            raise NotFinishedError(f"Fit {fit_id} is {fit.status}; ask again when it has succeeded.")
        if not fit.has_results:
            raise NoResultError(f"Fit {fit_id} has no results: it {_ended(fit.status)}.")
        return fit

    async def drawn(self, fit_id: str, *, unconverged: bool) -> Fit:
        """A fit whose draws may be shown; errors as `finished`.

        Args:
            unconverged: Whether draws are wanted also of a fit that has not converged.

        Raises:
            NotConvergedError: They are no posterior, and were not asked for as such.
        """
        fit = await self.finished(fit_id)
        if fit.not_converged is not None and not unconverged:
            raise NotConvergedError(
                f"Fit {fit_id} has not converged, so its draws are no posterior. {fit.not_converged} To see the draws "
                'all the same, ask with `unconverged=true` (in the body of a POST: `"unconverged": true`).'
            )
        return fit

    async def wait_ended(self, fit_id: str, *, timeout_s: float) -> None:
        """Return when a fit has ended, is no more, or the time is over."""
        with self.signals.watch(fit_id, all_news=False) as watch, anyio.move_on_after(timeout_s):
            while not self.signals.closed and await self.blocking(self.store.is_underway, fit_id):
                await watch.wait()

    async def check_redis(self) -> None:
        """Raise UnavailableError when Redis does not answer."""
        try:
            await self.redis.ping()
        except redis.RedisError as error:
            raise UnavailableError("The queue cannot be reached now; try again in a moment.") from error

    async def live_workers(self) -> list[WorkerInfo]:
        """The workers that live now."""
        try:
            names = workers.member_names(await self.redis.smembers(keys.WORKERS))
            return workers.decode(await self.redis.mget([keys.worker(name) for name in names])) if names else []
        except redis.RedisError as error:
            raise UnavailableError("The workers cannot be asked: Redis does not answer.") from error

    async def worker_metrics(self) -> WorkerMetrics:
        """What the workers have measured, and what waits for them."""
        living = await self.live_workers()
        try:
            values = await self.redis.hgetall(keys.METRICS)
            queued = await self.redis.llen(keys.queue_list(self.settings.device))
            queued += await self.redis.hlen(keys.held(self.settings.device))
        except redis.RedisError as error:
            raise UnavailableError("The figures of the workers cannot be had: Redis does not answer.") from error
        return WorkerMetrics(metrics.decode(values), queued=queued, living=living)

    async def underway(self, requests: Sequence[FitRequest]) -> list[Underway]:
        """How far unfinished fits are; nothing is known when Redis is away."""
        try:
            async with self.redis.pipeline(transaction=False) as pipeline:
                for request in requests:
                    pipeline.hgetall(keys.progress(request.id))
                    pipeline.lpos(keys.queue_list(request.device), request.id)
                answers = await pipeline.execute()
        except redis.RedisError:
            return [Underway(None, None)] * len(requests)
        return [
            Underway(progress.decode(values), position)
            for values, position in zip(answers[::2], answers[1::2], strict=True)
        ]

    async def enqueue(self, request: FitRequest) -> None:
        """Queue a stored fit. It was accepted: when Redis went away just now, a worker finds it in the store later."""
        try:
            await self.blocking(self._enqueue, request)
        except redis.RedisError as error:
            _log.warning("fit %s is stored but could not be queued: %s", request.id, error)

    async def is_worked_on(self, fit: Fit) -> bool:
        """Whether a worker has begun a fit and may be at it; it is taken for living when Redis cannot tell."""
        if fit.current_attempt is None:
            return False
        try:
            living = {info.name for info in await self.live_workers()}
        except UnavailableError:
            return True
        return fit.current_attempt.worker in living

    async def unqueue(self, request: FitRequest) -> None:
        """Take a decided fit out of the queue. When Redis is away it stays there, and the worker drops it later."""
        try:
            async with self.redis.pipeline() as pipeline:
                pipeline.lrem(keys.queue_list(request.device), 0, request.id)
                pipeline.hdel(keys.held(request.device), request.id)
                pipeline.delete(keys.job(request.id), keys.progress(request.id))
                await pipeline.execute()
        except redis.RedisError as error:
            _log.warning("fit %s could not be taken out of the queue: %s", request.id, error)

    async def forget_events(self, fit_id: str) -> None:
        """Forget what happened to a fit that is no more. When Redis is away, it forgets by itself later."""
        try:
            await self.redis.delete(keys.events(fit_id), keys.events_told(fit_id))
        except redis.RedisError as error:
            _log.warning("the events of fit %s could not be removed: %s", fit_id, error)

    def _enqueue(self, request: FitRequest) -> None:
        try:
            spec = keys.fit_job(request.id, timeout_s=request.timeout_s, priority=request.priority)
            self.queue.enqueue_call(**spec)
        except DuplicateJobError:
            _log.info("fit %s was queued already", request.id)
        priorities.place(self.queue.connection, request)


def open_service(
    settings: Settings, *, store: FitStore, registry: Registry, redis_url: str, events: EventLog, breaker: Breaker
) -> Service:
    """Connect the parts, and begin to listen to Redis; call it in the event loop that will use them."""
    connection = connections.quick(redis_url, breaker)
    blocking = anyio.CapacityLimiter(_BLOCKING_THREADS)

    async def ended(fit_ids: Iterable[str]) -> list[str]:
        def look() -> list[str]:
            return [fit_id for fit_id in fit_ids if not store.is_underway(fit_id)]

        return await anyio.to_thread.run_sync(look, limiter=blocking)

    listening = connections.quick_async(redis_url, breaker)
    service = Service(
        settings=settings,
        store=store,
        quota=Quota(store, most=settings.max_queued_fits),
        registry=registry,
        redis=listening,
        queue=Queue(keys.queue(settings.device), connection=connection, serializer=JSONSerializer),
        events=events,
        signals=Signals(listening, ended),
        answers=OpenAnswers(store),
        _blocking=blocking,
        _computing=anyio.CapacityLimiter(_COMPUTING_THREADS),
    )
    service.signals.start()
    return service


async def close_service(service: Service) -> None:
    """Stop listening, and close the connections."""
    await service.signals.stop()
    await service.redis.aclose()
    service.queue.connection.close()


def _ended(status: Status) -> str:
    return "failed" if status is Status.FAILED else "was cancelled"


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


ServiceDep = Annotated[Service, Depends(_service)]
