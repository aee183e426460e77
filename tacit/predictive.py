"""Posterior predictive: the program replayed under a value setter, vectorised over draws."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from tacit.errors import UnknownVariableError
from tacit.ppl import make_value_setter, seed, tape

# Programs are compiled for this many draws at a time, whatever number is asked for.
CHUNK = 256


def posterior_predictive(
    key: jax.Array,
    program: Callable[..., Any],
    samples: Mapping[str, Any],
    *,
    inputs: Mapping[str, Any],
    variables: Sequence[str] | None = None,
) -> dict[str, np.ndarray]:
    """Replays `program` once per draw with the sampled variables set; what is not set is sampled given it.

    Draw i depends on `key`, i and the samples' row i alone, not on how many are asked for.

    Args:
      samples: `{variable: draws}`, draws along axis 0, all the same number of them.
      inputs: keywords of the program: arrays, and ints for sizes.
      variables: which to return; by default all random variables not in `samples`.

    Returns:
      `{variable: values}`, draws along axis 0.

    Raises:
      UnknownVariableError: `samples` or `variables` name a variable the program does not have.
    """
    sizes = tuple(sorted((k, v) for k, v in inputs.items() if isinstance(v, int)))
    given = {k: jnp.asarray(v) for k, v in inputs.items() if not isinstance(v, int)}
    replay = _replay(program, sizes, None if variables is None else tuple(variables))
    stacked = {name: np.asarray(value) for name, value in samples.items()}
    num_draws = len(next(iter(stacked.values())))
    parts = []
    for start in range(0, num_draws, CHUNK):
        index = np.minimum(np.arange(start, start + CHUNK), num_draws - 1)
        part = replay(key, index, {name: value[index] for name, value in stacked.items()}, given)
        parts.append({name: np.asarray(value)[: num_draws - start] for name, value in part.items()})
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


@functools.lru_cache(maxsize=256)
def _replay(
    program: Callable[..., Any], sizes: tuple[tuple[str, int], ...], variables: tuple[str, ...] | None
) -> Callable[..., dict[str, jax.Array]]:
    def one(
        key: jax.Array, index: jax.Array, values: dict[str, jax.Array], inputs: dict[str, jax.Array]
    ) -> dict[str, jax.Array]:
        with seed(jax.random.fold_in(key, index)), tape() as recorded, make_value_setter(values):
            program(**inputs, **dict(sizes))
        wanted = variables
        if wanted is None:
            wanted = tuple(name for name, rv in recorded.items() if not rv.is_set and rv.kind != "deterministic")
        unknown = [name for name in wanted if name not in recorded]
        if unknown:
            raise UnknownVariableError(
                f"the program has no random variable {', '.join(unknown)}; it has {', '.join(recorded)}"
            )
        return {name: recorded[name].value for name in wanted}

    return jax.jit(jax.vmap(one, in_axes=(None, 0, 0, None)))
