"""What a finished fit has found."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.exceptions import RequestValidationError

from app import answers, draws
from app.bodies import READS, JsonRoute
from app.errors import MediaTypeError, NotAcceptableError, NotJsonError, TooLargeError, problems
from app.formats import Format, FormatDep, Table, forms
from app.predictions import posterior_predictive_table
from app.schemas.results import (
    Diagnostics,
    Draws,
    Losses,
    PosteriorAnswer,
    PosteriorCreate,
    PosteriorPredictiveCreate,
    PosteriorPredictiveDraws,
    PosteriorQuery,
    PredictiveQuery,
    Summary,
    SummaryQuery,
)
from app.service import Service, ServiceDep
from app.streaming import draws_answer
from tacit.errors import (
    ConflictError,
    InvalidInputError,
    ModelChangedError,
    NoResultError,
    NotCalibratedError,
    NotConvergedError,
    NotFinishedError,
    NotFoundError,
    StoreError,
    UnavailableError,
)
from tacit.fits import Fit

router = APIRouter(prefix="/v1/fits/{fit_id}", tags=["results"], route_class=JsonRoute)

_READING = (NotFoundError, NotFinishedError, NoResultError, StoreError, UnavailableError)
_DRAWN = (*_READING, NotConvergedError, RequestValidationError)
_QUERYING = (*_DRAWN, InvalidInputError)


@router.get("/summary", response_model=Summary, response_model_exclude_unset=True, responses=problems(*_DRAWN))
async def get_summary(
    fit_id: str, query: Annotated[SummaryQuery, Query()], service: ServiceDep, response: Response
) -> dict[str, Any]:
    """Mean, sd and quantiles of each variable."""
    fit = await service.drawn(fit_id, unconverged=query.unconverged)
    response.headers.update(_headers(fit))
    return await service.blocking(draws.summary_body, service.store, fit)


@router.get(
    "/diagnostics", response_model=Diagnostics, response_model_exclude_unset=True, responses=problems(*_READING)
)
async def get_diagnostics(fit_id: str, service: ServiceDep) -> dict[str, Any]:
    """Whether to trust the fit."""
    fit = await service.finished(fit_id)
    return await service.blocking(draws.diagnostics_body, service.store, fit)


@router.get("/losses", response_model=Losses, responses=problems(*_READING))
async def get_losses(fit_id: str, service: ServiceDep) -> dict[str, Any]:
    """How the losses went."""
    fit = await service.finished(fit_id)
    return await service.blocking(draws.losses_body, service.store, fit)


@router.get(
    "/posterior",
    response_class=Response,
    responses={200: forms(Draws), **problems(*_QUERYING, NotAcceptableError, ModelChangedError)},
)
async def get_posterior(
    request: Request, fit_id: str, query: Annotated[PosteriorQuery, Query()], service: ServiceDep, form: FormatDep
) -> Response:
    """The stored variational samples."""
    fit = await service.drawn(fit_id, unconverged=query.unconverged)

    def make() -> Table:
        # Flat files go without a model; NetCDF wants names of axes, and the data, from the one that was fitted.
        model = draws.fitted_model(service.registry, fit) if form.grouped else None
        stored = draws.FitDraws(service.store, fit, model)
        return draws.posterior_table(stored, query, service.settings, with_data=form.grouped)

    return await _answer(request, service, form, fit, "posterior", make)


@router.post(
    "/posterior",
    response_class=Response,
    responses={
        200: forms(PosteriorAnswer),
        **problems(
            *_QUERYING,
            NotAcceptableError,
            ConflictError,
            ModelChangedError,
            NotCalibratedError,
            NotJsonError,
            MediaTypeError,
            TooLargeError,
        ),
    },
    openapi_extra=READS,
)
async def answer(
    request: Request, fit_id: str, body: PosteriorCreate, service: ServiceDep, form: FormatDep
) -> Response:
    """The posterior of other data, at once: of a fit with the inference option `objective: amortized`.

    The first answer takes seconds, since it compiles; the next ones milliseconds.
    """
    fit = await service.drawn(fit_id, unconverged=body.unconverged)
    model = draws.fitted_model(service.registry, fit)

    def make() -> Table:
        return answers.answer_table(service.answers, service.store, fit, model, body, service.settings)

    return await _answer(request, service, form, fit, "posterior", make)


@router.get(
    "/posterior-predictive",
    response_class=Response,
    responses={200: forms(Draws), **problems(*_QUERYING, NotAcceptableError, ModelChangedError)},
)
async def get_posterior_predictive(
    request: Request, fit_id: str, query: Annotated[PredictiveQuery, Query()], service: ServiceDep, form: FormatDep
) -> Response:
    """Draws of what the model predicts: its program, replayed at the fit's own covariates with the stored samples."""
    body = PosteriorPredictiveCreate(
        vars=draws.split(query.vars), draws=query.draws, seed=query.seed, unconverged=query.unconverged
    )
    try:
        return await _predictive(request, fit_id, body, service, form)
    except InvalidInputError as error:
        in_query = [each._replace(pointer="?" + each.pointer.removeprefix("/")) for each in error.errors]
        raise InvalidInputError(in_query) from error


@router.post(
    "/posterior-predictive",
    response_class=Response,
    responses={
        200: forms(PosteriorPredictiveDraws),
        **problems(*_QUERYING, NotAcceptableError, ModelChangedError, NotJsonError, MediaTypeError, TooLargeError),
    },
    openapi_extra=READS,
)
async def predict(
    request: Request, fit_id: str, body: PosteriorPredictiveCreate, service: ServiceDep, form: FormatDep
) -> Response:
    """What the model predicts: at other covariates, with variables set, with the log likelihood of the data.

    With `inputs`, all data points are new: variables of single points are drawn from the program given the global ones.
    """
    return await _predictive(request, fit_id, body, service, form)


async def _predictive(
    request: Request, fit_id: str, body: PosteriorPredictiveCreate, service: Service, form: Format
) -> Response:
    fit = await service.drawn(fit_id, unconverged=body.unconverged)
    model = draws.fitted_model(service.registry, fit)

    def make() -> Table:
        stored = draws.FitDraws(service.store, fit, model)
        return posterior_predictive_table(stored, model, body, service.settings, complete=form.grouped)

    return await _answer(request, service, form, fit, "posterior-predictive", make)


async def _answer(
    request: Request, service: Service, form: Format, fit: Fit, what: str, make: Callable[[], Table]
) -> Response:
    """Draws of a fit; those that are no posterior say so in the file, in its name and in a header."""
    name = f"{fit.request.id}-{what}"
    if fit.not_converged is None:
        return await draws_answer(request, service, form, name, make)
    name, headers = f"{name}-unconverged", _headers(fit)
    return await draws_answer(request, service, form, name, lambda: draws.unconverged(make()), headers=headers)


def _headers(fit: Fit) -> dict[str, str]:
    """What an answer with draws says beside its body: also one in a form that has no room for it."""
    return {} if fit.not_converged is None else {"Fit-Converged": "false"}
