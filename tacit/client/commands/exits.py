"""What the exit codes of the commands mean; docs/cli.md lists them."""

from enum import IntEnum

from tacit.client.errors import (
    ClientError,
    ConflictError,
    FitCancelledError,
    FitFailedError,
    ForbiddenError,
    InvalidInputError,
    LimitError,
    NotFoundError,
    UnauthorizedError,
    UnavailableError,
    UnreachableError,
    UnsendableError,
    WaitTimeoutError,
)


class Exit(IntEnum):
    """Exit codes. 0 is success, 2 a command line that cannot be understood, 130 Ctrl-C."""

    ERROR = 1
    REFUSED = 3
    NOT_FOUND = 4
    NOT_ALLOWED = 5
    CONFLICT = 6
    FIT_FAILED = 7
    FIT_CANCELLED = 8
    UNAVAILABLE = 9
    TIMEOUT = 10
    INTERRUPTED = 130


_CODES: dict[type[ClientError], Exit] = {
    InvalidInputError: Exit.REFUSED,
    UnsendableError: Exit.REFUSED,
    NotFoundError: Exit.NOT_FOUND,
    UnauthorizedError: Exit.NOT_ALLOWED,
    ForbiddenError: Exit.NOT_ALLOWED,
    ConflictError: Exit.CONFLICT,
    FitFailedError: Exit.FIT_FAILED,
    FitCancelledError: Exit.FIT_CANCELLED,
    LimitError: Exit.UNAVAILABLE,
    UnavailableError: Exit.UNAVAILABLE,
    UnreachableError: Exit.UNAVAILABLE,
    WaitTimeoutError: Exit.TIMEOUT,
}


def code_of(error: ClientError) -> Exit:
    """The exit code for an error."""
    return _CODES.get(type(error), Exit.ERROR)
