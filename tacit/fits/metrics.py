"""Figures of the workers, on their way to whoever scrapes an API process: counts in one hash in Redis.

Fields are `name|label` for counts and sums, `name|label|bound` for the observations within a bucket. Wiping Redis sets
them to nought, which Prometheus takes for a restart.
"""

from collections.abc import Mapping
from typing import NamedTuple

import redis

from tacit.fits import keys

# Upper bounds of buckets, in seconds.
BOUNDS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)

WAIT = "wait"
PHASE = "phase"
FITS = "fits"
COMPILED = "compiled"
CACHE_HITS = "cache_hits"


class AttemptFigures(NamedTuple):
    """What one attempt at a fit took.

    Attributes:
        wait_s: From acceptance to the start of the attempt; None for one that is not the first.
        phases: Seconds by phase.
        status: How the fit ended.
        compiled: Programs that were compiled.
        cache_hits: Programs that were found in the cache on disk instead.
    """

    wait_s: float | None
    phases: Mapping[str, float]
    status: str
    compiled: int
    cache_hits: int


class Histogram(NamedTuple):
    """Observations: how many within each bucket (not added up), and their sum."""

    counts: tuple[int, ...]
    total_s: float


class Figures(NamedTuple):
    """All figures, by name and label."""

    counts: Mapping[tuple[str, str], float]
    histograms: Mapping[tuple[str, str], Histogram]


def publish(connection: redis.Redis, figures: AttemptFigures) -> None:
    """Add the figures of an attempt."""
    with connection.pipeline() as pipeline:
        for phase, seconds in figures.phases.items():
            _observe(pipeline, PHASE, phase, seconds)
        if figures.wait_s is not None:
            _observe(pipeline, WAIT, "", figures.wait_s)
        pipeline.hincrby(keys.METRICS, f"{FITS}|{figures.status}", 1)
        pipeline.hincrby(keys.METRICS, f"{COMPILED}|", figures.compiled)
        pipeline.hincrby(keys.METRICS, f"{CACHE_HITS}|", figures.cache_hits)
        pipeline.execute()


def decode(values: Mapping[bytes | str, bytes | str]) -> Figures:
    """What is in the hash."""
    counts: dict[tuple[str, str], float] = {}
    buckets: dict[tuple[str, str], dict[str, int]] = {}
    for field, value in values.items():
        name, label, *bound = (field.decode() if isinstance(field, bytes) else field).split("|")
        if bound:
            buckets.setdefault((name, label), {})[bound[0]] = int(value)
        else:
            counts[name, label] = float(value)
    bounds = [*map(str, BOUNDS), "inf"]
    histograms = {
        which: Histogram(tuple(found.get(bound, 0) for bound in bounds), counts.pop(which))
        for which, found in buckets.items()
    }
    return Figures(counts, histograms)


def _observe(pipeline: "redis.client.Pipeline", name: str, label: str, seconds: float) -> None:
    bound = next((bound for bound in BOUNDS if seconds <= bound), "inf")
    pipeline.hincrby(keys.METRICS, f"{name}|{label}|{bound}", 1)
    pipeline.hincrbyfloat(keys.METRICS, f"{name}|{label}", seconds)
