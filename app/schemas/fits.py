"""Asking for a fit, and how it is told of."""

import re
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field

from app.schemas.kinds import Answer, Body, Headers, Query, Seed
from tacit.fits import FitFailure, Priority, ProgressRecord, Status

LONGEST_WAIT_S = 60

Tag = Annotated[str, Field(min_length=1, max_length=64)]


class Webhook(Body):
    """Who is told when the fit has ended, by a signed POST."""

    url: str = Field(max_length=2000, description="Address, http or https, in ASCII.")
    secret: str = Field(min_length=16, max_length=256, description="Key of the signature. It is never shown.")


class FitCreate(Body):
    """A fit to be made."""

    model: str = Field(max_length=200, description="Name of a model, or name@version.")
    data: dict[str, Any] = Field(
        description="The model's data by name: numbers, nested lists, or {dtype, shape, data_b64}."
    )
    inference: dict[str, Any] = Field(
        default_factory=dict, description="Inference options that differ from the model's defaults."
    )
    start_from: str | None = Field(
        default=None,
        max_length=100,
        description="Id of an amortized fit of the same model and covariates: begin at its answer for these data.",
    )
    seed: Seed | None = Field(default=None, description="Seed of the fit; drawn at random when not given.")
    draws: int | None = Field(default=None, ge=1, description="Posterior draws to store.")
    timeout_s: int | None = Field(default=None, ge=1, description="Longest the fit may run, in seconds.")
    priority: Literal["high", "normal", "low"] = Field(
        default="normal",
        description="Which of the fits that wait goes first; within a priority, the one that came first.",
    )
    tags: list[Tag] = Field(default_factory=list, max_length=16)
    webhook: Webhook | None = None


class RepeatableHeaders(Headers):
    """What makes it safe to send a request again whose answer was lost."""

    idempotency_key: str | None = Field(
        default=None,
        min_length=1,
        max_length=255,
        pattern="^[!-~]+$",
        description="The same request under the same key counts once; the answer is that to the first. Kept for a day.",
    )


class SubmitHeaders(RepeatableHeaders):
    """How a request for a fit is to be taken."""

    cache_control: str | None = Field(default=None, description="`no-cache` makes a new fit even if there is a twin.")
    prefer: str | None = Field(
        default=None, description="`wait=30` holds the answer until the fit has ended, for 30 seconds (60 at most)."
    )

    @property
    def fresh(self) -> bool:
        """Whether no twin is wanted."""
        return "no-cache" in [part.strip().lower() for part in (self.cache_control or "").split(",")]

    @property
    def wait_s(self) -> int:
        """Seconds to wait for the end of the fit; preferences that cannot be understood are ignored (RFC 7240)."""
        wishes = [part.strip().lower() for part in re.split("[,;]", self.prefer or "")]
        seconds = [wish.removeprefix("wait=") for wish in wishes if re.fullmatch("wait=[0-9]{1,6}", wish)]
        return min(int(seconds[0]), LONGEST_WAIT_S) if seconds else 0


class Links(Answer):
    """Paths of what belongs to a fit."""

    self: str
    model: str
    summary: str
    diagnostics: str
    losses: str
    events: str
    posterior: str
    posterior_predictive: str


class FitBody(Answer):
    """A fit: the job and its result."""

    id: str
    status: Status
    model: str
    version: str
    fingerprint: str = Field(description="Equal for fits that compute the same.")
    progress: ProgressRecord | None
    queue_position: int | None = Field(description="Fits before this one, while it waits in the queue.")
    created_at: datetime
    started_at: datetime | None = Field(description="When the latest attempt began.")
    finished_at: datetime | None
    attempt: int = Field(description="Number of the latest attempt; 0 before the first.")
    device: str = Field(description="What computes it; the device class before the first attempt.")
    seed: int
    draws: int
    timeout_s: int
    priority: Priority
    inference: dict[str, Any] = Field(
        description="Every inference option: the request's, else the model's, else the service's; null is left open."
    )
    resolved_inference: dict[str, Any] | None = Field(
        default=None,
        description="The same with what the fit takes for the open ones; null there for what plays no part in it. Null "
        "for fits of earlier versions.",
    )
    warnings: list[str]
    error: FitFailure | None
    tags: list[str]
    retried_from: str | None = Field(description="Id of the fit that this one does again.")
    links: Links


class FitQuery(Query):
    """How to look at a fit."""

    wait: float = Field(
        default=0, ge=0, le=LONGEST_WAIT_S, description="Seconds to hold the answer for, unless the fit ends before."
    )


class ListQuery(Query):
    """Which fits. What is not given does not matter."""

    model: str | None = Field(default=None, max_length=200, description="Name of a model, or name@version.")
    status: Status | None = None
    tag: Tag | None = None
    created_after: AwareDatetime | None = Field(default=None, description="A moment, with its time zone.")
    limit: int = Field(default=20, ge=1, le=100, description="Most fits on this page.")
    cursor: str | None = Field(
        default=None, pattern="^fit_[0-9a-z]{36}$", description="The `next_cursor` of the page before."
    )


class FitList(Answer):
    """A page of fits, those accepted latest first."""

    items: list[FitBody]
    next_cursor: str | None = Field(
        description="Gives the next page, also when this one is not full; null when there is none."
    )


class StoredArray(Answer):
    """An array in C order, little-endian; a fit takes its data in this form, too."""

    dtype: Literal["float32", "int32", "float64", "int64"] = Field(
        description="In 64 bits where the field has an origin, which is added again."
    )
    shape: list[int]
    data_b64: str = Field(description="The bytes, in base64.")


NestedList = list[Any] | float | None


class FitData(Answer):
    """What a fit was asked to be fitted to."""

    fit: str
    data: dict[str, StoredArray | NestedList] = Field(
        description="By field; one with missing values as a nested list, with null for these."
    )
