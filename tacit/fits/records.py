"""What is written about a fit, and what follows from it.

A fit is a set of records, each written once: the request that was accepted, one record per attempt that a worker
began (and one per attempt that ended without deciding the fit), the wish that it be cancelled, and the outcome. Nothing
is ever updated, so the status is not stored: it follows from which records exist, and can only move forward.
"""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, ClassVar, NamedTuple, Self, TypeVar

import pydantic_core
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tacit.errors import StoreError, TooNewError, TooOldError


class Status(StrEnum):
    """Where a fit stands; the last three are final."""

    QUEUED = "queued"
    RUNNING = "running"
    CANCELLING = "cancelling"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        return self in (Status.SUCCEEDED, Status.FAILED, Status.CANCELLED)


class Priority(StrEnum):
    """Which of the fits that wait goes first; within a priority, the one that came first."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


def now() -> datetime:
    """This moment, in UTC."""
    return datetime.now(UTC)


def to_json_bytes(value: Any) -> bytes:
    """A JSON value as bytes; NaN and infinities, which JSON does not have, become null."""
    return pydantic_core.to_json(value, inf_nan_mode="null")


class Record(BaseModel):
    """A record in the store: frozen, with unknown fields refused, stamped with the version of its form.

    Whoever adds a field gives it a default and raises the default of `form` by one; whoever changes what a field (or a
    file that the record names) means raises `OLDEST_FORM` too, if what was written before can no longer be read.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    OLDEST_FORM: ClassVar[int] = 1

    form: int = 1

    def to_bytes(self) -> bytes:
        """The record in the form of today."""
        return self.model_copy(update={"form": self.newest_form()}).model_dump_json(indent=1).encode()

    @classmethod
    def newest_form(cls) -> int:
        """The form that this version of Tacit writes, and the newest it can read."""
        newest: int = cls.model_fields["form"].default
        return newest

    @classmethod
    def from_bytes(cls, data: bytes, *, key: str) -> Self:
        """The record that `to_bytes` wrote, by this version or another.

        Args:
            data: The bytes.
            key: Where they lie, for the message.

        Raises:
            TooOldError: A version wrote it whose records this one no longer reads.
            TooNewError: A newer version wrote it.
            StoreError: It is damaged.
        """
        try:
            form = _Stamp.model_validate_json(data).form
            if form < cls.OLDEST_FORM:
                raise TooOldError(
                    f"The stored record {key} is too old: it has form {form}, and this version of Tacit reads forms "
                    f"from {cls.OLDEST_FORM} on. Read it with the version that wrote it."
                )
            if form > cls.newest_form():
                raise TooNewError(
                    f"The stored record {key} was written by a newer version of Tacit: it has form {form}, and this "
                    f"version reads forms up to {cls.newest_form()}."
                )
            return cls.model_validate_json(data)
        except ValidationError as error:
            raise StoreError(f"The stored record {key} is damaged.") from error


AnyRecord = TypeVar("AnyRecord", bound=Record)


class _Stamp(BaseModel):
    """The one thing that every record says in every form."""

    form: int


