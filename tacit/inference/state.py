"""What the engine's parts share: the static setup, the data, the state, and how latents and simulations are drawn."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from tacit.inference.families import GaussianBlocks, Latents
from tacit.inference.features import FeatureScale, PointScale
from tacit.inference.optimizers import Optimizer
from tacit.inference.parts import Parts
from tacit.inference.problem import Arrays, Layout, Run, run_points, take_points, with_gaps


class Setup(NamedTuple):
    """All that is static: two fits with equal setups and shapes share one compiled program."""

    program: Callable[..., Any]
    layout: Layout
    parts: Parts
    method: str
    family: str
    contrast: str
    ratio_loss: str
    disc_optimizer: Optimizer
    gen_optimizer: Optimizer
    latent_samples: int
    points: int
    replicates: int
    disc_updates: int
    gen_updates: int
    gen_samples: int
    gen_points: int
    width: int
    rank: int
    restarts: int = 1
    objective: str = "reverse"
    point_scale: bool = False
    first: int = 0
    fresh: int = 0
    ring: int = 0
    ratio_estimators: int = 1

    @property
    def calibrated(self) -> bool:
        """Whether r's error can be measured. The hinge loss knows no size of a ratio, the empirical contrast no other
        latents, the exact likelihood no error."""
        return (
            self.method == "implicit_klqp"
            and self.objective == "reverse"
            and self.contrast == "marginal"
            and self.ratio_loss != "hinge"
        )

    @property
    def summed(self) -> bool:
        """Whether data enter r only by the sum of their features: the two towers, and no latents of the points' own."""
        return self.parts.ratio_estimator is None and not self.layout.local_dim


class Rates(NamedTuple):
    """What may change without compiling anew: number of steps, learning rates, proposal width, how flat the loss must
    be to stop early, in standard errors (never, if negative); under the forward objective the simulations that may be
    made, how often after the first, the few steps that a fit begins with and that may be enough (0: none), and how many
    ratio estimators learn on where they are not."""

    steps: jax.Array
    disc: jax.Array
    gen: jax.Array
    proposal_width: jax.Array
    tolerance: jax.Array
    simulations: jax.Array
    rounds: jax.Array
    few: jax.Array
    going_on: jax.Array


class LeftOut(NamedTuple):
    """Observed numbers that contradict the simulator, which always makes another there; see `constants`. `count` of
    them, and of the first the data point and the number within it, what is simulated and what was observed; each ()."""

    count: jax.Array
    point: jax.Array
    number: jax.Array
    simulated: jax.Array
    observed: jax.Array


class Data(NamedTuple):
    """A problem's arrays and the scales read off them. `latent_centre`, `latent_spread`: prior mean and standard
    deviation of the unconstrained latents, globals (G,) and locals (L,); q lives in units of these."""

    arrays: Arrays
    features: FeatureScale
    latent_centre: Latents
    latent_spread: Latents
    left_out: LeftOut


class Calibration(NamedTuple):
    """Running sums of the regression of r's slope on the slopes of B basis functions: `weight` (), `design` (B, B),
    `response` (B,)."""

    weight: jax.Array
    design: jax.Array
    response: jax.Array


class State(NamedTuple):
    """All that changes during a fit, and all that is needed to go on with it in another process. `trained`: what q's
    family has beside the Gaussian `q`; see `laws`. `arrived`: the step at which q no longer travelled, 0 before."""

    step: jax.Array
    key: jax.Array
    ratio: Any
    ratio_average: Any
    ratio_optimizer: Any
    q: GaussianBlocks
    q_average: GaussianBlocks
    q_optimizer: Any
    trained: Any
    trained_average: Any
    trained_optimizer: Any
    frame: GaussianBlocks
    frame_age: jax.Array
    point_scale: PointScale
    arrived: jax.Array
    snapshot: Any
    data_features: jax.Array
    calibration: Calibration
    loss_disc: jax.Array
    loss_gen: jax.Array
    correct: jax.Array
    skipped: jax.Array
    dropped: jax.Array


def choose_points(key: jax.Array, num_points: int, wanted: int) -> jax.Array:
    """Indices of data points: all of them, or `wanted` drawn with replacement."""
    if wanted >= num_points:
        return jnp.arange(num_points)
    return jax.random.randint(key, (wanted,), 0, num_points)


def noise(setup: Setup, key: jax.Array, num_draws: int, num_points: int) -> Latents:
    """Standard normal noise for `num_draws` latents of `num_points` points."""
    global_key, local_key = jax.random.split(key)
    return Latents(
        jax.random.normal(global_key, (num_draws, setup.layout.global_dim)),
        jax.random.normal(local_key, (num_draws, num_points, setup.layout.local_dim)),
    )


def standardise(data: Data, latents: Latents) -> Latents:
    """The inverse of `unstandardise`."""
    return jax.tree.map(lambda c, s, u: (u - c) / s, data.latent_centre, data.latent_spread, latents)


def unstandardise(data: Data, latents: Latents) -> Latents:
    """From the space q lives in to the program's unconstrained latents."""
    return jax.tree.map(lambda c, s, u: c + s * u, data.latent_centre, data.latent_spread, latents)


def run(setup: Setup, data: Data, key: jax.Array, latents: Latents, index: jax.Array, *, observed: bool = False) -> Run:
    """The program at each of S latents, for the points `index`, with the same noise for all and the gaps of the data;
    scored at the data if `observed`."""
    points = take_points(setup.layout, data.arrays, index)
    raw = unstandardise(data, latents)

    def one(global_latents: jax.Array, local_latents: jax.Array) -> Run:
        found = run_points(
            key,
            setup.program,
            setup.layout,
            points.inputs,
            global_latents,
            local_latents,
            observed=points.observed if observed else None,
            missing=points.missing if observed else None,
        )
        return found._replace(observed=with_gaps(points, found.observed))

    return jax.vmap(one)(raw.globals, raw.locals)


def choose(condition: jax.Array, yes: Any, no: Any) -> Any:
    """One of two trees of arrays."""
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), yes, no)


def all_finite(tree: Any) -> jax.Array:
    """Whether all leaves are finite throughout."""
    return jnp.all(jnp.stack([jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(tree)]))
