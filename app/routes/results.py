"""What a finished fit has found."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from fastapi.exceptions import RequestValidationError

from app import draws
from app.bodies import JsonRoute
from app.errors import problems
from app.schemas import Diagnostics, Draws, Losses, PosteriorQuery, PredictiveQuery, Summary
from app.service import ServiceDep
from tacit.errors import (
    InvalidInputError,
    ModelChangedError,
    NoResultError,
    NotFinishedError,
    NotFoundError,
    StoreError,
    UnavailableError,
)

router = APIRouter(prefix="/v1/fits/{fit_id}", tags=["results"], route_class=JsonRoute)

_READING = (NotFoundError, NotFinishedError, NoResultError, StoreError, UnavailableError)
_QUERYING = (*_READING, RequestValidationError, InvalidInputError)


@router.get("/summary", response_model=Summary, responses=problems(*_READING))
async def get_summary(fit_id: str, service: ServiceDep) -> dict[str, Any]:
    """Mean, sd and quantiles of each variable."""
    fit = await service.finished(fit_id)
    return await service.blocking(draws.summary_body, service.store, fit)


@router.get("/diagnostics", response_model=Diagnostics, responses=problems(*_READING))
async def get_diagnostics(fit_id: str, service: ServiceDep) -> dict[str, Any]:
    """Whether to trust the fit."""
    fit = await service.finished(fit_id)
    return await service.blocking(draws.diagnostics_body, service.store, fit)


@router.get("/losses", response_model=Losses, responses=problems(*_READING))
async def get_losses(fit_id: str, service: ServiceDep) -> dict[str, Any]:
    """How the losses went."""
    fit = await service.finished(fit_id)
    return await service.blocking(draws.losses_body, service.store, fit)


@router.get("/posterior", response_model=Draws, responses=problems(*_QUERYING))
async def get_posterior(fit_id: str, query: Annotated[PosteriorQuery, Query()], service: ServiceDep) -> Response:
    """The stored variational samples."""
    fit = await service.finished(fit_id)
    return _json(await service.computed(draws.posterior_body, service.store, fit, query))


@router.get("/posterior-predictive", response_model=Draws, responses=problems(*_QUERYING, ModelChangedError))
async def get_posterior_predictive(
    fit_id: str, query: Annotated[PredictiveQuery, Query()], service: ServiceDep
) -> Response:
    """Draws of what the model predicts: its program, replayed at the fit's own covariates with the stored samples."""
    fit = await service.finished(fit_id)
    model = service.registry.get(fit.request.model)
    return _json(await service.computed(draws.predictive_body, service.store, fit, model, query))


def _json(body: bytes) -> Response:
    return Response(body, media_type="application/json")
