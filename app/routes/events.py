"""What happens to a fit, as Server-Sent Events or in pages, and who is told of its end."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Annotated

import redis
from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import StreamingResponse

from app.bodies import JsonRoute
from app.errors import problems
from app.schemas.events import EventHeaders, EventPage, EventQuery, WebhookList, WebhookState
from app.service import Service, ServiceDep
from app.signals import Watch
from tacit.errors import NotFoundError, StoreError, UnavailableError
from tacit.fits import Fit, events
from tacit.fits.events import Event
from tacit.fits.webhooks import Delivery

router = APIRouter(prefix="/v1/fits", tags=["fits"], route_class=JsonRoute)

_SSE = "text/event-stream"
_AT_ONCE = 200
# How long a client waits before it comes back, in milliseconds.
_RECONNECT_MS = 1000
# Between two looks, of a stream that has nothing to tell, at whether the client's key is still good.
_KEY_LOOK_S = 2.0


@router.get(
    "/{fit_id}/events",
    response_model=EventPage,
    responses={
        200: {
            "description": "A page, or a stream to those who accept one.",
            "content": {_SSE: {"schema": {"type": "string", "description": "Server-Sent Events."}}},
        },
        204: {"description": "A stream was asked for, and all has been told: do not come back."},
        **problems(NotFoundError, RequestValidationError, StoreError, UnavailableError),
    },
)
async def get_events(
    fit_id: str,
    query: Annotated[EventQuery, Query()],
    headers: Annotated[EventHeaders, Header()],
    service: ServiceDep,
    request: Request,
) -> Response | EventPage:
    """What happened to a fit, and to those who accept `text/event-stream`, what happens until it has ended.

    Events come in the order of their ids. A stream goes on behind `Last-Event-ID`, a page behind `cursor`.
    """
    fit = await service.blocking(service.store.fit, fit_id)
    after = query.cursor if headers.last_event_id is None else headers.last_event_id
    if _SSE not in request.headers.get("accept", ""):
        items = await _read(service, fit, after=after, limit=query.limit)
        more = fit.outcome is None or len(items) == query.limit
        return EventPage(items=items, next_cursor=(items[-1].id if items else after) if more else None)
    first = await _read(service, fit, after=after, limit=_AT_ONCE)
    if fit.outcome is not None and not first:
        return Response(status_code=204)
    admits: Callable[[Request], Awaitable[bool]] = request.app.state.gate.still_admits
    return StreamingResponse(
        _stream(service, fit_id, after, partial(admits, request)),
        media_type=_SSE,
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


@router.get(
    "/{fit_id}/webhooks", response_model=WebhookList, responses=problems(NotFoundError, StoreError, UnavailableError)
)
async def get_webhooks(fit_id: str, service: ServiceDep) -> WebhookList:
    """Who is told of the end of a fit, and whether they have heard."""
    fit = await service.blocking(service.store.fit, fit_id)
    found = await service.blocking(service.store.webhooks.deliveries, fit.request.id)
    return WebhookList(items=[_webhook(delivery) for delivery in found])


def _webhook(delivery: Delivery) -> WebhookState:
    return WebhookState(
        url=delivery.url,
        state="delivered" if delivery.delivered else "failed" if delivery.ended else "pending",
        tries=delivery.tries,
        error=delivery.error,
        at=delivery.at,
    )


async def _stream(
    service: Service, fit_id: str, after: int, admitted: Callable[[], Awaitable[bool]]
) -> AsyncIterator[str]:
    yield f"retry: {_RECONNECT_MS}\n\n"
    with service.signals.watch(fit_id) as watch:
        while not service.signals.closed and await admitted():
            try:
                fit = await service.blocking(service.store.fit, fit_id)
                tell, watch.blind = watch.blind or fit.outcome is not None, False
                found = await _read(service, fit, after=after, limit=_AT_ONCE, tell=tell)
            except NotFoundError:
                return
            except UnavailableError:
                found, watch.blind = None, True
            for event in found or ():
                yield _message(event)
                after = event.id
                if event.type == "terminal":
                    return
            if found is not None and len(found) < _AT_ONCE and fit.outcome is not None:
                return
            if not (found and len(found) == _AT_ONCE) and not await _wait(watch, service, admitted):
                yield ": still there\n\n"


async def _wait(watch: Watch, service: Service, admitted: Callable[[], Awaitable[bool]]) -> bool:
    """Until there may be news, or the client is no longer admitted; False when it is time to say that we live."""
    until = time.monotonic() + service.settings.heartbeat_s
    while (left := until - time.monotonic()) > 0:
        if await watch.wait(min(left, _KEY_LOOK_S)) or not await admitted():
            return True
    return False


async def _read(service: Service, fit: Fit, *, after: int, limit: int, tell: bool = True) -> list[Event]:
    """Events of a fit. With `tell`, what the store knows and Redis does not (any more) is told first."""
    try:
        if tell:
            await service.blocking(service.events.tell, fit)
        return await events.read(service.redis, fit.request.id, after=after, limit=limit)
    except redis.RedisError as error:
        raise UnavailableError("Events cannot be read now; try again in a moment.") from error


def _message(event: Event) -> str:
    return f"id: {event.id}\nevent: {event.type}\ndata: {event.model_dump_json()}\n\n"
