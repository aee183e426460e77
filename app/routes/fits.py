"""Fits: made, and looked at."""

import secrets
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from app import listing
from app.bodies import JsonRoute
from app.errors import MediaTypeError, NotJsonError, TooLargeError, pointer_to, problems
from app.schemas import MAX_SEED, FitBody, FitCreate, FitList, FitQuery, Links, ListQuery
from app.service import Service, ServiceDep, Underway
from model_registry import Model
from tacit.errors import (
    ConflictError,
    FieldError,
    HasEndedError,
    InvalidInputError,
    ModelChangedError,
    NotFinishedError,
    NotFoundError,
    StoreError,
    UnavailableError,
)
from tacit.fits import Fit, FitRequest, Status, fingerprint, new_fit_id, records
from tacit.fits.store import encode_data
from tacit.inference import InferenceOptions
from tacit.settings import Settings

router = APIRouter(prefix="/v1/fits", tags=["fits"], route_class=JsonRoute)

_RETRY_AFTER_S = 1


@router.post(
    "",
    status_code=202,
    response_model=FitBody,
    responses=problems(
        NotJsonError,
        NotFoundError,
        TooLargeError,
        MediaTypeError,
        RequestValidationError,
        InvalidInputError,
        UnavailableError,
    ),
)
async def create_fit(body: FitCreate, service: ServiceDep, response: Response) -> FitBody:
    """Ask for a fit. It is checked completely and stored before it is accepted; what is accepted will run."""
    model = service.registry.get(body.model)
    request, data = await service.blocking(_resolve, body, model, service.settings)
    # Refused now, the client may try again; stored and then refused, it would run twice.
    await service.check_redis()
    return await _accept(service, request, data, response)


@router.get("", response_model=FitList, responses=problems(RequestValidationError, UnavailableError))
async def list_fits(query: Annotated[ListQuery, Query()], service: ServiceDep) -> FitList:
    """The fits there are, those accepted latest first, by pages."""
    page = await service.blocking(listing.find_page, service.store, query)
    return FitList(items=await _bodies(service, page.fits), next_cursor=page.next_cursor)


@router.get(
    "/{fit_id}",
    response_model=FitBody,
    responses=problems(NotFoundError, RequestValidationError, StoreError, UnavailableError),
)
async def get_fit(fit_id: str, query: Annotated[FitQuery, Query()], service: ServiceDep) -> FitBody:
    """Where a fit stands; with `wait`, as soon as it has ended."""
    if query.wait:
        await service.wait_ended(fit_id, timeout_s=query.wait)
    return await _body(service, await service.blocking(service.store.fit, fit_id))


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
        return await _body(service, fit)
    if fit.outcome is None:
        fit = await _cancel(service, fit_id)
    if fit.status in (Status.SUCCEEDED, Status.FAILED):
        raise HasEndedError(f"Fit {fit_id} has {fit.status}; there is nothing to cancel.")
    return await _body(service, fit)


@router.post(
    "/{fit_id}/retry",
    status_code=202,
    response_model=FitBody,
    responses=problems(NotFoundError, NotFinishedError, ModelChangedError, ConflictError, StoreError, UnavailableError),
)
async def retry_fit(fit_id: str, service: ServiceDep, response: Response) -> FitBody:
    """Do a failed or cancelled fit again, as a new fit, from the last checkpoint if there is one."""
    fit = await service.blocking(service.store.fit, fit_id)
    if not fit.status.final:
        raise NotFinishedError(f"Fit {fit_id} is {fit.status}; it can be retried when it has ended.")
    if fit.status is Status.SUCCEEDED:
        raise ConflictError(f"Fit {fit_id} has succeeded; again, it would give the same draws.")
    model = service.registry.get(f"{fit.request.model}@{fit.request.version}")
    if model.code_hash != fit.request.code_hash:
        raise ModelChangedError(f"Model {model.name} has changed since this fit; post it anew to use the new code.")
    data = await service.blocking(service.store.encoded_data, fit.request)
    await service.check_redis()
    return await _accept(service, _again(fit.request, service.settings), data, response)


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


async def _accept(service: Service, request: FitRequest, data: bytes, response: Response) -> FitBody:
    """Store and queue a fit, and say where it is."""
    await service.blocking(service.store.accept, request, data)
    await service.enqueue(request)
    response.headers["Location"] = f"/v1/fits/{request.id}"
    response.headers["Retry-After"] = str(_RETRY_AFTER_S)
    return await _body(service, Fit(request))


