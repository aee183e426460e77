"""Every error Tacit raises on purpose.

    TacitError
    |- ProgramError            a model program breaks a rule of the language
    |   |- DuplicateNameError    two random variables of one run share a name
    |   |- MissingKeyError       a random variable was sampled outside `seed`
    |   |- MissingValueError     a log joint was asked for without a value for some variable
    |   |- NoDensityError        `log_prob` of a random variable that can only be sampled
    |   |- UnknownVariableError  a value was given for a variable the program does not have
    |   `- InvalidValueError     a value has the wrong shape, dtype or support
    |- InferenceError          a fit cannot be set up or broke down
    |   |- NotReparameterizableError
    |   `- DivergedError
    |- SimulationError         one simulation in another process came to nothing
    |- InvalidInputError       what a user sent does not fit; names each field
    |   `- KeyReusedError        an idempotency key stood for another request
    |- TableError              a file has no table that can be read
    |- NotFoundError           no such model, version or fit
    |- ConflictError           the request does not fit the state of the resource
    |   |- NotFinishedError      results were asked for while the fit is not finished
    |   |- NoResultError         the fit ended without results
    |   |- NotConvergedError     the draws of the fit are no posterior, and were not asked for as such
    |   |- InFlightError         the same request is being worked on at this moment
    |   |- HasEndedError         it is too late: the fit has ended
    |   |- ModelChangedError     the model's code is no longer the code that was fitted
    |   `- FolderInUseError      another process holds the data folder
    |- ModelLoadError          a model file cannot be served
    |- StoreError              the store lost, or never had, what it should hold
    |   `- TooOldError           a version wrote it whose records are no longer read
    |- InsecureError           anybody on the network could use the service
    |- UnavailableError        a part of the service cannot be reached now
    |   `- TooNewError           a newer version wrote it; this process will be replaced
    `- AccessError             who asks may not
        |- UnauthorizedError     no key, or one that is not good
        |- ForbiddenError        the key lacks a scope
        `- LimitError            too much at once; later it may go
            |- RateError           too many requests
            `- QuotaError          too many fits that wait

What the client raises is in `tacit.client.errors`.
The core knows no HTTP: `app.errors` maps these to status codes.
"""

from collections.abc import Sequence
from typing import NamedTuple


class TacitError(Exception):
    """Root of every error that Tacit raises on purpose."""


class ProgramError(TacitError):
    """A model program breaks a rule of the language."""


class DuplicateNameError(ProgramError):
    """Two random variables of one run share a name."""


class MissingKeyError(ProgramError):
    """A random variable has to be sampled, and nothing gives it a PRNG key."""


class MissingValueError(ProgramError):
    """A log joint was asked for without a value for some variable."""


class NoDensityError(ProgramError):
    """`log_prob` was asked of a random variable that can only be sampled."""


class UnknownVariableError(ProgramError):
    """A value was given for a variable that the program does not have."""


class InvalidValueError(ProgramError):
    """A value does not fit its random variable: shape, dtype or support."""


class InferenceError(TacitError):
    """A fit cannot be set up, or broke down."""


class NotReparameterizableError(InferenceError):
    """A variational factor has no reparameterization gradient."""


class DivergedError(InferenceError):
    """Steps stayed non-finite; the fit was stopped."""


class SimulationError(TacitError):
    """A simulation in another process came to nothing: it raised, was out of time, or its process ended."""


class FieldError(NamedTuple):
    """What is wrong with one field: a JSON pointer to it, and a sentence that says the fix."""

    pointer: str
    detail: str


class InvalidInputError(TacitError):
    """What a user sent does not fit the model; `errors` names each field."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        self.errors = tuple(errors)
        super().__init__("; ".join(f"{error.pointer}: {error.detail}" for error in self.errors))


class KeyReusedError(InvalidInputError):
    """An idempotency key stood for another request."""


class TableError(TacitError):
    """A file has no table that can be read; says where, and what to write instead."""


class NotFoundError(TacitError):
    """There is no such model, version or fit."""


class ConflictError(TacitError):
    """The request does not fit the present state of the resource."""


class NotFinishedError(ConflictError):
    """Results were asked for while the fit is not finished."""


class NoResultError(ConflictError):
    """The fit ended without results: it failed or was cancelled."""


class NotConvergedError(ConflictError):
    """The fit has not converged: its draws are no posterior, and are shown to those alone who ask for them as such."""


class InFlightError(ConflictError):
    """The same request, under the same idempotency key, is being worked on at this moment."""


class HasEndedError(ConflictError):
    """It is too late: the fit has ended."""


class ModelChangedError(ConflictError):
    """The model's code is no longer the code that was fitted."""


class NotCalibratedError(ConflictError):
    """An amortized fit's posteriors do not hold what they should, so they are not offered."""


class FolderInUseError(ConflictError):
    """Another process holds the data folder."""


class ModelLoadError(TacitError):
    """A model file cannot be served."""


class StoreError(TacitError):
    """The store lost, or never had, what it should hold."""


class TooOldError(StoreError):
    """A record or file was written by a version whose form is no longer read."""


class InsecureError(TacitError):
    """The service would listen where anybody could use it."""


class UnavailableError(TacitError):
    """A part of the service cannot be reached now; trying again later is sound."""


class TooNewError(UnavailableError):
    """A record, or what a fit asks for, is of a newer version; a process of that version can go on with it."""


class AccessError(TacitError):
    """Who asks may not do this, or not now."""


class UnauthorizedError(AccessError):
    """There is no API key, or one that is not good."""


class ForbiddenError(AccessError):
    """The API key lacks a scope."""


class LimitError(AccessError):
    """Too much at once. `retry_after_s` is when it may go, in whole seconds."""

    def __init__(self, message: str, *, retry_after_s: int) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(message)


class RateError(LimitError):
    """Too many requests in too short a time."""


class QuotaError(LimitError):
    """Too many fits wait."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether Python, NumPy or JAX could not get the memory they asked for."""
    # JAX has no class of its own for it, only this word in an error of its runtime.
    return isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error)
