"""The interception stack: how a program's random variables are observed and changed from outside.

Every random variable is made by an *interceptable* function. Calling one hands the call to the innermost interceptor
of the current context; an interceptor may change the arguments, forward the call to the next one outwards, look at the
result, or not forward at all:

    def double_scale(f, *args, **kwargs):
        if kwargs["name"] == "z":
            kwargs["scale"] = 2.0 * kwargs["scale"]
        return interceptable(f)(*args, **kwargs)      # forward: the next interceptor outwards, then f itself

    with interception(double_scale):
        model()

Do not call `f(...)` to forward: that skips every interceptor further out. The stack lives in a context variable and is
immutable, so threads and asyncio tasks never see one another's interceptors, and an exception restores it.
"""

import contextlib
import functools
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any, Protocol, runtime_checkable

Interceptor = Callable[..., Any]

_stack: ContextVar[tuple[Interceptor, ...]] = ContextVar("tacit_interception_stack", default=())


@runtime_checkable
class BlockInterceptor(Protocol):
    """An interceptor that keeps something for the length of one `interception` block.

    `begin()` returns the interceptor to use in this block and a function called when the block ends without an
    exception; so one object can serve many blocks, in many threads, at once.
    """

    def begin(self) -> tuple[Interceptor, Callable[[], None]]: ...


def _call(f: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return f(*args, **kwargs)


@contextlib.contextmanager
def get_next_interceptor() -> Iterator[Interceptor]:
    """Yields the innermost interceptor, with the stack shortened by it for the length of the block.

    Outside any interception, yields the one that just calls.
    """
    stack = _stack.get()
    if not stack:
        yield _call
        return
    token = _stack.set(stack[:-1])
    try:
        yield stack[-1]
    finally:
        _stack.reset(token)


def interceptable(f: Callable[..., Any]) -> Callable[..., Any]:
    """Wraps `f` so that calls to it go through the interception stack. Wrapping twice is the same as once."""
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
    """
    finish: Callable[[], None] | None = None
    if isinstance(interceptor, BlockInterceptor):
        interceptor, finish = interceptor.begin()
    token = _stack.set((*_stack.get(), interceptor))
    try:
        yield
    finally:
        _stack.reset(token)
    if finish is not None:
        finish()


def active_interceptors() -> tuple[Interceptor, ...]:
    """The interceptors of the current context, outermost first."""
    return _stack.get()
