"""What the service answers, typed. Fields that a newer service adds are kept as they come."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer

from tacit.client.packages import needed

Status = Literal["queued", "running", "cancelling", "succeeded", "failed", "cancelled"]
Priority = Literal["high", "normal", "low"]

# Numbers shaped like a variable; in JSON, what is not finite is null.
Numbers = Annotated[
    NDArray[np.float64],
    BeforeValidator(lambda value: np.array(value, dtype=np.float64)),
    PlainSerializer(lambda value: np.where(np.isfinite(value), value.astype(object), None).tolist()),
]


class Answer(BaseModel):
    """Something the service said."""

    model_config = ConfigDict(frozen=True, extra="allow", arbitrary_types_allowed=True)


class Progress(Answer):
    """How far a fit is; losses are minimised, times are in seconds. Speed and time left are None until known."""

    step: int
    total: int
    loss_gen: float | None = None
    loss_disc: float | None = None
    steps_per_s: float | None = None
    eta_s: float | None = None


class Failure(Answer):
    """Why a fit failed: a stable code, and a sentence."""

    code: str
    message: str


class FitState(Answer):
    """A fit as it stood at one moment. What each field means: `GET /v1/fits/{id}` in the API's own documentation."""

    id: str
    status: Status
    model: str
    version: str
    fingerprint: str
    progress: Progress | None
    queue_position: int | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    attempt: int
    device: str
    seed: int
    draws: int
    timeout_s: int
    priority: Priority
    inference: dict[str, Any]
    resolved_inference: dict[str, Any] | None = None
    warnings: list[str]
    error: Failure | None
    tags: list[str]
    retried_from: str | None

    @property
    def ended(self) -> bool:
        """Whether it has succeeded, failed or been cancelled."""
        return self.status in ("succeeded", "failed", "cancelled")

    @property
    def not_converged(self) -> bool:
        """Whether it failed because it has not converged: its draws are kept, but are no posterior."""
        return self.error is not None and self.error.code == "not_converged"


class Page(Answer):
    """Some of the fits; `next_cursor` gives the next ones, None when there are none."""

    items: list[FitState]
    next_cursor: str | None


class Event(Answer):
    """Something that happened to a fit: docs/fits.md lists the types and their data."""

    id: int
    type: str
    at: datetime
    data: dict[str, Any]


class VariableSummary(Answer):
    """Moments and quantiles, each shaped like the variable."""

    mean: Numbers
    sd: Numbers
    q05: Numbers
    q50: Numbers
    q95: Numbers


class SummaryRow(Answer):
    """The summary of one number, such as `theta[3]`."""

    name: str
    mean: float
    sd: float
    q05: float
    q50: float
    q95: float


class Summary(Answer):
    """Summary of the stored draws; printing it shows a table, and what the draws are worth.

    Attributes:
        ess: How many draws of the target the stored ones are worth.
        k_hat: Pareto shape of the importance weights; above 0.7 the fit misses something.
        failed_draws: Of how many draws each variable has a NaN; its statistics are those of the others.
        converged: False for the draws of a fit that has not converged: they are no posterior.
        vars: By name of the variable.
    """

    fit: str
    num_draws: int
    ess: float | None
    k_hat: float | None
    failed_draws: dict[str, int] = {}
    converged: bool = True
    vars: dict[str, VariableSummary]

    def rows(self) -> Iterator[SummaryRow]:
        """One row for every number, named as in NumPy: `theta[3]`, `w[0, 2]`."""
        for name, found in self.vars.items():
            for index in np.ndindex(found.mean.shape):
                parts = {part: float(getattr(found, part)[index]) for part in VariableSummary.model_fields}
                yield SummaryRow(name=element(name, index), **parts)

    @property
    def worth(self) -> str:
        """How many draws there are and how far to trust them, on a line; what is not known is left out."""
        ess = None if self.ess is None else f"ess {self.ess:.0f}"
        k_hat = None if self.k_hat is None else f"k_hat {self.k_hat:.2f}"
        warning = None if self.converged else "NOT CONVERGED: no posterior"
        return ", ".join(part for part in (f"{self.num_draws} draws", ess, k_hat, warning) if part is not None)

    def to_pandas(self) -> Any:
        """A `pandas.DataFrame` with one row for every number."""
        rows = [row.model_dump() for row in self.rows()]
        return needed("pandas").DataFrame(rows).set_index("name")

    def __str__(self) -> str:
        columns = [name for name in SummaryRow.model_fields if name != "name"]
        rows = list(self.rows())
        width = max([len(row.name) for row in rows], default=0)
        lines = [" " * width + "".join(f"{column:>11}" for column in columns)]
        lines += [row.name.ljust(width) + "".join(f"{getattr(row, each):>11.4g}" for each in columns) for row in rows]
        return "\n".join([*lines, "", self.worth, *failures(self.failed_draws)])


