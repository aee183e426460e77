"""Where a program's randomness comes from: JAX has no hidden state, so a key is given from outside."""

import collections
import contextlib
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp

from tacit.errors import ProgramError
from tacit.ppl.interception import interceptable, interception


@contextlib.contextmanager
def seed(key: jax.Array) -> Iterator[None]:
    """Gives every random variable sampled in the block its own key, derived from `key` and the variable's name.

    A variable's draw depends on its name and on how many of that name were sampled before in the block, and on nothing
    else: setting one variable leaves the noise of all others as it was. The innermost `seed` wins.

    Args:
      key: a PRNG key, `jax.random.key(0)`.

    >>> import jax
    >>> from tacit.ppl import Normal, seed
    >>> with seed(jax.random.key(0)):
    ...     z = Normal(0.0, 1.0, name="z")
    >>> z.shape
    ()
    """
    if not is_key(key):
        raise ProgramError(f"seed takes a PRNG key, as in seed(jax.random.key(0)); got {key!r}")
    sampled: collections.Counter[str] = collections.Counter()

    def give_key(f: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        name = kwargs.get("name")
        if name is not None and kwargs.get("value") is None and kwargs.get("key") is None:
            kwargs["key"] = _key_for(key, name, sampled[name])
            sampled[name] += 1
        return interceptable(f)(*args, **kwargs)

    with interception(give_key):
        yield


def _key_for(key: jax.Array, name: str, occurrence: int) -> jax.Array:
    key = jax.random.fold_in(key, zlib.crc32(name.encode()))
    return jax.random.fold_in(key, occurrence) if occurrence else key


def is_key(key: Any) -> bool:
    """Whether `key` is one PRNG key, new style or raw."""
    if not isinstance(key, jax.Array):
        return False
    typed = jnp.issubdtype(key.dtype, jax.dtypes.prng_key) and key.shape == ()
    return typed or (key.dtype == jnp.uint32 and key.shape == (2,))
