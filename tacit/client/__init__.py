"""The Python client of a Tacit service, and the command line.

    from tacit.client import Client

    with Client() as client:
        fit = client.fit("eight-schools", {"y": y, "sigma": sigma})
        fit.wait(progress=True)
        print(fit.summary())
        idata = fit.posterior()

`AsyncClient` is the same with `await`. Neither needs JAX or the packages of the service; ArviZ and pandas are imported
when something is asked for in their form (`pip install 'tacit[client]'`).
"""

from tacit.client.answers import (
    Diagnostics,
    Event,
    FitState,
    Losses,
    ModelDetail,
    ModelSummary,
    PosteriorAnswer,
    Progress,
    ResolvedData,
    Summary,
)
from tacit.client.asynchronous import AsyncClient, AsyncFit
from tacit.client.errors import (
    ApiError,
    ClientError,
    ConflictError,
    FitCancelledError,
    FitEndedError,
    FitFailedError,
    ForbiddenError,
    InvalidInputError,
    LimitError,
    MissingPackageError,
    NotFoundError,
    Problem,
    ProblemField,
    ServerError,
    UnauthorizedError,
    UnavailableError,
    UnreachableError,
    UnsendableError,
    WaitTimeoutError,
)
from tacit.client.synchronous import Client, Fit

__all__ = [
    "ApiError",
    "AsyncClient",
    "AsyncFit",
    "Client",
    "ClientError",
    "ConflictError",
    "Diagnostics",
    "Event",
    "Fit",
    "FitCancelledError",
    "FitEndedError",
    "FitFailedError",
    "FitState",
    "ForbiddenError",
    "InvalidInputError",
    "LimitError",
    "Losses",
    "MissingPackageError",
    "ModelDetail",
    "ModelSummary",
    "NotFoundError",
    "PosteriorAnswer",
    "Problem",
    "ProblemField",
    "Progress",
    "ResolvedData",
    "ServerError",
    "Summary",
    "UnauthorizedError",
    "UnavailableError",
    "UnreachableError",
    "UnsendableError",
    "WaitTimeoutError",
]