class Diagnostics(Answer):
    """Figures to judge a fit by, and in words what speaks against it.

    Attributes:
        not_converged: Why the draws are no posterior, and what to do about it; None where they are one.
    """

    fit: str
    figures: dict[str, Any]
    warnings: list[str]
    not_converged: str | None = None


class PosteriorAnswer(Answer):
    """The posterior of other data than the fit's, and whether to trust it.

    Attributes:
        k_hat: Pareto shape of the weights of the network's draws; above 0.7 these are not corrected.
        effective_draws: How many equally weighted draws these weights are worth.
        surprise: Share of data sets simulated at the prior that are at least as far out.
        warnings: What speaks against these draws.
        converged: False for the draws of a fit that has not converged: they are no posterior.
        vars: Draws by variable, along the first axis.
    """

    fit: str
    num_draws: int
    seed: int
    k_hat: float | None
    effective_draws: float | None
    surprise: float
    warnings: list[str]
    converged: bool = True
    vars: dict[str, Numbers]


class Losses(Answer):
    """How a fit went, one entry per report of its progress. Losses are minimised; what was not finite is NaN."""

    fit: str
    step: list[int]
    loss_gen: Numbers
    loss_disc: Numbers
    correct: Numbers


class ModelSummary(Answer):
    """A model in the list."""

    name: str
    version: str
    title: str
    description: str
    inputs: list[str]
    observed: list[str]
    latents: list[str]


class ModelField(Answer):
    """An array that a user sends; `shape` has dimension symbols and numbers."""

    name: str
    shape: list[str | int]
    dtype: Literal["float", "int"]
    support: str
    description: str = ""
    unit: str = ""
    levels: int | list[str] | None = None
    minimum: float | None = None
    maximum: float | None = None
    origin: float = 0.0
    missing: bool = False

    @property
    def level_names(self) -> tuple[str, ...]:
        """The names that may be sent in place of numbers."""
        return tuple(self.levels) if isinstance(self.levels, list) else ()

    @property
    def numbers(self) -> str:
        """Which numbers are wanted, in a few words."""
        if self.levels is not None:
            return f"{self.minimum:g} to {self.maximum:g}" + (
                f": {', '.join(self.level_names)}" if self.level_names else ""
            )
        low = [f"from {self.minimum:g}"] if self.minimum is not None else []
        high = [f"to {self.maximum:g}"] if self.maximum is not None else []
        return ", ".join([self.dtype, self.support, *low, *high])


class ModelVariable(Answer):
    """A random variable that is inferred or computed: one of each data point (local), or one for all (global)."""

    name: str
    shape: list[str | int]
    support: str
    scope: Literal["local", "global"]


class Example(Answer):
    """A request for a fit that runs as it is."""

    model: str
    data: dict[str, Any]


class ModelDetail(Answer):
    """All about a model; `example_inputs` are the covariates and sizes of its example, for a prediction."""

    name: str
    version: str
    title: str
    description: str
    references: list[str]
    dims: list[str]
    inputs: list[ModelField]
    observed: list[ModelField]
    latents: list[ModelVariable]
    deterministics: list[ModelVariable]
    data_schema: dict[str, Any]
    options_schema: dict[str, Any]
    defaults: dict[str, Any]
    example: Example
    example_inputs: dict[str, Any]

    @property
    def fields(self) -> dict[str, ModelField]:
        """What a user sends, by name."""
        return {each.name: each for each in (*self.inputs, *self.observed)}


class ModelList(Answer):
    """The models that can be fitted."""

    items: list[ModelSummary]


class ResolvedVariable(Answer):
    """A random variable at the sizes of given data."""

    shape: list[int]
    dtype: str
    role: Literal["observed", "latent", "deterministic"]


class ResolvedData(Answer):
    """What a fit of given data would be of."""

    model: str
    version: str
    dims: dict[str, int]
    data: dict[str, list[int]]
    variables: dict[str, ResolvedVariable]
    inference: dict[str, Any]
    resolved_inference: dict[str, Any] | None = None


def failures(failed_draws: Mapping[str, int]) -> list[str]:
    """What to say of draws with NaN, by variable."""
    return [
        f"{count} draw{' has' if count == 1 else 's have'} a NaN in {name}, as where a simulation fails; "
        "the statistics of each number are those of its other draws."
        for name, count in failed_draws.items()
        if count
    ]


def element(name: str, index: tuple[int, ...]) -> str:
    """The name of one number of a variable."""
    return f"{name}[{', '.join(map(str, index))}]" if index else name
