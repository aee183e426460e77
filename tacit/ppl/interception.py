"""The interception stack: how a program's random variables are observed and changed from outside.

Every random variable is made by an *interceptable* function. Calling one hands the call to the innermost interceptor
of the current context; an interceptor may change the arguments, forward the call to the next one outwards, look at the
result, or not forward at all:

>>> import jax
>>> from tacit.ppl import Normal, seed
>>> def double_scale(f, *args, **kwargs):
...     if kwargs["name"] == "z":
...         kwargs["scale"] = 2.0 * kwargs["scale"]
...     return interceptable(f)(*args, **kwargs)  # forward: the next interceptor outwards, then f itself
>>> with seed(jax.random.key(0)), interception(double_scale):
...     z = Normal(0.0, scale=1.0, name="z")
>>> float(z.distribution.scale)
2.0

Do not call `f(...)` to forward: that skips every interceptor further out. The stack lives in a context variable and is
immutable, so threads and asyncio tasks never see one another's interceptors, and an exception restores it.

Interceptors live in Python, where JAX traces a function once and runs it many times. So a block must not span the
border of a JAX transformation: open it inside the function that is transformed, around the whole program.
"""

import contextlib
import functools
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
from jax.extend.core import get_opaque_trace_state

from tacit.errors import ProgramError

Interceptor = Callable[..., Any]


class _Entry(NamedTuple):
    """An interceptor, and what JAX was tracing when its block was opened."""

    interceptor: Interceptor
    trace_state: Any


_stack: ContextVar[tuple[_Entry, ...]] = ContextVar("tacit_interception_stack", default=())

# What JAX raises where Python needs a number and there is only a tracer.
_NEEDS_A_NUMBER = (
    jax.errors.ConcretizationTypeError,
    jax.errors.TracerArrayConversionError,
    jax.errors.TracerIntegerConversionError,
    jax.errors.NonConcreteBooleanIndexError,
)


@runtime_checkable
class BlockInterceptor(Protocol):
    """An interceptor that keeps something for the length of one `interception` block.

    `begin()` returns the interceptor to use in this block and a function called when the block ends without an
    exception; so one object can serve many blocks, in many threads, at once.
    """

    def begin(self) -> tuple[Interceptor, Callable[[], None]]: ...


def intercepted() -> bool:
    """Whether an interceptor stands around this: a program is being run."""
    return bool(_stack.get())


def _call(f: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return f(*args, **kwargs)


@contextlib.contextmanager
def get_next_interceptor() -> Iterator[Interceptor]:
    """Yields the innermost interceptor, with the stack shortened by it for the length of the block.

    Outside any interception, yields the one that just calls.

    Raises:
      ProgramError: the interceptor's block was opened outside a JAX transformation, and this is inside.
    """
    stack = _stack.get()
    if not stack:
        yield _call
        return
    interceptor, trace_state = stack[-1]
    if trace_state != get_opaque_trace_state():
        raise ProgramError(
            "a random variable was made inside a JAX transformation (jit, vmap, grad, scan, cond, checkpoint, ...) "
            "while `seed`, `tape`, a value setter or another interceptor stood outside it. JAX runs such Python code "
            "once, so draws would repeat and recorded values escape. Open the block inside the transformed function; "
            "for independent copies use sample_shape or plate."
        )
    token = _stack.set(stack[:-1])
    try:
        yield interceptor
    finally:
        _stack.reset(token)


def interceptable(f: Callable[..., Any]) -> Callable[..., Any]:
    """Wraps `f` so that calls to it go through the interception stack. Wrapping twice is the same as once.

    To work under `seed`, `plate` and `make_value_setter`, `f` takes the keywords that all constructors share: `name`,
    `sample_shape`, `value`, `key`, `plates`.
    """
    if getattr(f, "_interceptable", False):
        return f

    @functools.wraps(f)
    def intercepted(*args: Any, **kwargs: Any) -> Any:
        with get_next_interceptor() as interceptor:
            return interceptor(f, *args, **kwargs)

    intercepted._interceptable = True  # type: ignore[attr-defined]
    return intercepted


@contextlib.contextmanager
def interception(interceptor: Interceptor | BlockInterceptor) -> Iterator[None]:
    """Puts `interceptor` innermost on the stack for the length of the block.

    Args:
      interceptor: called as `interceptor(f, *args, **kwargs)` for every interceptable call of the block, with `f` the
        bare function; returns what the call shall return.

    Raises:
      ProgramError: Python code of the block branched on a value that JAX was only tracing.
    """
    finish: Callable[[], None] | None = None
    if isinstance(interceptor, BlockInterceptor):
        interceptor, finish = interceptor.begin()
    token = _stack.set((*_stack.get(), _Entry(interceptor, get_opaque_trace_state())))
    try:
        yield
    except _NEEDS_A_NUMBER as error:
        raise ProgramError(
            "Python code of the program (`if`, `while`, `range`, float(), a NumPy function, ...) needs a number that "
            "is not known while JAX traces the program. Use jnp.where(condition, a, b), jax.lax.cond or "
            f"jax.lax.fori_loop, and jnp for numpy. JAX says: {str(error).partition('See https')[0].strip()}"
        ) from error
    except ValueError as error:
        if "__jax_array__" not in str(error):
            raise
        raise ProgramError(
            "a random variable was given to a function that takes arrays proper (jax.lax, or `table[k]` on a plain "
            "array): give it the variable's .value, as in table[k.value]."
        ) from error
    finally:
        _stack.reset(token)
    if finish is not None:
        finish()


@contextlib.contextmanager
def isolation() -> Iterator[None]:
    """Hides every interceptor for the length of the block: what is made in it is nobody else's business."""
    token = _stack.set(())
    try:
        yield
    finally:
        _stack.reset(token)


def active_interceptors() -> tuple[Interceptor, ...]:
    """The interceptors of the current context, outermost first."""
    return tuple(entry.interceptor for entry in _stack.get())
