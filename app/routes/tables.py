"""Tables, read: the web page sends its users' files here, so that it reads them as the command line does."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from app.bodies import READS, BodyRequest, JsonRoute
from app.draws import refused
from app.errors import MediaTypeError, NotJsonError, TooLargeError, problems
from app.schemas.tables import TableContent
from app.service import ServiceDep
from model_registry import Field, Registry
from tacit import tables
from tacit.errors import FieldError, InvalidInputError, NotFoundError, TableError

MEDIA_TYPE = "text/csv"
_BODY = {"required": True, "content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}}}

router = APIRouter(prefix="/v1/tables", tags=["models"], route_class=JsonRoute)


@router.post(
    "",
    response_model=TableContent,
    responses=problems(NotFoundError, NotJsonError, TooLargeError, MediaTypeError, InvalidInputError),
    openapi_extra={**READS, "requestBody": _BODY},
)
async def read_table(
    request: Request,
    service: ServiceDep,
    model: Annotated[str | None, Query(description="`name` or `name@version`.")] = None,
    field: Annotated[
        str | None, Query(description="The field of the model that columns are for: its levels, its missing values.")
    ] = None,
) -> dict[str, Any]:
    """The columns of a CSV file (or of its kin: semicolons, tabs, decimal commas). Nothing is stored.

    It reads as `tacit fit MODEL file.csv` does, and refuses with the same words. Without a `field`, values are numbers.
    """
    wanted = _field(service.registry, model, field)
    sent = BodyRequest(request.scope, request.receive)
    media_type = sent.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != MEDIA_TYPE:
        # Other types are what a browser sends across sites without asking.
        raise MediaTypeError(f"Send the bytes of the file, and say so: Content-Type: {MEDIA_TYPE}.")
    content = await sent.body()
    limit: int = request.app.state.max_json_values
    return await service.computed(_read, content, wanted, limit)


def _field(registry: Registry, model: str | None, name: str | None) -> Field:
    """The field that columns are for; one of numbers, all of them there, where none is named."""
    if name is None and model is None:
        return Field(("N",))
    if name is None or model is None:
        lacking = "?field" if name is None else "?model"
        raise refused(lacking, "Give both model and field, or neither.")
    fields = registry.get(model).data
    if name not in fields:
        raise refused("?field", f"This model has no field {name[:40]!r}; there is {', '.join(fields)}.")
    return fields[name]


def _read(content: bytes, wanted: Field, most_cells: int) -> dict[str, Any]:
    # Each cell but the first comes after one of these. Parsed, a cell takes many times what it took here.
    cells = max(map(content.count, b",;\t|")) + content.count(b"\n")
    if cells > most_cells:
        raise TooLargeError(f"The table has more than {most_cells} cells: send its columns as arrays.")
    try:
        table = tables.read(content)
    except TableError as error:
        raise InvalidInputError([FieldError("", str(error))]) from error
    return {"columns": [_column(each, wanted) for each in table.columns.values()], "notes": list(table.notes)}


def _column(column: tables.Column, wanted: Field) -> dict[str, Any]:
    try:
        values, problem = column.values(wanted.level_names, missing=wanted.missing), None
    except TableError as error:
        values, problem = None, str(error)
    return {"name": column.name, "values": values, "problem": problem, "note": column.note(missing=wanted.missing)}
