"""Which form of an answer a client wants (RFC 9110, section 12.5.1)."""

from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple

from fastapi import Depends, Request
from pydantic import BaseModel

from app.errors import NotAcceptableError
from app.formats import arrow, json_text, netcdf, npz
from app.formats.table import Write


class Format(NamedTuple):
    """A form of draws.

    Attributes:
        media_type: Its name in `Accept`.
        suffix: The end of the names of its files.
        grouped: Whether it has room for more than the draws asked for.
        write: Makes the bytes.
    """

    media_type: str
    suffix: str
    grouped: bool
    write: Write


# The first is what is given to who does not care.
FORMATS: Mapping[str, Format] = {
    module.MEDIA_TYPE: Format(module.MEDIA_TYPE, module.SUFFIX, module is netcdf, module.write)
    for module in (json_text, npz, arrow, netcdf)
}


def forms(schema: type[BaseModel]) -> dict[str, Any]:
    """What a route has to declare of a 200 whose body comes in any form; `schema` is that of JSON."""
    first, *others = FORMATS
    binary = {name: {"schema": {"type": "string", "format": "binary"}} for name in others}
    return {"model": schema, "description": "Draws, in the form of `Accept`.", "content": {first: {}, **binary}}


def choose(accept: str) -> Format:
    """The form that a client wants most; of those it wants alike, the first that we have.

    Args:
        accept: The header; "" accepts everything.

    Raises:
        NotAcceptableError: We have none that it accepts.
    """
    wanted = dict(map(_weighted, accept.lower().split(","))) if accept.strip() else {"*/*": 1.0}

    def weight(media_type: str) -> float:
        # The most specific range that fits decides, as `application/json;q=0` beside `*/*`.
        ranges = (media_type, f"{media_type.partition('/')[0]}/*", "*/*")
        return next((wanted[each] for each in ranges if each in wanted), 0.0)

    best = max(FORMATS, key=weight)
    if not weight(best) > 0:
        raise NotAcceptableError(f"Accept one of {', '.join(FORMATS)}.")
    return FORMATS[best]


def _weighted(part: str) -> tuple[str, float]:
    media_range, *parameters = (each.strip() for each in part.split(";"))
    weight = next((each[2:] for each in parameters if each.startswith("q=")), "1")
    try:
        return media_range, float(weight)
    except ValueError:
        return media_range, 0.0


def _negotiated(request: Request) -> Format:
    return choose(",".join(request.headers.getlist("accept")))


FormatDep = Annotated[Format, Depends(_negotiated)]
