"""Bodies and queries of the API."""

import re
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from tacit.fits import FitFailure, Priority, ProgressRecord, Status
from tacit.fits.events import Event

# JAX takes its keys from 32 bits when 64-bit numbers are off; a larger seed would be cut without a word.
MAX_SEED = 2**32 - 1
LONGEST_WAIT_S = 60
MAX_EVENT = 2**53 - 1

Seed = Annotated[int, Field(ge=0, le=MAX_SEED)]
Draw = Annotated[int | None, Field(ge=1, le=100_000_000)]
Tag = Annotated[str, Field(min_length=1, max_length=64)]


_ROUND = (
    "Number of draws; as many as are stored when not given. Where there are more than are stored, they begin again "
    "with the first stored one, with new noise."
)


class Body(BaseModel):
    """What a user sends: unknown fields are refused, and types are not guessed."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Query(BaseModel):
    """Parameters of a query, which are text: numbers are parsed, unknown parameters refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Answer(BaseModel):
    """What a user gets."""

    model_config = ConfigDict(frozen=True)


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
    seed: Seed | None = Field(default=None, description="Seed of the fit; drawn at random when not given.")
    draws: int | None = Field(default=None, ge=1, description="Posterior draws to store.")
    timeout_s: int | None = Field(default=None, ge=1, description="Longest the fit may run, in seconds.")
    priority: Literal["high", "normal", "low"] = Field(
        default="normal",
        description="Which of the fits that wait goes first; within a priority, the one that came first.",
    )
    tags: list[Tag] = Field(default_factory=list, max_length=16)
    webhook: Webhook | None = None


class Headers(BaseModel):
    """Headers of a request; there may be others."""

    model_config = ConfigDict(frozen=True)


class SubmitHeaders(Headers):
    """How a request for a fit is to be taken."""

    idempotency_key: str | None = Field(
        default=None,
        min_length=1,
        max_length=255,
        pattern="^[!-~]+$",
        description="The same request under the same key counts once; the answer is that to the first. Kept for a day.",
    )
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
    inference: dict[str, Any] = Field(description="Every inference option, as resolved.")
    warnings: list[str]
    error: FitFailure | None
    tags: list[str]
    retried_from: str | None = Field(description="Id of the fit that this one does again.")
    links: Links


class WebhookState(Answer):
    """How far telling someone is."""

    url: str
    state: Literal["pending", "delivered", "failed"]
    tries: int
    error: str | None = Field(description="What went wrong at the last try.")
    at: datetime = Field(description="When that was; or when it was asked for.")


class WebhookList(Answer):
    """Who is told of the end of a fit."""

    items: list[WebhookState]


class FitQuery(Query):
    """How to look at a fit."""

    wait: float = Field(
        default=0, ge=0, le=LONGEST_WAIT_S, description="Seconds to hold the answer for, unless the fit ends before."
    )


class EventQuery(Query):
    """Which events."""

    cursor: int = Field(default=0, ge=0, le=MAX_EVENT, description="The `next_cursor` of the page before.")
    limit: int = Field(default=100, ge=1, le=1000, description="Most events on this page.")


class EventHeaders(Headers):
    """Where a client has been."""

    last_event_id: int | None = Field(
        default=None, ge=0, le=MAX_EVENT, description="Id of the last event that was seen; goes before `cursor`."
    )


