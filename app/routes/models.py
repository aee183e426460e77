"""Which models there are."""

from typing import Any

from fastapi import APIRouter

from app.bodies import JsonRoute
from app.errors import problems
from app.schemas import ModelDetail, ModelList
from app.service import ServiceDep
from tacit.errors import NotFoundError

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
