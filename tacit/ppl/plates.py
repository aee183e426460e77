"""Independent structure: along which axis variables are independent given what lies outside."""

import contextlib
import operator
from collections.abc import Callable, Iterator
from typing import Any

from tacit.errors import ProgramError
from tacit.ppl.interception import active_interceptors, interceptable, interception
from tacit.ppl.random_variable import Plate


class _PlateInterceptor:
    def __init__(self, plate: Plate) -> None:
        self.plate = plate

    def __call__(self, f: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        kwargs["plates"] = (self.plate, *kwargs.get("plates", ()))
        return interceptable(f)(*args, **kwargs)


@contextlib.contextmanager
def plate(name: str, size: int, *, dim: int | None = None) -> Iterator[None]:
    """Marks the variables of the block as independent along one batch axis of `size`, and broadcasts them to it.

    A latent variable in a plate is *local*, one outside every plate *global*. Inference takes the outermost plate's
    axis for the data axis: given the globals, what lies at different indices of it must be independent.

    Args:
      name: unique among the plates around it; in a registered model, the dimension's symbol ("N").
      size: how many.
      dim: the batch axis, negative, counted from the right; by default the rightmost that no plate around it has.

    >>> import jax, jax.numpy as jnp
    >>> from tacit.ppl import Normal, plate, seed
    >>> with seed(jax.random.key(0)):
    ...     mu = Normal(0.0, 5.0, name="mu")
    ...     with plate("J", 8):
    ...         theta = Normal(mu, 1.0, name="theta")
    >>> theta.shape, theta.plates
    ((8,), (Plate(name='J', size=8, dim=-1),))
    """
    around = active_plates()
    taken = {p.dim for p in around}
    if dim is None:
        dim = next(d for d in range(-1, -len(taken) - 2, -1) if d not in taken)
    if dim >= 0 or dim in taken or name in {p.name for p in around}:
        raise ProgramError(
            f"plate {name!r} at axis {dim}: the axis must be negative, and axis and name must differ from the plates "
            f"around it, {list(around)}."
        )
    try:
        size = operator.index(size)
    except TypeError as error:
        raise ProgramError(f"plate {name!r} has size {size!r}; it needs a whole number known while tracing.") from error
    if size < 1:
        raise ProgramError(f"plate {name!r} has size {size}; it needs at least 1.")
    with interception(_PlateInterceptor(Plate(name, size, dim))):
        yield


def active_plates() -> tuple[Plate, ...]:
    """The plates of the current context, outermost first."""
    return tuple(i.plate for i in active_interceptors() if isinstance(i, _PlateInterceptor))
