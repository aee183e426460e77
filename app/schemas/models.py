"""What there is to fit, and what it makes of data."""

from typing import Any, Literal

from pydantic import ConfigDict, Field

from app.schemas.kinds import FAILED_DRAWS, Answer, Body


class DataCheck(Body):
    """Data to be looked at, as for a fit."""

    data: dict[str, Any]
    inference: dict[str, Any] = Field(default_factory=dict)


class PriorPredictiveDraws(Answer):
    """Draws of the variables of a model, or their quantiles along the first axis. What is not finite is null."""

    model: str
    version: str
    num_draws: int
    seed: int
    quantiles: list[float] | None = None
    failed_draws: dict[str, int] | None = Field(default=None, description=FAILED_DRAWS)
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
    example_inputs: dict[str, Any] = Field(
        description="Inputs of a prediction at the example: covariates, and sizes that the program takes."
    )
