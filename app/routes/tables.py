"""Tables of numbers, read: the web page sends its users' files here, so that it reads them as the command line does."""

from typing import Any

from fastapi import APIRouter, Request

from app.bodies import READS, BodyRequest, JsonRoute
from app.errors import MediaTypeError, NotJsonError, TooLargeError, problems
from app.schemas.tables import TableContent
from app.service import ServiceDep
from tacit import tables
from tacit.errors import FieldError, InvalidInputError, TableError

MEDIA_TYPE = "text/csv"
_BODY = {"required": True, "content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}}}

router = APIRouter(prefix="/v1/tables", tags=["models"], route_class=JsonRoute)


@router.post(
    "",
    response_model=TableContent,
    responses=problems(NotJsonError, TooLargeError, MediaTypeError, InvalidInputError),
    openapi_extra={**READS, "requestBody": _BODY},
)
async def read_table(request: Request, service: ServiceDep) -> dict[str, Any]:
    """The columns of a CSV file (or of its kin: semicolons, tabs, decimal commas), as numbers. Nothing is stored.

    It reads as `tacit fit MODEL file.csv` does, and refuses with the same words.
    """
    sent = BodyRequest(request.scope, request.receive)
    media_type = sent.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != MEDIA_TYPE:
        # Other types are what a browser sends across sites without asking.
        raise MediaTypeError(f"Send the bytes of the file, and say so: Content-Type: {MEDIA_TYPE}.")
    content = await sent.body()
    limit: int = request.app.state.max_json_values
    return await service.computed(_read, content, limit)


def _read(content: bytes, most_cells: int) -> dict[str, Any]:
    # Each cell but the first comes after one of these. Parsed, a cell takes many times what it took here.
    cells = max(map(content.count, b",;\t|")) + content.count(b"\n")
    if cells > most_cells:
        raise TooLargeError(f"The table has more than {most_cells} cells: send its columns as arrays.")
    try:
        table = tables.read(content)
    except TableError as error:
        raise InvalidInputError([FieldError("", str(error))]) from error
    return {"columns": [_column(each) for each in table.columns.values()], "notes": list(table.notes)}


def _column(column: tables.Column) -> dict[str, Any]:
    try:
        values, problem = column.numbers(), None
    except TableError as error:
        values, problem = None, str(error)
    return {"name": column.name, "values": values, "problem": problem, "note": column.note}
