"""Observed numbers that never vary in the simulator.

A simulator may always make the same number at some place, such as the ten animals that a population begins with. That
number says nothing about the latents. Where the data have another number, no latents explain it, and the ratio
estimator, which never saw anything else there, could answer anything. So the number is left out: it is set to what the
simulator makes, and the fit says so.

Rare events vary too: a count that is zero in every simulation at the prior is no constant where wilder latents make it
another. A number counts as constant only if it stays the same at latents far beyond the prior.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from tacit.compilation import once
from tacit.inference.features import flatten
from tacit.inference.problem import Arrays, Layout, prior_draw
from tacit.inference.state import LeftOut, Setup

# Numbers that differ by no more than this share of their size are the same up to rounding.
ROUNDING = 8.0 * float(np.finfo(np.float32).eps)
# A number is tried at latents drawn from the prior's Gaussian, widened by these factors, so many times each.
WIDTHS = (1.0, 3.0, 10.0, 30.0)
TRIED = 16


class Observed(NamedTuple):
    """Observed variables without what contradicts the simulator, and what was left out."""

    arrays: dict[str, jax.Array]
    left_out: LeftOut


def suspects(simulated: jax.Array, observed: jax.Array) -> LeftOut:
    """How many observed numbers (N, D) differ from what all simulations (S, N, D) have at their place."""
    constant = _constants(simulated, jnp)
    return none()._replace(count=jnp.sum(_differ(observed, constant, jnp)))


def none() -> LeftOut:
    """Nothing is left out."""
    zero, no_index = jnp.zeros(()), jnp.zeros((), jnp.int32)
    return LeftOut(no_index, no_index, no_index, zero, zero)


def simulated_widely(setup: Setup, key: jax.Array, arrays: Arrays, centre: jax.Array, spread: jax.Array) -> np.ndarray:
    """(S, N, D): data sets at latents around the prior and far beyond.

    Args:
      centre, spread: (G,) of the unconstrained global latents under the prior.
    """
    # What runs outside JAX takes its time, and may not stand latents that it was not written for.
    widths = np.repeat(WIDTHS[:1] if setup.layout.external else WIDTHS, TRIED)

    def simulate(key: jax.Array) -> jax.Array:
        latent_key, run_key = jax.random.split(key)
        noise = jax.random.normal(latent_key, (len(widths), centre.size))
        latents = centre + spread * jnp.asarray(widths)[:, None] * noise

        def one(key: jax.Array, latents: jax.Array) -> jax.Array:
            drawn = prior_draw(key, setup.program, setup.layout, arrays.inputs, global_latents=latents)
            return flatten(setup.layout, drawn[2])

        return jax.vmap(one)(jax.random.split(run_key, len(widths)), latents)

    return np.asarray(once(simulate)(key))


def without(structure: Layout, observed: dict[str, jax.Array], constant: np.ndarray) -> Observed:
    """The observed variables, points along axis 0, with what contradicts `constant` (N, D) set to it."""
    sent = np.asarray(flatten(structure, observed))
    differ = _differ(sent, constant, np)
    if not differ.any():
        return Observed(observed, none())
    kept = np.where(differ, constant, sent)
    arrays, start = {}, 0
    for site in structure.observed:
        value = observed[site.name]
        column = kept[:, start : start + site.size].reshape(value.shape)
        changed = differ[:, start : start + site.size].reshape(value.shape)
        # Only what differs is written, so that large whole numbers elsewhere keep all their digits.
        arrays[site.name] = jnp.where(changed, jnp.asarray(column).astype(value.dtype), value)
        start += site.size
    point, number = np.argwhere(differ)[0]
    first = LeftOut(differ.sum(), point, number, constant[point, number], sent[point, number])
    dtypes = (jnp.int32, jnp.int32, jnp.int32, jnp.float32, jnp.float32)
    return Observed(arrays, LeftOut(*(jnp.asarray(x, dtype) for x, dtype in zip(first, dtypes, strict=True))))


def constants(simulated: np.ndarray) -> np.ndarray:
    """(S, N, D) to (N, D): the number that all simulations have, not a number where they vary or all failed."""
    return np.asarray(_constants(simulated, np))


def described(structure: Layout, left_out: LeftOut) -> dict[str, Any]:
    """What was left out, JSON-able: `count`, and of the first such number its `place`, what is `simulated` there, and
    what was `observed`. Empty where nothing was left out."""
    count = int(left_out.count)
    if not count:
        return {}
    return {
        "count": count,
        "place": _place(structure, int(left_out.point), int(left_out.number)),
        "simulated": float(left_out.simulated),
        "observed": float(left_out.observed),
    }


def _place(structure: Layout, point: int, number: int) -> str:
    """Where a number stands: "animals[0]"."""
    start = 0
    for site in structure.observed:
        if number < start + site.size:
            index = [int(i) for i in np.unravel_index(number - start, site.shape)] if site.shape else []
            if site.axis is not None:
                index.insert(site.axis, point)
            return f"{site.name}[{', '.join(map(str, index))}]" if index else site.name
        start += site.size
    raise AssertionError("a number beyond the observed ones")


def _constants(simulated: Any, numpy: Any) -> Any:
    finite = numpy.isfinite(simulated)
    low = numpy.min(numpy.where(finite, simulated, numpy.inf), axis=0)
    high = numpy.max(numpy.where(finite, simulated, -numpy.inf), axis=0)
    # No simulation that worked: `high` is below `low`, and nothing is known.
    same = (low <= high) & (numpy.where(low <= high, high - low, 0.0) <= ROUNDING * numpy.maximum(abs(low), abs(high)))
    return numpy.where(same, low, numpy.nan)


def _differ(observed: Any, constant: Any, numpy: Any) -> Any:
    # A comparison with what is not a number is false.
    return abs(observed - constant) > ROUNDING * numpy.maximum(abs(observed), abs(constant))
