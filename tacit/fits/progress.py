"""Progress of a running fit, on its way from the worker to the API."""

import math
from collections.abc import Mapping
from typing import Protocol

import redis

from tacit.fits import keys
from tacit.fits.records import ProgressRecord


class StepProgress(Protocol):
    """What the inference driver reports between two chunks of steps."""

    @property
    def step(self) -> int: ...
    @property
    def total(self) -> int: ...
    @property
    def loss_gen(self) -> float: ...
    @property
    def loss_disc(self) -> float: ...
    @property
    def steps_per_s(self) -> float | None: ...
    @property
    def eta_s(self) -> float | None: ...


def record(progress: StepProgress) -> ProgressRecord:
    """The driver's report as a record, with what is not finite, or not known, left out."""
    return ProgressRecord(
        step=int(progress.step),
        total=int(progress.total),
        loss_gen=_finite(progress.loss_gen),
        loss_disc=_finite(progress.loss_disc),
        steps_per_s=_finite(progress.steps_per_s),
        eta_s=_finite(progress.eta_s),
    )


def publish(connection: redis.Redis, fit_id: str, progress: ProgressRecord) -> None:
    """Show the progress of a fit for the next hour."""
    with connection.pipeline() as pipeline:
        pipeline.delete(keys.progress(fit_id))
        for field, value in progress.model_dump(exclude_none=True).items():
            pipeline.hset(keys.progress(fit_id), field, value)
        pipeline.expire(keys.progress(fit_id), keys.PROGRESS_TTL_S)
        pipeline.execute()


def decode(values: Mapping[bytes | str, bytes | str]) -> ProgressRecord | None:
    """What `publish` wrote, as `HGETALL` returns it; None when there is nothing."""
    if not values:
        return None
    return ProgressRecord.model_validate_strings({_text(key): _text(value) for key, value in values.items()})


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _finite(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None
