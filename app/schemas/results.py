"""Asking for draws of a fit, and what it has found."""

from typing import Annotated, Any

from pydantic import Field

from app.schemas.kinds import FAILED_DRAWS, Answer, Body, Query, Seed

Draw = Annotated[int | None, Field(ge=1, le=100_000_000)]

_ROUND = (
    "Number of draws; as many as are stored when not given. Where there are more than are stored, they begin again "
    "with the first stored one, with new noise."
)


_ALL_THE_SAME = "Whether draws are wanted also of a fit that has not converged, whose draws are no posterior."
_UNCONVERGED = "False where the draws are those of a fit that has not converged: no posterior. Else it is left out."

Unconverged = Annotated[bool, Field(description=_ALL_THE_SAME)]
Converged = Annotated[bool | None, Field(description=_UNCONVERGED)]


class SummaryQuery(Query):
    """Of which draws."""

    unconverged: Unconverged = False


class PosteriorQuery(Query):
    """Which stored draws."""

    vars: list[str] | None = Field(default=None, description="Names of variables, repeated or with commas.")
    draws: int | None = Field(default=None, ge=1, description="Number of draws; all when not given.")
    offset: int = Field(default=0, ge=0, description="Stored draws to leave out at the beginning.")
    unconverged: Unconverged = False


class PosteriorCreate(Body):
    """Other data, whose posterior an amortized fit knows at once."""

    data: dict[str, Any] = Field(
        description="The observed variables by name, in the shapes of the fit; covariates stay as they were in the fit."
    )
    vars: list[Annotated[str, Field(max_length=200)]] = Field(
        default_factory=list, max_length=1000, description="The variables to return; all when not given."
    )
    draws: int | None = Field(default=None, ge=1, description="Number of draws; as many as the fit has when not given.")
    seed: Seed = Field(default=0, description="Seed of the draws; the same seed gives the same draws.")
    unconverged: Unconverged = False


class PredictiveQuery(Query):
    """Which predictive draws."""

    vars: list[str] | None = Field(default=None, description="Names of variables, repeated or with commas.")
    draws: Draw = Field(default=None, description=_ROUND)
    seed: Seed = Field(default=0, description="Seed of the predictive noise.")
    unconverged: Unconverged = False


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
    unconverged: Unconverged = False


class Draws(Answer):
    """Draws of variables: nested lists whose first axis is the draws. What is not finite is null."""

    fit: str
    num_draws: int
    seed: int = Field(description="Seed of the fit (posterior), or of the predictive noise.")
    converged: Converged = None
    vars: dict[str, list[Any]]


class PosteriorAnswer(Draws):
    """Draws of the posterior of other data, and whether to trust them."""

    k_hat: float | None = Field(description="Pareto k-hat of the weights of the network's draws.")
    effective_draws: float | None = Field(description="How many equally weighted draws these weights are worth.")
    surprise: float = Field(description="Share of data sets simulated at the prior that are at least as far out.")
    warnings: list[str] = Field(description="What speaks against these draws; empty when nothing does.")


class PosteriorPredictiveDraws(Draws):
    """Predictive draws, or their quantiles along the first axis."""

    quantiles: list[float] | None = None
    failed_draws: dict[str, int] | None = Field(default=None, description=FAILED_DRAWS)
    log_likelihood: dict[str, list[Any]] | None = Field(
        default=None, description="By observed variable, of shape (draws, points)."
    )


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
        description="How many independent draws of the target the stored ones are worth: at most num_draws. Null where "
        "that is not known."
    )
    k_hat: float | None = Field(description="Pareto k-hat of these weights; above 0.7 the fit misses something.")
    failed_draws: dict[str, int] = Field(description=FAILED_DRAWS)
    converged: Converged = None
    vars: dict[str, VariableSummary]


class Diagnostics(Answer):
    """Figures to judge a fit by, and what they say."""

    fit: str
    figures: dict[str, Any] = Field(description="By name: Pareto k-hat and others; what is not finite is null.")
    warnings: list[str] = Field(description="What speaks against the fit; empty when nothing does.")
    not_converged: str | None = Field(
        default=None, description="Why the draws are no posterior, and what to do. Left out where they are one."
    )


class Losses(Answer):
    """How a fit went: one entry per report of its progress. Losses are minimised; what is not finite is null."""

    fit: str
    step: list[int]
    loss_gen: list[float | None] = Field(description="Variational loss, averaged over the steps since the last entry.")
    loss_disc: list[float | None] = Field(description="Loss of the ratio estimator, averaged alike.")
    correct: list[float | None] = Field(description="Share of draws that the ratio estimator told apart.")
