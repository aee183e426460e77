"""Errors as HTTP answers: one table from exception to status and code, one body (RFC 9457, problem+json).

What is not in the table is a defect: it is logged, and the user gets a 500 without any of its words.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from itertools import islice
from typing import Any, NamedTuple

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from tacit.errors import (
    ConflictError,
    FieldError,
    ForbiddenError,
    HasEndedError,
    InFlightError,
    InvalidInputError,
    KeyReusedError,
    LimitError,
    ModelChangedError,
    NoResultError,
    NotCalibratedError,
    NotConvergedError,
    NotFinishedError,
    NotFoundError,
    QuotaError,
    RateError,
    StoreError,
    TooOldError,
    UnauthorizedError,
    UnavailableError,
)
from tacit.inference import InferenceOptions

_log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
_RETRY_AFTER_S = 2
# An answer lists no more errors than this; it says how many there are.
MOST_ERRORS = 100


class BodyError(HTTPException):
    """A request body that is refused before it is looked at. `HTTPException`: FastAPI lets no other through."""

    def __init__(self, detail: str) -> None:
        super().__init__(TABLE[type(self)].status, detail)


class NotJsonError(BodyError):
    """The body is not JSON."""


class MediaTypeError(BodyError):
    """The body does not claim to be JSON."""


class EncodingError(MediaTypeError):
    """The body is compressed in a way that the service does not know."""


class TooLargeError(BodyError):
    """The body is larger than the service takes."""


class WrongHostError(BodyError):
    """The request is for a host name that the service does not go by."""


class ForeignOriginError(BodyError):
    """A page of another site asks for something to be changed."""


class NotAcceptableError(HTTPException):
    """The client takes none of the forms that the answer can have."""

    def __init__(self, detail: str) -> None:
        super().__init__(TABLE[type(self)].status, detail)


class Kind(NamedTuple):
    """The HTTP status of an error, and its code, which never changes."""

    status: HTTPStatus
    code: str


TABLE: Mapping[type[Exception], Kind] = {
    NotJsonError: Kind(HTTPStatus.BAD_REQUEST, "not_json"),
    WrongHostError: Kind(HTTPStatus.MISDIRECTED_REQUEST, "wrong_host"),
    ForeignOriginError: Kind(HTTPStatus.FORBIDDEN, "foreign_origin"),
    NotAcceptableError: Kind(HTTPStatus.NOT_ACCEPTABLE, "not_acceptable"),
    TooLargeError: Kind(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large"),
    MediaTypeError: Kind(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type"),
    EncodingError: Kind(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported_encoding"),
    UnauthorizedError: Kind(HTTPStatus.UNAUTHORIZED, "unauthorized"),
    ForbiddenError: Kind(HTTPStatus.FORBIDDEN, "forbidden"),
    RateError: Kind(HTTPStatus.TOO_MANY_REQUESTS, "too_many_requests"),
    QuotaError: Kind(HTTPStatus.TOO_MANY_REQUESTS, "too_many_fits"),
    RequestValidationError: Kind(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_input"),
    KeyReusedError: Kind(HTTPStatus.UNPROCESSABLE_ENTITY, "idempotency_key_reused"),
    InvalidInputError: Kind(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_input"),
    NotFoundError: Kind(HTTPStatus.NOT_FOUND, "not_found"),
    NotFinishedError: Kind(HTTPStatus.CONFLICT, "not_finished"),
    NoResultError: Kind(HTTPStatus.CONFLICT, "no_result"),
    NotConvergedError: Kind(HTTPStatus.CONFLICT, "not_converged"),
    InFlightError: Kind(HTTPStatus.CONFLICT, "in_flight"),
    HasEndedError: Kind(HTTPStatus.CONFLICT, "has_ended"),
    ModelChangedError: Kind(HTTPStatus.CONFLICT, "model_changed"),
    NotCalibratedError: Kind(HTTPStatus.CONFLICT, "not_calibrated"),
    ConflictError: Kind(HTTPStatus.CONFLICT, "conflict"),
    TooOldError: Kind(HTTPStatus.CONFLICT, "too_old"),
    UnavailableError: Kind(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable"),
    StoreError: Kind(HTTPStatus.INTERNAL_SERVER_ERROR, "store_error"),
    Exception: Kind(HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error"),
}


class ProblemError(BaseModel):
    """One thing that is wrong."""

    pointer: str = Field(description="JSON pointer into the body; `?name` for a query parameter, `name:` for a header.")
    detail: str


class Problem(BaseModel):
    """An error (RFC 9457)."""

    type: str = "about:blank"
    title: str = Field(description="The HTTP status in words.")
    status: int
    detail: str = Field(description="What is wrong, in a sentence.")
    code: str = Field(description="What kind of error this is; stable.")
    errors: list[ProblemError] = Field(description=f"Each field that is wrong, {MOST_ERRORS} at most; may be empty.")
    request_id: str = Field(description="Name of the request in the logs of the service.")


def problems(*kinds: type[Exception]) -> dict[int | str, dict[str, Any]]:
    """What a route has to declare as `responses=` for the errors it can raise."""
    codes: dict[int, list[str]] = {}
    for kind in (*kinds, Exception):
        status, code = TABLE[kind]
        listed = codes.setdefault(int(status), [])
        if code not in listed:
            listed.append(code)
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        status: {"description": f"Code {' or '.join(f'`{code}`' for code in listed)}.", "content": content}
        for status, listed in codes.items()
    }


def install(app: FastAPI) -> None:
    """Have every error of the app answered as a problem."""
    for kind in TABLE:
        if kind is not Exception:
            app.add_exception_handler(kind, _known)
    app.add_exception_handler(HTTPException, _http)


def unexpected(request: Request, error: Exception) -> Response:
    """The answer to an exception that nothing foresaw."""
    _log.error("request %s failed", request_id(request), exc_info=error)
    detail = "The service made an error; its log says more under the id of this request."
    return answer(request, TABLE[Exception], detail)


def request_id(request: Request) -> str:
    """The name of this request in answers and logs."""
    return str(request.scope.get("tacit.request_id", ""))


def answer(
    request: Request,
    kind: Kind,
    detail: str,
    *,
    errors: Iterable[FieldError] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A problem as a response."""
    problem = Problem(
        title=kind.status.phrase,
        status=kind.status,
        detail=detail,
        code=kind.code,
        errors=[ProblemError(pointer=pointer, detail=each) for pointer, each in islice(errors, MOST_ERRORS)],
        request_id=request_id(request),
    )
    return Response(problem.model_dump_json(), kind.status, headers, media_type=MEDIA_TYPE)


