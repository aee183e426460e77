"""A scale of its own for each data point: where the model puts it, and how widely, under latents around the frame.

Points told apart by covariates lie where their covariates put them, and their noise may be a small part of how the data
spread: then r has to learn small differences of large numbers. Beside the common scale it therefore sees each value by
its distance from simulations of the same point, in units of how these spread. The scale is read off anew whenever the
frame jumps, always with the same noise, so that it changes no more than the frame does.
"""

import jax
import jax.numpy as jnp

from tacit.inference import families
from tacit.inference.families import GaussianBlocks, Latents
from tacit.inference.features import PointScale, flatten, gaps, robust
from tacit.inference.problem import Arrays, Layout
from tacit.inference.state import Data, Setup, noise, run

# Simulations of each point; with more points than this there is no such scale, since those would cost too much.
SIMULATIONS = 64
MOST_POINTS = 2048
# No spread is less than this part of the common one.
LEAST = 1e-5


def suits(structure: Layout, data: Arrays) -> bool:
    """Whether points are told apart by covariates, are not too many, and have values that vary continuously."""
    told_apart = any(axis is not None for _, axis in structure.inputs)
    continuous = all(jnp.issubdtype(data.observed[site.name].dtype, jnp.floating) for site in structure.observed)
    return told_apart and continuous and not structure.local_dim and structure.num_points <= MOST_POINTS


def point_scale(setup: Setup, data: Data, frame: GaussianBlocks) -> PointScale:
    """That of simulations at latents drawn from the frame; (N, 0) where there is none."""
    num_points = setup.layout.num_points
    if not setup.point_scale:
        return PointScale(jnp.zeros((num_points, 0)), jnp.zeros((num_points, 0)))
    latent_key, run_key = jax.random.split(jax.random.key(0))
    latents = families.transform(frame, noise(setup, latent_key, SIMULATIONS, num_points))

    def value(key: jax.Array, latents: Latents, point: jax.Array) -> jax.Array:
        """(D,): a simulation of one point."""
        one = Latents(latents.globals[None], latents.locals[None, :1])
        observed = run(setup, data, key, one, point[None]).observed
        return flatten(setup.layout, {name: value[0] for name, value in observed.items()})[0]

    # All points have the same noise: so what is by chance in a scale is alike for points that are alike, and r can
    # learn it from their covariates.
    of_points = jax.vmap(value, (None, None, 0))
    simulated = jax.vmap(of_points, (0, 0, None))(
        jax.random.split(run_key, SIMULATIONS), latents, jnp.arange(num_points)
    )
    centre, spread = robust(jnp.where(jnp.isfinite(simulated), simulated, jnp.nan))
    spread = jnp.maximum(spread, LEAST * data.features.spread)
    if data.arrays.missing:
        # What is missing is the same in all simulations: it has no spread of its own.
        spread = jnp.where(gaps(setup.layout, data.arrays), data.features.spread, spread)
    return PointScale(centre, spread)
