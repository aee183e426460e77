"""Simulators that are not written in JAX: a Python function over NumPy arrays, called in a pool of processes.

    def simulate(rng, rates):                    # rng: a numpy.random.Generator, the one source of randomness
        ...
        return counts                            # (10,)

    sampler = external(simulate, shape=(10,), time_limit_s=5.0)

    def program():
        rates = LogNormal(np.zeros(2), 0.5, name="rates")
        Implicit(sampler, rates, name="counts")

The sampler can be jitted and vmapped like any other, and a draw depends on its key and arguments alone; draws that are
asked for together are simulated side by side, and none that nobody wants. To derivatives a draw is a constant.

A simulation fails when the function raises, runs out of time or brings its process down: the draw is then NaN, which
inference counts, and the reason is kept in `failures`. So is a result of another shape.
"""

import contextlib
import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future
from contextvars import ContextVar
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from tacit.errors import ProgramError, SimulationError
from tacit.ppl.interception import intercepted
from tacit.simulation_pool import pack, shared_pool

# Simulations begun ahead of so many are kept until they are asked for.
MOST_WAITING = 1024

_log = logging.getLogger(__name__)
_ahead: ContextVar[bool] = ContextVar("tacit_simulate_ahead", default=False)
_called: ContextVar[list["External"] | None] = ContextVar("tacit_external_calls", default=None)


class External:
    """A sampler for `Implicit`; made by `external`.

    Attributes:
      failures: how often simulations failed since the sampler was made, by reason.
    """

    def __init__(self, function: Callable[..., Any], shape: tuple[int, ...], time_limit_s: float) -> None:
        self.failures: Counter[str] = Counter()
        self._function = function
        self._shape = shape
        self._time_limit_s = time_limit_s
        self._packed: bytes | None = None
        self._started: dict[bytes, Future[np.ndarray]] = {}
        self._lock = threading.Lock()

    def __call__(self, key: jax.Array, *args: Any) -> jax.Array:
        """A draw, (*shape,) float32; inside `ahead`, zeros: the draw is only begun."""
        called = _called.get()
        if called is not None and self not in called:
            called.append(self)
        leaves, structure = jax.tree.flatten(args)
        # Only what does not enter a gradient may be traced within one.
        leaves = [jax.lax.stop_gradient(jnp.asarray(leaf)) for leaf in leaves]
        inner = [1, *(leaf.ndim for leaf in leaves)]
        host = self._begin_all if _ahead.get() else self._finish_all

        def call(*batched: Any) -> np.ndarray:
            arrays = [np.asarray(each) for each in batched]
            outer = [each.shape[: each.ndim - ndim] for each, ndim in zip(arrays, inner, strict=True)]
            lead = np.broadcast_shapes(*outer)
            flat = [
                np.broadcast_to(each, (*lead, *each.shape[each.ndim - ndim :])).reshape(
                    -1, *each.shape[each.ndim - ndim :]
                )
                for each, ndim in zip(arrays, inner, strict=True)
            ]
            runs = [(row[0], jax.tree.unflatten(structure, row[1:])) for row in zip(*flat, strict=True)]
            return host(runs).reshape(*lead, *self._shape)

        result = jax.ShapeDtypeStruct(self._shape, jnp.float32)
        return jax.pure_callback(call, result, jax.random.key_data(key), *leaves, vmap_method="expand_dims")

    def _begin_all(self, runs: list[tuple[np.ndarray, Any]]) -> np.ndarray:
        """Begins runs that will be asked for later; of those that nobody has asked for, the oldest are given up."""
        with self._lock:
            self._started |= {_name(run): self._submit(run) for run in runs}
            while len(self._started) > MOST_WAITING:
                self._started.pop(next(iter(self._started))).cancel()
        return np.zeros((len(runs), *self._shape), np.float32)

    def _finish_all(self, runs: list[tuple[np.ndarray, Any]]) -> np.ndarray:
        with self._lock:
            futures = [self._started.pop(_name(run), None) or self._submit(run) for run in runs]
        return np.stack([self._result(future) for future in futures])

    def _submit(self, run: tuple[np.ndarray, Any]) -> "Future[np.ndarray]":
        key, arguments = run
        if self._packed is None:
            self._packed = pack(self._function)
        entropy = tuple(int(word) for word in key.reshape(-1))
        return shared_pool().submit(self._packed, entropy=entropy, arguments=arguments, time_limit_s=self._time_limit_s)

    def _result(self, future: "Future[np.ndarray]") -> np.ndarray:
        try:
            value = future.result()
        except (SimulationError, CancelledError) as error:
            return self._failed(str(error) or "it was given up")
        if value.shape != self._shape:
            return self._failed(f"it returned shape {value.shape}, and external was told {self._shape}")
        return value.astype(np.float32)

    def _failed(self, reason: str) -> np.ndarray:
        self.failures[reason] += 1
        if self.failures[reason] == 1:
            _log.warning("a simulation by %s failed: %s", self._function.__qualname__, reason)
        return np.full(self._shape, np.nan, np.float32)


def external(function: Callable[..., Any], *, shape: tuple[int, ...], time_limit_s: float = 10.0) -> External:
    """A sampler for `Implicit` of a simulator that is not written in JAX.

    Args:
      function: called as `function(rng, *args)` with a `numpy.random.Generator` and NumPy arrays, in another process;
        returns an array of numbers. It and what it uses must be picklable by cloudpickle.
      shape: of what it returns.
      time_limit_s: how long one simulation may take before it is ended and counts as failed, in seconds.

    Raises:
      ProgramError: it is made while a program runs: each run would have a sampler of its own; or `shape` or
        `time_limit_s` makes no sense.
    """
    if intercepted():
        raise ProgramError(f"make external({function.__qualname__}, ...) once, outside the program, and use it inside")
    if not isinstance(shape, Sequence) or not all(isinstance(size, int) and size >= 0 for size in shape):
        raise ProgramError(f"external: shape is a tuple of sizes, as in (10,), or () for a number; got {shape!r}")
    if not time_limit_s > 0:
        raise ProgramError(f"external: time_limit_s is a number of seconds above 0; got {time_limit_s!r}")
    return External(function, tuple(shape), time_limit_s)


@contextlib.contextmanager
def ahead() -> Iterator[None]:
    """In a program traced inside, external simulations are begun and not waited for: draws are zeros.

    The same draws, asked for later with the same keys and arguments, are those begun here; one that takes what
    another external simulator returns is begun in vain.
    """
    token = _ahead.set(True)
    try:
        yield
    finally:
        _ahead.reset(token)


@contextlib.contextmanager
def external_calls() -> Iterator[list[External]]:
    """Yields the list of external simulators that programs traced inside call."""
    called: list[External] = []
    token = _called.set(called)
    try:
        yield called
    finally:
        _called.reset(token)


def _name(run: tuple[np.ndarray, Any]) -> bytes:
    key, arguments = run
    return b"".join(np.asarray(part).tobytes() for part in (key, *jax.tree.leaves(arguments)))