def pointer_to(path: Iterable[str | int]) -> str:
    """The JSON pointer (RFC 6901) for a path of keys and indices."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


async def _known(request: Request, error: Exception) -> Response:
    kind = next(TABLE[each] for each in type(error).__mro__ if each in TABLE)
    if isinstance(error, RequestValidationError):
        fields = [FieldError(_location(each["loc"]), _what_is_wrong(each)) for each in error.errors()]
        return answer(request, kind, _sentence(fields), errors=fields)
    if isinstance(error, InvalidInputError):
        return answer(request, kind, _sentence(error.errors), errors=error.errors)
    if kind.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.error("request %s: %s: %s", request_id(request), kind.code, error)
    return answer(request, kind, str(getattr(error, "detail", error)), headers=_headers(error))


def _headers(error: Exception) -> dict[str, str]:
    """What an error says beside its body."""
    if isinstance(error, UnavailableError | InFlightError):
        return {"Retry-After": str(_RETRY_AFTER_S)}
    if isinstance(error, LimitError):
        return {"Retry-After": str(error.retry_after_s)}
    if isinstance(error, EncodingError):
        return {"Accept-Encoding": "gzip, deflate"}
    if isinstance(error, UnauthorizedError):
        return {"WWW-Authenticate": 'Bearer realm="tacit"'}
    return {}


async def _http(request: Request, error: Exception) -> Response:
    """What the framework itself refuses: unknown paths and methods."""
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    kind = Kind(status, status.phrase.lower().replace(" ", "_"))
    detail = {
        HTTPStatus.NOT_FOUND: f"There is nothing at {request.url.path}.",
        HTTPStatus.METHOD_NOT_ALLOWED: f"{request.url.path} does not take {request.method}.",
    }.get(status, str(error.detail))
    return answer(request, kind, detail, headers=error.headers)


def _what_is_wrong(error: Mapping[str, Any]) -> str:
    """A sentence about a part of the request."""
    if error["type"] != "extra_forbidden":
        return f"{error['msg']}."
    name = str(error["loc"][-1])
    at_top = len(error["loc"]) == 2 and error["loc"][0] == "body"
    hint = f': it is an option of the inference, `{{"inference": {{"{name}": ...}}}}`'
    return f"{name!r} is unknown here{hint if at_top and name in InferenceOptions.model_fields else ''}."


def _location(location: Sequence[str | int]) -> str:
    """Where in the request FastAPI found an error."""
    place, *path = location
    if place == "query" and path:
        return f"?{path[0]}"
    return f"{path[0]}:" if place == "header" and path else pointer_to(path)


def _sentence(errors: Sequence[FieldError]) -> str:
    first = errors[0]
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return f"{first.pointer or 'body'}: {first.detail}{more}"
