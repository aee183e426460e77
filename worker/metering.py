"""What an attempt at a fit takes, phase by phase, and what it has to compile."""

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jax.monitoring

from tacit.compilation import COMPILED

_COMPILING = (
    "/jax/core/compile/jaxpr_trace_duration",
    "/jax/core/compile/jaxpr_to_mlir_module_duration",
    COMPILED,
)
_CACHE_HIT = "/jax/compilation_cache/cache_hits"

COMPILE = "compile"


class Meter:
    """Measures one attempt. JAX tells of compilations; they count as a phase of their own, wherever they fall."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._programs = 0
        self.cache_hits = 0

    @property
    def compiled(self) -> int:
        """Programs that were really compiled: JAX times finding one in its cache as compiling, too."""
        return max(0, self._programs - self.cache_hits)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Listen to JAX."""
        jax.monitoring.register_event_duration_secs_listener(self._on_duration)
        jax.monitoring.register_event_listener(self._on_event)
        try:
            yield
        finally:
            jax.monitoring.unregister_event_duration_listener(self._on_duration)
            jax.monitoring.unregister_event_listener(self._on_event)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Count what happens inside, less compilations, as a phase."""
        began, compiling = time.perf_counter(), self.seconds[COMPILE]
        try:
            yield
        finally:
            elapsed = time.perf_counter() - began - (self.seconds[COMPILE] - compiling)
            self.seconds[name] += max(0.0, elapsed)

    def _on_duration(self, event: str, duration_secs: float, **_: Any) -> None:
        if event in _COMPILING:
            self.seconds[COMPILE] += duration_secs
        self._programs += event == COMPILED

    def _on_event(self, event: str, **_: Any) -> None:
        self.cache_hits += event == _CACHE_HIT
