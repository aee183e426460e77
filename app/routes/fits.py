"""Fits: made, looked at, ended."""

import base64
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from numpy.typing import NDArray

from app import answers, listing, submission, views
from app.bodies import JsonRoute
from app.errors import MediaTypeError, NotJsonError, TooLargeError, problems
from app.gate import CallerDep
from app.schemas.fits import (
    FitBody,
    FitCreate,
    FitData,
    FitList,
    FitQuery,
    ListQuery,
    RepeatableHeaders,
    StoredArray,
    SubmitHeaders,
)
from app.service import Service, ServiceDep
from model_registry import Dataset, Model
from model_registry.fields import restored
from tacit.errors import (
    ConflictError,
    HasEndedError,
    InFlightError,
    InvalidInputError,
    KeyReusedError,
    ModelChangedError,
    NotConvergedError,
    NotFinishedError,
    NotFoundError,
    QuotaError,
    RateError,
    StoreError,
    UnavailableError,
)
from tacit.fits import Admission, Cache, Fit, FitRequest, Status, admit, admit_once

router = APIRouter(prefix="/v1/fits", tags=["fits"], route_class=JsonRoute)

_RETRY_AFTER_S = 1


@router.post(
    "",
    status_code=202,
    response_model=FitBody,
    responses={
        200: {"model": FitBody, "description": "The same was computed before, or has ended while the answer was held."},
        **problems(
            NotJsonError,
            NotFoundError,
            InFlightError,
            TooLargeError,
            MediaTypeError,
            RequestValidationError,
            InvalidInputError,
            KeyReusedError,
            RateError,
            QuotaError,
            StoreError,
            UnavailableError,
        ),
    },
)
async def create_fit(
    body: FitCreate,
    headers: Annotated[SubmitHeaders, Header()],
    service: ServiceDep,
    caller: CallerDep,
    request: Request,
    response: Response,
) -> FitBody:
    """Ask for a fit. It is checked completely and stored before it is accepted; what is accepted will run.

    A request for the same computation as one that is underway or has succeeded is answered by that fit: `Fit-Cache`
    says so. (Without a `seed` one is drawn, and no two requests are the same.)
    """
    model = service.registry.get(body.model)
    if body.start_from is not None:
        known = service.answers, service.store, service.registry
        body = await service.computed(answers.started, *known, body, model, caller.sees_only)
    fit, data = await service.blocking(submission.resolve, body, model, service.settings, caller.owner)
    hook = submission.hook(body, service.settings)
    # Refused now, the client may try again; stored and then refused, it would run twice.
    await service.check_redis()
    asked = await request.body()

    accept = partial(admit, service.store, service.quota, fit, data, fresh=headers.fresh, hook=hook)
    admitted = await service.blocking(_once(service, fit, accept, headers, asked=asked))
    return await _answer(service, admitted, request, response, wait_s=headers.wait_s)


@router.get("", response_model=FitList, responses=problems(RequestValidationError, UnavailableError))
async def list_fits(query: Annotated[ListQuery, Query()], service: ServiceDep, caller: CallerDep) -> FitList:
    """The fits there are, those accepted latest first, by pages."""
    page = await service.blocking(partial(listing.find_page, service.store, query, owner=caller.sees_only))
    return FitList(items=await views.bodies(service, page.fits), next_cursor=page.next_cursor)


@router.get(
    "/{fit_id}",
    response_model=FitBody,
    responses=problems(NotFoundError, RequestValidationError, StoreError, UnavailableError),
)
async def get_fit(fit_id: str, query: Annotated[FitQuery, Query()], service: ServiceDep, request: Request) -> FitBody:
    """Where a fit stands; with `wait`, as soon as it has ended."""
    if query.wait:
        await _wait_ended(service, request, fit_id, query.wait)
    return await views.body(service, await service.blocking(service.store.fit, fit_id))


@router.get("/{fit_id}/data", response_model=FitData, responses=problems(NotFoundError, StoreError, UnavailableError))
async def get_data(fit_id: str, service: ServiceDep) -> Response:
    """The data of a fit, in a form in which they can be posted again."""
    fit = await service.blocking(service.store.fit, fit_id)
    return Response(await service.blocking(_data_body, service, fit), media_type="application/json")


@router.post(
    "/{fit_id}/cancel",
    status_code=202,
    response_model=FitBody,
    responses={
        200: {"model": FitBody, "description": "It was cancelled already."},
        **problems(NotFoundError, HasEndedError, StoreError, UnavailableError),
    },
)
async def cancel_fit(fit_id: str, service: ServiceDep, response: Response) -> FitBody:
    """Stop a fit. One that waits is cancelled at once; one that runs, within two seconds."""
    fit = await service.blocking(service.store.fit, fit_id)
    if fit.status is Status.CANCELLED:
        response.status_code = 200
        return await views.body(service, fit)
    if fit.outcome is None:
        fit = await _cancel(service, fit_id)
    if fit.status in (Status.SUCCEEDED, Status.FAILED):
        raise HasEndedError(f"Fit {fit_id} has {fit.status}; there is nothing to cancel.")
    return await views.body(service, fit)


