"""What all schemas share: how strictly each kind is read, and the fields that several have."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

# JAX takes its keys from 32 bits when 64-bit numbers are off; a larger seed would be cut without a word.
MAX_SEED = 2**32 - 1

Seed = Annotated[int, Field(ge=0, le=MAX_SEED)]

FAILED_DRAWS = (
    "By variable, how many draws have a number that is not one (NaN), as where a simulation fails: its statistics are "
    "those of the other draws, and null where there are none."
)


class Body(BaseModel):
    """What a user sends: unknown fields are refused, and types are not guessed."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Query(BaseModel):
    """Parameters of a query, which are text: numbers are parsed, unknown parameters refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Headers(BaseModel):
    """Headers of a request; there may be others."""

    model_config = ConfigDict(frozen=True)


class Answer(BaseModel):
    """What a user gets."""

    model_config = ConfigDict(frozen=True)