class Artefact(BaseModel):
    """One stored file of a fit: what its bytes must hash to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: str
    size: int = Field(description="Bytes.")


class FitRequest(Record):
    """An accepted request, completely resolved: a worker needs this and the arrays, nothing else.

    `dims` are the sizes of the symbolic dimensions of the data, `options` every inference option (the engine chooses
    what is None), `resolved_options` the same with what it chooses, for people to read (empty in fits of earlier
    forms), `timeout_s` seconds, `retried_from` the fit that this one does again, `owner` whose it is: the owner of the
    API key that asked for it, None when none was needed. `engine_revision` is that of the engine whose draws are wanted
    (`tacit.engine`); None, which is older than any, in requests from before it was recorded. `origins` is what was
    subtracted from the data as they were sent, by field. Since form 3 there are `resolved_options`, a revision and
    origins, and the data may say which of their numbers are missing.
    """

    form: int = 3

    id: str
    model: str
    version: str
    code_hash: str
    fingerprint: str
    options: dict[str, Any]
    resolved_options: dict[str, Any] = Field(default_factory=dict)
    seed: int
    draws: int
    timeout_s: int
    priority: Priority = Priority.NORMAL
    device: str
    tags: tuple[str, ...] = ()
    dims: dict[str, int]
    data: Artefact
    created_at: datetime
    retried_from: str | None = None
    owner: str | None = None
    engine_revision: int | None = None
    origins: dict[str, float] = Field(default_factory=dict)


class Attempt(Record):
    """A worker began the fit for the `number`-th time (the first is 1)."""

    number: int
    worker: str
    device: str
    started_at: datetime


class AttemptEnd(Record):
    """An attempt ended without deciding the fit; why, as a code and a sentence.

    `counts` is False for an attempt that was interrupted in good order, as by the stop of a worker.
    """

    number: int
    code: str
    message: str
    counts: bool
    ended_at: datetime


class Cancel(Record):
    """Someone wants no result: whoever works on the fit stops."""

    requested_at: datetime


# The code of a failure that has draws: the fit was computed to its end and has not arrived at a posterior.
NOT_CONVERGED = "not_converged"


class FitFailure(BaseModel):
    """Why a fit failed: a stable code, and a sentence for the user."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str
    message: str


class ProgressRecord(BaseModel):
    """How far a fit is; losses are minimised, times are in seconds, what is not finite is None.

    `steps_per_s` and `eta_s` are those of recent steps, and None until steps have been made without compiling.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    step: int
    total: int
    loss_gen: float | None = None
    loss_disc: float | None = None
    steps_per_s: float | None = None
    eta_s: float | None = None


class Outcome(Record):
    """How a fit ended. Written last and once: what it names is complete. Its form stands for that of its artefacts too.

    `first_step` is the step of the checkpoint that the deciding attempt went on from; 0 when it began anew.
    """

    status: Status
    finished_at: datetime
    attempt: int | None = None
    first_step: int = 0
    error: FitFailure | None = None
    warnings: tuple[str, ...] = ()
    progress: ProgressRecord | None = None
    artefacts: dict[str, Artefact] = Field(default_factory=dict)

    @property
    def not_converged(self) -> str | None:
        """Why the stored draws are no posterior; None where they are one, or where there are none."""
        return self.error.message if self.error is not None and self.error.code == NOT_CONVERGED else None


class Fit(NamedTuple):
    """All records of one fit, as they stood at one moment."""

    request: FitRequest
    attempts: tuple[Attempt, ...] = ()
    ends: tuple[AttemptEnd, ...] = ()
    cancel: Cancel | None = None
    outcome: Outcome | None = None

    @property
    def status(self) -> Status:
        if self.outcome is not None:
            return self.outcome.status
        if self.cancel is not None:
            return Status.CANCELLING
        return Status.RUNNING if self.attempts else Status.QUEUED

    @property
    def has_results(self) -> bool:
        """Whether it was computed to its end. What it found is a posterior unless it is `not_converged`."""
        return self.status is Status.SUCCEEDED or self.not_converged is not None

    @property
    def not_converged(self) -> str | None:
        """As that of its outcome."""
        return self.outcome.not_converged if self.outcome is not None else None

    @property
    def current_attempt(self) -> Attempt | None:
        """The attempt that a worker began and that, as far as is written, has not ended."""
        ended = {end.number for end in self.ends}
        latest = self.attempts[-1] if self.attempts and self.outcome is None else None
        return latest if latest is not None and latest.number not in ended else None

    def spent_attempts(self, furthest: int = 0) -> int:
        """Attempts in a row that came to nothing: those a bound has to count.

        Not among them are attempts that were interrupted in good order, and all up to `furthest`, the latest that got
        further than those before it.
        """
        begun = sum(attempt.number > furthest for attempt in self.attempts)
        return begun - sum(not end.counts for end in self.ends if end.number > furthest)