@router.post(
    "/{fit_id}/retry",
    status_code=202,
    response_model=FitBody,
    responses=problems(
        NotFoundError,
        NotFinishedError,
        NotConvergedError,
        ModelChangedError,
        InFlightError,
        ConflictError,
        RequestValidationError,
        KeyReusedError,
        RateError,
        QuotaError,
        StoreError,
        UnavailableError,
    ),
)
async def retry_fit(
    fit_id: str,
    headers: Annotated[RepeatableHeaders, Header()],
    service: ServiceDep,
    request: Request,
    response: Response,
) -> FitBody:
    """Do a failed or cancelled fit again, as a new fit, from the last checkpoint if there is one.

    Not one that has not converged: the same steps from the same seed would end where they did.
    """
    fit = await service.blocking(service.store.fit, fit_id)
    if not fit.status.final:
        raise NotFinishedError(f"Fit {fit_id} is {fit.status}; it can be retried when it has ended.")
    if fit.status is Status.SUCCEEDED:
        raise ConflictError(f"Fit {fit_id} has succeeded; again, it would give the same draws.")
    if fit.not_converged is not None:
        raise NotConvergedError(
            f"Fit {fit_id} has not converged, and a retry would repeat it step for step: post a new fit with changed "
            f"options or data instead. {fit.not_converged}"
        )
    model = service.registry.get(f"{fit.request.model}@{fit.request.version}")
    if model.code_hash != fit.request.code_hash:
        raise ModelChangedError(f"Model {model.name} has changed since this fit; post it anew to use the new code.")
    data = await service.blocking(service.store.encoded_data, fit.request)
    await service.check_redis()
    again = await service.blocking(_again, service, fit.request, model)
    accept = partial(admit, service.store, service.quota, again, data, fresh=True)
    # What is asked for stands in the path, not in a body; no body of a request for a fit is equal to this.
    asked = f"retry {fit_id}".encode()
    admitted = await service.blocking(_once(service, again, accept, headers, asked=asked))
    return await _answer(service, admitted, request, response)


@router.delete(
    "/{fit_id}", status_code=204, responses=problems(NotFoundError, NotFinishedError, StoreError, UnavailableError)
)
async def delete_fit(fit_id: str, service: ServiceDep) -> None:
    """Remove a fit that has ended, with its data and results."""
    fit = await service.blocking(service.store.fit, fit_id)
    if not fit.status.final:
        raise NotFinishedError(f"Fit {fit_id} is {fit.status}; cancel it before you delete it.")
    await service.blocking(service.store.delete, fit_id)
    await service.unqueue(fit.request)
    await service.forget_events(fit_id)


def _again(service: Service, request: FitRequest, model: Model) -> FitRequest:
    return submission.again(request, model, service.store.data(request), service.settings)


def _once(
    service: Service, fit: FitRequest, accept: Callable[[], Admission], headers: RepeatableHeaders, *, asked: bytes
) -> Callable[[], Admission]:
    """`accept`; if the request has a key, so that it counts once however often it is sent."""
    key = headers.idempotency_key
    return accept if key is None else partial(admit_once, service.store, fit, accept, key=key, asked=asked)


async def _wait_ended(service: Service, request: Request, fit_id: str, seconds: float) -> None:
    """Hold an answer until a fit has ended. Whose key was revoked meanwhile is told nothing any more."""
    await service.wait_ended(fit_id, timeout_s=seconds)
    await request.app.state.gate.admit_still(request)


async def _answer(
    service: Service, admitted: Admission, request: Request, response: Response, *, wait_s: float = 0
) -> FitBody:
    """Say where an accepted fit is, and queue it if it is new; hold the answer if that is preferred."""
    fit, cache = admitted
    if fit.status is Status.QUEUED:
        # One with a twin is queued, too: whoever accepted it may have died before doing so.
        await service.enqueue(fit.request)
    if wait_s and fit.outcome is None:
        response.headers["Preference-Applied"] = f"wait={wait_s:.0f}"
        await _wait_ended(service, request, fit.request.id, wait_s)
        fit = await service.blocking(service.store.fit, fit.request.id)
    response.headers["Location"] = f"/v1/fits/{fit.request.id}"
    response.headers["Fit-Cache"] = cache
    if cache is Cache.HIT or (wait_s and fit.outcome is not None):
        response.status_code = 200
    else:
        response.headers["Retry-After"] = str(_RETRY_AFTER_S)
    return await views.body(service, fit)


def _data_body(service: Service, fit: Fit) -> str:
    """Made in a thread, and already text: nothing is left for the event loop to go through."""
    data = Dataset.from_stored(service.store.data(fit.request), fit.request.dims)
    origins = fit.request.origins
    sent = {name: restored(array, origins.get(name, 0.0)) for name, array in data.arrays.items()}
    fields = {
        name: _with_null(array, data.missing[name]) if name in data.missing else _stored(array)
        for name, array in sent.items()
    }
    return FitData(fit=fit.request.id, data=fields).model_dump_json()


def _with_null(array: NDArray[Any], gaps: NDArray[np.bool_]) -> Any:
    numbers = array.astype(object)
    numbers[gaps] = None
    return numbers.tolist()


def _stored(array: NDArray[Any]) -> StoredArray:
    content = base64.b64encode(array.astype(array.dtype.newbyteorder("<")).tobytes())
    return StoredArray(dtype=array.dtype.name, shape=list(array.shape), data_b64=content.decode())


async def _cancel(service: Service, fit_id: str) -> Fit:
    """Ask for the end of a fit; bring it about when no worker is there to do it."""
    await service.blocking(service.store.request_cancel, fit_id)
    # Whoever begins the fit after this look sees the wish, or the outcome, before computing.
    fit = await service.blocking(service.store.fit, fit_id)
    if fit.outcome is None and not await service.is_worked_on(fit):
        await service.blocking(service.store.cancelled, fit_id)
        await service.unqueue(fit.request)
        fit = await service.blocking(service.store.fit, fit_id)
    return fit