class EventPage(Answer):
    """Some events of a fit, oldest first."""

    items: list[Event]
    next_cursor: int | None = Field(
        description="Gives what comes after this page, also what has not happened yet; null when there will be no more."
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


class PosteriorQuery(Query):
    """Which stored draws."""

    vars: list[str] | None = Field(default=None, description="Names of variables, repeated or with commas.")
    draws: int | None = Field(default=None, ge=1, description="Number of draws; all when not given.")
    offset: int = Field(default=0, ge=0, description="Stored draws to leave out at the beginning.")


class PredictiveQuery(Query):
    """Which predictive draws."""

    vars: list[str] | None = Field(default=None, description="Names of variables, repeated or with commas.")
    draws: Draw = Field(default=None, description=_ROUND)
    seed: Seed = Field(default=0, description="Seed of the predictive noise.")


class PredictiveCreate(Body):
    """What to predict."""

    inputs: dict[str, Any] = Field(
        default_factory=dict,
        description="Covariates by name, and sizes of the program by theirs (`N`), as arrays like those of a fit.",
    )
    set: dict[str, Any] = Field(
        default_factory=dict,
        description="Values of random variables, by name: an intervention. Each has the variable's shape.",
    )
    vars: list[Annotated[str, Field(max_length=200)]] = Field(
        default_factory=list, max_length=1000, description="The variables to return; those observed when not given."
    )
    draws: Draw = Field(default=None, description="Number of draws.")
    seed: Seed = Field(default=0, description="Seed of the draws; the same seed gives the same draws.")
    quantiles: list[Annotated[float, Field(ge=0, le=1)]] | None = Field(
        default=None, min_length=1, max_length=100, description="These quantiles over the draws, instead of the draws."
    )


class PosteriorPredictiveCreate(PredictiveCreate):
    """What to predict from a fit.

    With `inputs`, all data points are new: variables of single points are drawn from the program given the global ones.
    Covariates that are not given are the fit's. Without `inputs`, the points are the fit's own, as it found them.
    """

    draws: Draw = Field(default=None, description=_ROUND)
    log_likelihood: bool = Field(
        default=False, description="Also the log density of each of the fit's data points, at each draw."
    )


class DataCheck(Body):
    """Data to be looked at, as for a fit."""

    data: dict[str, Any]
    inference: dict[str, Any] = Field(default_factory=dict)


class Draws(Answer):
    """Draws of variables: nested lists whose first axis is the draws. What is not finite is null."""

    fit: str
    num_draws: int
    seed: int = Field(description="Seed of the fit (posterior), or of the predictive noise.")
    vars: dict[str, list[Any]]


class PosteriorPredictiveDraws(Draws):
    """Predictive draws, or their quantiles along the first axis."""

    quantiles: list[float] | None = None
    log_likelihood: dict[str, list[Any]] | None = Field(
        default=None, description="By observed variable, of shape (draws, points)."
    )


class PriorPredictiveDraws(Answer):
    """Draws of the variables of a model, or their quantiles along the first axis. What is not finite is null."""

    model: str
    version: str
    num_draws: int
    seed: int
    quantiles: list[float] | None = None
    vars: dict[str, list[Any]]


class ResolvedVariable(Answer):
    """A random variable of a model at the sizes of given data."""

    shape: list[int]
    dtype: str
    role: Literal["observed", "latent", "deterministic"]


class ResolvedData(Answer):
    """What a fit of the data would be of."""

    model: str
    version: str
    dims: dict[str, int] = Field(description="The size of each dimension.")
    data: dict[str, list[int]] = Field(description="The shape of each field.")
    variables: dict[str, ResolvedVariable]
    inference: dict[str, Any] = Field(description="Every inference option, as resolved.")


class VariableSummary(Answer):
    """Moments and quantiles, each shaped like the variable; what is not finite is null."""

    mean: Any
    sd: Any
    q05: Any
    q50: Any
    q95: Any


class Summary(Answer):
    """Summary of the stored draws."""

    fit: str
    num_draws: int
    ess: float | None = Field(
        description="Effective number of draws: of the importance weights from the fit to its target."
    )
    k_hat: float | None = Field(description="Pareto k-hat of these weights; above 0.7 the fit misses something.")
    vars: dict[str, VariableSummary]


class Diagnostics(Answer):
    """Figures to judge a fit by, and what they say."""

    fit: str
    figures: dict[str, Any] = Field(description="By name: Pareto k-hat and others; what is not finite is null.")
    warnings: list[str] = Field(description="What speaks against the fit; empty when nothing does.")


class Losses(Answer):
    """How a fit went: one entry per report of its progress. Losses are minimised; what is not finite is null."""

    fit: str
    step: list[int]
    loss_gen: list[float | None] = Field(description="Variational loss, averaged over the steps since the last entry.")
    loss_disc: list[float | None] = Field(description="Loss of the ratio estimator, averaged alike.")
    correct: list[float | None] = Field(description="Share of draws that the ratio estimator told apart.")


class ModelSummary(Answer):
    """A model in the list."""

    model_config = ConfigDict(extra="allow")

    name: str
    version: str
    title: str
    description: str


class ModelList(Answer):
    """The models that can be fitted."""

    items: list[ModelSummary]


class ModelDetail(ModelSummary):
    """All about a model: its data, its variables, its options, and a body for POST /v1/fits that runs."""

    data_schema: dict[str, Any]
    options_schema: dict[str, Any]
    defaults: dict[str, Any]
    example: dict[str, Any]


class Alive(Answer):
    status: str


class WorkerState(Answer):
    """A live worker."""

    name: str
    device: str
    queue: str
    busy: bool = Field(description="Whether it computes a fit; whose and which is not told.")


class BrokenModel(Answer):
    """A model file that is not served, and why."""

    path: str
    detail: str


class Ready(Answer):
    """The service can take fits."""

    status: str
    workers: list[WorkerState]
    models: list[str]
    broken_models: list[BrokenModel]


class Version(Answer):
    version: str
    api: str
    python: str
    jax: str
