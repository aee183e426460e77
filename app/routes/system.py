"""Whether the service lives, and what it is."""

import platform
from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST

from app import metrics
from app.bodies import JsonRoute
from app.errors import TABLE, answer, problems
from app.schemas.system import Alive, BrokenModel, Ready, Version, WorkerState
from app.service import Service, ServiceDep
from tacit import simulation_pool
from tacit.engine import ENGINE_REVISION
from tacit.errors import FieldError, UnavailableError
from tacit.fits import keys

router = APIRouter(tags=["system"])
guarded = APIRouter(tags=["system"], route_class=JsonRoute)


@router.get("/livez", response_model=Alive, responses=problems())
async def get_livez() -> Alive:
    """This process answers."""
    return Alive(status="alive")


@router.get("/readyz", response_model=Ready, responses=problems(UnavailableError))
async def get_readyz(request: Request, service: ServiceDep) -> Any:
    """The service can take fits and someone will compute them; 503 with what is missing otherwise."""
    missing = [
        *await _missing_redis(service),
        *await _missing_store(service),
        *_missing_simulators(),
    ]
    workers = [] if missing else await service.live_workers()
    device = service.settings.device
    if not missing and keys.queue(device) not in {info.queue for info in workers}:
        missing.append(FieldError("/workers", f"No worker for device {device} lives; start one with `tacit worker`."))
    if missing:
        detail = "Not ready: " + " ".join(error.detail for error in missing)
        return answer(request, TABLE[UnavailableError], detail, errors=missing, headers={"Retry-After": "1"})
    return Ready(
        status="ready",
        workers=[WorkerState.model_validate(info, from_attributes=True) for info in workers],
        models=sorted(service.registry.models),
        broken_models=[
            BrokenModel(path=str(problem.path), detail=problem.detail) for problem in service.registry.problems
        ],
    )


@guarded.get(
    "/metrics",
    response_class=PlainTextResponse,
    responses={
        200: {"description": "Prometheus's text format.", "content": {"text/plain": {"schema": {"type": "string"}}}},
        **problems(UnavailableError),
    },
)
async def get_metrics(request: Request, service: ServiceDep) -> Response:
    """What is measured: requests by this process, fits by all workers."""
    own: metrics.HttpMetrics = request.app.state.metrics
    return Response(metrics.render(own, await service.worker_metrics()), media_type=CONTENT_TYPE_LATEST)


@router.get("/version", response_model=Version, responses=problems())
async def get_version() -> Version:
    """What runs here."""
    return Version(
        version=version("tacit"),
        api="v1",
        engine_revision=ENGINE_REVISION,
        python=platform.python_version(),
        jax=version("jax"),
    )


async def _missing_redis(service: Service) -> list[FieldError]:
    try:
        await service.check_redis()
    except UnavailableError as error:
        return [FieldError("/redis", str(error))]
    return []


def _missing_simulators() -> list[FieldError]:
    """Predictions of a simulator that is not JAX are made in processes of the API."""
    trouble = simulation_pool.trouble()
    return [] if trouble is None else [FieldError("/simulators", trouble)]


async def _missing_store(service: Service) -> list[FieldError]:
    try:
        await service.blocking(service.store.check)
    except UnavailableError as error:
        return [FieldError("/store", str(error))]
    return []
