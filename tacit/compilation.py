"""How this process uses JAX: on which platform, with which cache of compiled programs."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax

# A GPU would round the factors of a product to 10 bits, which sent a fit astray (docs/experiments.md). A precision that
# the user asks JAX for is kept.
if jax.config.jax_default_matmul_precision is None:
    jax.config.update("jax_default_matmul_precision", "highest")


# What JAX calls the event of a program being compiled.
COMPILED = "/jax/core/compile/backend_compile_duration"


def configure(*, device: str, cache: Path) -> str:
    """Choose the platform, keep compiled programs in `cache`, and initialise the backend.

    Args:
        device: "cpu", or "gpu" for any accelerator that JAX finds.
        cache: Folder of compiled programs, shared between processes and kept between runs.

    Returns:
        The device in words.

    Raises:
        RuntimeError: JAX finds no accelerator and one was asked for.
    """
    if device == "cpu":
        jax.config.update("jax_platforms", "cpu")
    else:
        # Else the first process takes three quarters of the memory of a GPU, and no other worker can use it.
        os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    keep_programs(cache)
    first = jax.devices()[0]
    if device != "cpu" and first.platform == "cpu":
        raise RuntimeError("JAX finds no GPU here: install the gpu extra, or set TACIT_DEVICE=cpu.")
    return first.platform if first.platform == "cpu" else f"{first.platform}: {first.device_kind}"


def once(function: Callable[..., Any], **how: Any) -> Any:
    """`jax.jit` for what runs once in a fit, which waits for its compilation longer than for its result.

    A processor's programs are optimised less: they compile in a third of the time, and take twice as long. A GPU's are
    as JAX compiles them.
    """
    options = {"xla_backend_optimization_level": 1, "xla_cpu_use_fusion_emitters": False}
    return jax.jit(function, compiler_options=options if jax.default_backend() == "cpu" else None, **how)


class Compilations:
    """How many programs have been compiled; those found in the cache on disk count, too."""

    def __init__(self) -> None:
        self.count = 0

    def listen(self, event: str, _: float, **__: Any) -> None:
        """Called by JAX."""
        self.count += event == COMPILED


@contextmanager
def counted() -> Iterator[Compilations]:
    """Counts what this process compiles meanwhile."""
    found = Compilations()
    jax.monitoring.register_event_duration_secs_listener(found.listen)
    try:
        yield found
    finally:
        jax.monitoring.unregister_event_duration_listener(found.listen)


def keep_programs(cache: Path) -> None:
    """Have this process keep the programs that it compiles in the folder `cache`, and look for them there."""
    jax.config.update("jax_compilation_cache_dir", str(cache.absolute()))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