def _again(request: FitRequest, settings: Settings) -> FitRequest:
    """The same request, as another fit."""
    moment = records.now()
    changes = {
        "id": new_fit_id(moment),
        "created_at": moment,
        "device": settings.device,
        "retried_from": request.id,
    }
    return request.model_copy(update=changes)


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


def _resolve(body: FitCreate, model: Model, settings: Settings) -> tuple[FitRequest, bytes]:
    """Check all of a request; what to store for it."""
    _check_limits(body, settings)
    dataset = model.resolve(body.data)
    options = _options(body, model)
    data, artefact = encode_data(dataset.arrays)
    seed = secrets.randbelow(MAX_SEED + 1) if body.seed is None else body.seed
    draws = body.draws or settings.default_draws
    created_at = records.now()
    request = FitRequest(
        id=new_fit_id(created_at),
        model=model.name,
        version=model.version,
        code_hash=model.code_hash,
        fingerprint=fingerprint(
            dataset.arrays,
            model=model.name,
            version=model.version,
            code_hash=model.code_hash,
            options=options,
            seed=seed,
            draws=draws,
        ),
        options=options,
        seed=seed,
        draws=draws,
        timeout_s=body.timeout_s or settings.fit_timeout_s,
        device=settings.device,
        tags=tuple(body.tags),
        dims=dict(dataset.dims),
        data=artefact,
        created_at=created_at,
    )
    return request, data


def _check_limits(body: FitCreate, settings: Settings) -> None:
    limits = {"draws": (body.draws, settings.max_draws), "timeout_s": (body.timeout_s, settings.fit_timeout_s)}
    errors = [
        FieldError(f"/{name}", f"At most {most} on this service.")
        for name, (value, most) in limits.items()
        if value is not None and value > most
    ]
    if errors:
        raise InvalidInputError(errors)


def _options(body: FitCreate, model: Model) -> dict[str, object]:
    """Every inference option of the fit: the user's, else the model's, else the service's."""
    try:
        options = InferenceOptions(**{**model.defaults, **body.inference})
    except ValidationError as error:
        raise InvalidInputError(
            [FieldError("/inference" + pointer_to(each["loc"]), f"{each['msg']}.") for each in error.errors()]
        ) from error
    resolved: dict[str, object] = options.model_dump(mode="json")
    return resolved


async def _body(service: Service, fit: Fit) -> FitBody:
    (body,) = await _bodies(service, [fit])
    return body


async def _bodies(service: Service, fits: Sequence[Fit]) -> list[FitBody]:
    unfinished = [fit.request for fit in fits if fit.outcome is None]
    known = zip(unfinished, await service.underway(unfinished) if unfinished else (), strict=True)
    underway = {request.id: each for request, each in known}
    return [_shown(fit, underway.get(fit.request.id)) for fit in fits]


def _shown(fit: Fit, underway: Underway | None) -> FitBody:
    progress = underway.progress if underway else fit.outcome.progress if fit.outcome else None
    latest = fit.attempts[-1] if fit.attempts else None
    ends = [f"Attempt {end.number} ended early: {end.message}" for end in fit.ends]
    request = fit.request
    path = f"/v1/fits/{request.id}"
    return FitBody(
        id=request.id,
        status=fit.status,
        model=request.model,
        version=request.version,
        fingerprint=request.fingerprint,
        progress=progress,
        queue_position=underway.queue_position if underway else None,
        created_at=request.created_at,
        started_at=latest.started_at if latest else None,
        finished_at=fit.outcome.finished_at if fit.outcome else None,
        attempt=latest.number if latest else 0,
        device=latest.device if latest else request.device,
        seed=request.seed,
        draws=request.draws,
        timeout_s=request.timeout_s,
        inference=request.options,
        warnings=[*(fit.outcome.warnings if fit.outcome else ()), *ends],
        error=fit.outcome.error if fit.outcome else None,
        tags=list(request.tags),
        retried_from=request.retried_from,
        links=Links(
            self=path,
            model=f"/v1/models/{request.model}@{request.version}",
            summary=f"{path}/summary",
            diagnostics=f"{path}/diagnostics",
            losses=f"{path}/losses",
            posterior=f"{path}/posterior",
            posterior_predictive=f"{path}/posterior-predictive",
        ),
    )
