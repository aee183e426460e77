"""Which models there are."""

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError

from app import validation
from app.bodies import READS, JsonRoute
from app.errors import MediaTypeError, NotAcceptableError, NotJsonError, TooLargeError, problems
from app.formats import FormatDep, Table, forms
from app.predictions import prior_predictive_table
from app.schemas.models import DataCheck, ModelDetail, ModelList, PriorPredictiveDraws, ResolvedData
from app.schemas.results import PredictiveCreate
from app.service import ServiceDep
from app.streaming import draws_answer
from tacit.errors import InvalidInputError, NotFoundError, UnavailableError

_READING_BODY = (NotJsonError, TooLargeError, MediaTypeError, RequestValidationError, InvalidInputError)

router = APIRouter(prefix="/v1/models", tags=["models"], route_class=JsonRoute)


@router.get("", response_model=ModelList, responses=problems())
async def list_models(service: ServiceDep) -> dict[str, Any]:
    """The models that can be fitted."""
    return {"items": [model.summary() for model in service.registry.models.values()]}


@router.get("/{reference}", response_model=ModelDetail, responses=problems(NotFoundError))
async def get_model(reference: str, service: ServiceDep) -> dict[str, Any]:
    """All about one model, by `name` or `name@version`."""
    model = service.registry.get(reference)
    return await service.blocking(model.describe)


@router.post(
    "/{reference}/validate",
    response_model=ResolvedData,
    responses=problems(NotFoundError, *_READING_BODY),
    openapi_extra=READS,
)
async def validate(reference: str, body: DataCheck, service: ServiceDep) -> dict[str, Any]:
    """Check data and options as a fit would; nothing is stored or computed."""
    model = service.registry.get(reference)
    return await service.computed(validation.resolved, model, body)


@router.post(
    "/{reference}/prior-predictive",
    response_class=Response,
    responses={
        200: forms(PriorPredictiveDraws),
        **problems(NotFoundError, NotAcceptableError, UnavailableError, *_READING_BODY),
    },
    openapi_extra=READS,
)
async def predict_from_prior(
    request: Request, reference: str, body: PredictiveCreate, service: ServiceDep, form: FormatDep
) -> Response:
    """What the model predicts before it has seen data."""
    model = service.registry.get(reference)

    def make() -> Table:
        return prior_predictive_table(model, body, service.settings, complete=form.grouped)

    return await draws_answer(request, service, form, f"{model.name}-prior-predictive", make)
