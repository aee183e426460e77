"""What the client raises; each error of the service is an exception that carries its problem document.

ClientError
|- UnreachableError        no answer came: the service is down, or the network is
|- UnsendableError         data that cannot be sent
|- MissingPackageError     what was asked for needs a package that is not installed
|- WaitTimeoutError        the fit has not ended in the time given; it goes on
|- FitEndedError           the fit has not succeeded; `fit` is its state, `code` and `reason` say why
|   |- FitFailedError
|   `- FitCancelledError
`- ApiError                the service refused a request; `problem` says why
    |- InvalidInputError     422 (and 400, 406, 413, 415): what was sent does not fit
    |- UnauthorizedError     401: no API key, or one that is not good
    |- ForbiddenError        403: the key lacks a scope
    |- NotFoundError         404
    |- ConflictError         409: it does not fit the state of the fit; `code` says how
    |- LimitError            429: too much at once, also after waiting
    |- UnavailableError      502, 503, 504: the service cannot do it now, also after waiting
    `- ServerError           any other 5xx: a fault of the service
"""

from http import HTTPStatus
from typing import TYPE_CHECKING

import httpx
from pydantic import BaseModel, ConfigDict, ValidationError

from tacit.errors import TacitError

if TYPE_CHECKING:
    from tacit.client.answers import FitState


class ProblemField(BaseModel):
    """One thing that is wrong: a JSON pointer into what was sent, and a sentence that says the fix."""

    model_config = ConfigDict(frozen=True)

    pointer: str
    detail: str


class Problem(BaseModel):
    """A problem document (RFC 9457).

    Attributes:
        code: What kind of error it is; stable.
        errors: Each field that is wrong; may be empty.
        request_id: The name of the request in the logs of the service.
    """

    model_config = ConfigDict(frozen=True)

    status: int
    title: str = ""
    detail: str = ""
    code: str = ""
    errors: tuple[ProblemField, ...] = ()
    request_id: str = ""


class ClientError(TacitError):
    """Root of what the client raises."""


class UnreachableError(ClientError):
    """No answer came, or not all of it."""


class UnsendableError(ClientError):
    """Data that cannot be sent, such as text or dates."""


class MissingPackageError(ClientError):
    """What was asked for needs a package that is not installed."""


class WaitTimeoutError(ClientError):
    """The fit has not ended in the time given; it goes on."""


class FitEndedError(ClientError):
    """The fit has not succeeded."""

    def __init__(self, fit: "FitState") -> None:
        self.fit = fit
        reason = f": {fit.error.message} (code {fit.error.code})" if fit.error is not None else "."
        super().__init__(f"Fit {fit.id} {'was cancelled' if fit.status == 'cancelled' else fit.status}{reason}")

    @property
    def code(self) -> str | None:
        """Why it failed, as a stable code; None for a fit that was cancelled."""
        return self.fit.error.code if self.fit.error is not None else None

    @property
    def reason(self) -> str | None:
        """Why it failed, in words; None for a fit that was cancelled."""
        return self.fit.error.message if self.fit.error is not None else None


class FitFailedError(FitEndedError):
    """The fit failed; `code` and `reason` say why."""


class FitCancelledError(FitEndedError):
    """Someone cancelled the fit."""


class ApiError(ClientError):
    """The service refused a request."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        lines = [f"{each.pointer or 'body'}: {each.detail}" for each in problem.errors]
        # With fields, the detail repeats the first of them.
        text = "\n".join(lines) or problem.detail or problem.title
        super().__init__(f"{text} [{' '.join((str(problem.status), problem.code)).strip()}]")

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.problem.status

    @property
    def code(self) -> str:
        """What kind of error it is; stable."""
        return self.problem.code


class InvalidInputError(ApiError):
    """What was sent does not fit; `problem.errors` names each field."""


class UnauthorizedError(ApiError):
    """There is no API key, or one that is not good."""


class ForbiddenError(ApiError):
    """The API key lacks a scope."""


class NotFoundError(ApiError):
    """There is no such model or fit, or it is someone else's."""


class ConflictError(ApiError):
    """The request does not fit the present state of the fit."""


class LimitError(ApiError):
    """Too much at once."""


class UnavailableError(ApiError):
    """The service cannot do it now."""


class ServerError(ApiError):
    """The service made an error; its log says more under `problem.request_id`."""


_KINDS: dict[int, type[ApiError]] = {
    400: InvalidInputError,
    401: UnauthorizedError,
    403: ForbiddenError,
    404: NotFoundError,
    406: InvalidInputError,
    409: ConflictError,
    413: InvalidInputError,
    415: InvalidInputError,
    422: InvalidInputError,
    429: LimitError,
    502: UnavailableError,
    503: UnavailableError,
    504: UnavailableError,
}


def error_of(response: httpx.Response) -> ApiError:
    """The exception for an answer that is an error, whose body has been read."""
    try:
        problem = Problem.model_validate_json(response.content)
    except ValidationError:
        # Not from Tacit, but from a proxy before it.
        known = response.status_code in set(HTTPStatus)
        title = HTTPStatus(response.status_code).phrase if known else ""
        problem = Problem(status=response.status_code, title=title, detail=response.text[:500])
    fallback = ServerError if response.is_server_error else ApiError
    return _KINDS.get(problem.status, fallback)(problem)
