"""How the service is."""

from pydantic import Field

from app.schemas.kinds import Answer


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
    engine_revision: int = Field(
        description="Of what computes draws: fits of other revisions answer no request for a fit."
    )
    python: str
    jax: str
