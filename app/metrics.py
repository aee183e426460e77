"""What Prometheus scrapes: what this process counts, and what the workers left in Redis."""

from collections.abc import Iterator, Sequence
from itertools import accumulate

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from tacit.fits import metrics
from tacit.fits.metrics import BOUNDS, Figures
from tacit.fits.workers import WorkerInfo

_HTTP_BOUNDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)


class HttpMetrics:
    """Requests that this process answered."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._seconds = Histogram(
            "tacit_http_request_seconds",
            "From the arrival of a request to the end of its answer.",
            ("method", "route", "status"),
            buckets=_HTTP_BOUNDS,
            registry=self.registry,
        )
        self._cache = Counter(
            "tacit_fit_requests", "Accepted requests for a fit, by Fit-Cache.", ("cache",), registry=self.registry
        )

    def observe(self, *, method: str, route: str, status: int, seconds: float, cache: str | None) -> None:
        """Count one request; `route` is a path with its parameters unfilled, so that there are few."""
        self._seconds.labels(method, route, str(status)).observe(seconds)
        if cache is not None:
            self._cache.labels(cache).inc()


class WorkerMetrics(Collector):
    """Figures that come from Redis, as they stand now."""

    def __init__(self, figures: Figures, *, queued: int, living: Sequence[WorkerInfo]) -> None:
        self._figures = figures
        self._queued = queued
        self._living = living

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily("tacit_queue_depth", "Fits that wait in the queue.", value=self._queued)
        yield GaugeMetricFamily("tacit_workers", "Workers that live.", value=len(self._living))
        busy = sum(info.busy for info in self._living)
        yield GaugeMetricFamily("tacit_workers_busy", "Workers that compute a fit.", value=busy)
        yield self._histogram(metrics.WAIT, "tacit_fit_wait_seconds", "From acceptance to the first attempt.", ())
        yield self._histogram(metrics.PHASE, "tacit_fit_phase_seconds", "What an attempt took, by phase.", ("phase",))
        yield self._counter(metrics.FITS, "tacit_fits_ended", "Attempts that ended a fit, by how.", ("status",))
        yield self._counter(metrics.COMPILED, "tacit_compilations", "Programs that workers compiled.", ())
        yield self._counter(metrics.CACHE_HITS, "tacit_compile_cache_hits", "Programs found in the cache instead.", ())

    def _counter(self, name: str, shown: str, help_: str, labels: tuple[str, ...]) -> Metric:
        family = CounterMetricFamily(shown, help_, labels=labels)
        for (found, label), value in self._figures.counts.items():
            if found == name:
                family.add_metric((label,) if labels else (), value)
        return family

    def _histogram(self, name: str, shown: str, help_: str, labels: tuple[str, ...]) -> Metric:
        family = HistogramMetricFamily(shown, help_, labels=labels)
        for (found, label), histogram in self._figures.histograms.items():
            if found == name:
                counts = zip([*map(str, BOUNDS), "+Inf"], accumulate(map(float, histogram.counts)), strict=True)
                family.add_metric((label,) if labels else (), list(counts), histogram.total_s)
        return family


def render(own: HttpMetrics, of_workers: WorkerMetrics) -> bytes:
    """All of it, in Prometheus's text format."""
    registry = CollectorRegistry()
    registry.register(of_workers)
    return generate_latest(own.registry) + generate_latest(registry)
