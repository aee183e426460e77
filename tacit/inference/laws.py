"""The law of q, whatever its family: a Gaussian, and what the family trains beside it.

Every family has a `GaussianBlocks` that moves by natural steps. `trained` is what is trained beside it, by Adam:

- `full_rank`, `blocks`, `mean_field`: nothing; the Gaussian is all.
- `amortized`: a network from a data point to the law of its latents. The Gaussian is that of the globals alone.
- `flow`: an invertible map of the globals' eps, before the Gaussian's own. It is trained once q no longer travels, and
  the globals' Gaussian rests then.

What surrounds q (frame, rounds, calibration) goes by `frame`, the Gaussian over all points that stands for it.
"""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax

from tacit.errors import InferenceError
from tacit.inference import families
from tacit.inference.critic import DataTower
from tacit.inference.families import GaussianBlocks, Latents
from tacit.inference.features import data_features
from tacit.inference.flow import Flow
from tacit.inference.problem import Layout
from tacit.inference.state import Data, Setup, noise

# Adam's rate in units of that of the natural steps.
RATE = 0.05
# The network looks at so many points at once when it makes the frame.
BATCH = 8192
# Draws that a flow's mean and covariance are read off.
MOMENT_DRAWS = 1024

Trained = Any


class Draw(NamedTuple):
    """S draws of q for M points. `entropy`: of the globals, and of all points' locals given these, each up to a
    constant; `log_q` (S,): the log densities of the same two, of the M points' locals, up to a constant."""

    latents: Latents
    entropy: tuple[jax.Array, jax.Array]
    log_q: tuple[jax.Array, jax.Array]


def check(family: str, structure: Layout) -> None:
    """Raises InferenceError where a problem has not the latents that the family is about."""
    if family == "amortized" and not structure.local_dim:
        raise InferenceError(
            "family 'amortized' is for latents of each data point, and this program has none: all its latents are "
            "global. Use family 'full_rank' or 'flow'."
        )
    if family == "flow" and not structure.global_dim:
        raise InferenceError(
            "family 'flow' is for global latents, and this program has none: all are one per data point. Use family "
            "'full_rank' or 'amortized'."
        )


def start(setup: Setup, key: jax.Array, data: Data) -> tuple[GaussianBlocks, Trained]:
    """The standard Gaussian, in any family."""
    layout = setup.layout
    own_points = 0 if setup.family == "amortized" else layout.num_points
    q = families.init_gaussian(layout.global_dim, own_points, layout.local_dim)
    return q, eqx.filter(_make(setup, key, data), eqx.is_inexact_array)


def draw(
    setup: Setup, data: Data, key: jax.Array, q: GaussianBlocks, trained: Trained, num_draws: int, index: jax.Array
) -> Draw:
    """`num_draws` draws, in pairs of opposite eps where their number is even, for the points `index`."""
    if num_draws % 2:
        eps = noise(setup, key, num_draws, index.size)
    else:
        half = noise(setup, key, num_draws // 2, index.size)
        eps = jax.tree.map(lambda e: jnp.concatenate([e, -e]), half)
    here = gaussian(setup, data, q, trained, index)
    entropy, local_entropy = families.entropy(here if setup.family == "amortized" else q)
    log_q = -jnp.sum(eps.globals**2, axis=-1) / 2
    moved = eps
    if setup.family == "amortized":
        local_entropy *= setup.layout.num_points / index.size
    if setup.family == "flow":
        flow = _restore(setup, data, trained)
        bent, log_det = jax.vmap(flow.forward)(eps.globals)
        moved, log_q, entropy = eps._replace(globals=bent), log_q - log_det, entropy + jnp.mean(log_det)
    local_log_q = -jnp.sum(eps.locals**2, axis=(-2, -1)) / 2
    return Draw(families.transform(here, moved), (entropy, local_entropy), (log_q, local_log_q))


def gaussian(setup: Setup, data: Data, q: GaussianBlocks, trained: Trained, index: jax.Array) -> GaussianBlocks:
    """q for the points `index`, but for a flow."""
    if setup.family != "amortized":
        return families.at_points(q, index)
    observed = {name: value[index] for name, value in data.arrays.observed.items()}
    features = data_features(setup.layout, data.features, observed, index)
    network = _restore(setup, data, trained)
    size, num_globals = setup.layout.local_dim, setup.layout.global_dim

    def one(x: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        """A point's location, its slope in the globals, and its scale."""
        out = network(jnp.where(jnp.isfinite(x), x, 0.0))
        loc, slope, scale = jnp.split(out, [size, size + size * num_globals])
        row, column = jnp.tril_indices(size)
        return loc, slope.reshape(size, num_globals), jnp.zeros((size, size)).at[row, column].set(scale)

    loc, slope, scale = jax.vmap(one)(features)
    # In terms of the globals themselves, so that a point's law given these stays when their law moves.
    return q._replace(local_loc=loc + slope @ q.loc, coupling=slope @ q.tril, local_tril=families.unit_tril(scale))


def frame(setup: Setup, data: Data, q: GaussianBlocks, trained: Trained) -> GaussianBlocks:
    """The Gaussian over all points that stands for q: q itself, or with a flow's mean and covariance."""
    if setup.family == "flow":
        flow = _restore(setup, data, trained)
        half = jax.random.normal(jax.random.key(0), (MOMENT_DRAWS // 2, setup.layout.global_dim))
        eps, _ = jax.vmap(flow.forward)(jnp.concatenate([half, -half]))
        mean = jnp.mean(eps, axis=0)
        root = jnp.linalg.cholesky(jnp.atleast_2d(jnp.cov(eps.T)))
        shift = q.coupling @ mean
        return q._replace(
            loc=q.loc + q.tril @ mean, tril=q.tril @ root, local_loc=q.local_loc + shift, coupling=q.coupling @ root
        )
    if setup.family != "amortized":
        return q

    def one(index: jax.Array) -> GaussianBlocks:
        here = gaussian(setup, data, q, trained, index[None])
        return here._replace(local_loc=here.local_loc[0], coupling=here.coupling[0], local_tril=here.local_tril[0])

    all_points = jax.lax.map(one, jnp.arange(setup.layout.num_points), batch_size=BATCH)
    return all_points._replace(loc=q.loc, tril=q.tril)


def optimizer() -> optax.GradientTransformation:
    """Of what is trained beside the Gaussian, for a rate of 1."""
    return optax.adam(1.0)


def bending(setup: Setup, *, travelling: jax.Array) -> jax.Array:
    """Whether a flow is trained: once q no longer travels. The globals' Gaussian rests then, since the flow holds every
    affine map; two that move the same thing lead each other astray."""
    return ~travelling & (setup.family == "flow")


def train(rate: jax.Array, gradient: Trained, trained: Trained, memory: Any) -> tuple[Trained, Any]:
    """One step of what is trained beside the Gaussian; `memory` is the optimizer's."""
    move, memory = optimizer().update(gradient, memory, trained)
    return jax.tree.map(lambda t, m: t + RATE * rate * m, trained, move), memory


def _make(setup: Setup, key: jax.Array, data: Data) -> Any:
    """What the family trains beside the Gaussian, as it starts: doing nothing."""
    layout = setup.layout
    if setup.family == "flow":
        return Flow(layout.global_dim, key=key)
    if setup.family == "amortized":
        observed = {name: value[:1] for name, value in data.arrays.observed.items()}
        num_features = data_features(layout, data.features, observed, jnp.zeros(1, int)).shape[1]
        size = layout.local_dim
        out_size = size + size * layout.global_dim + size * (size + 1) // 2
        tower = DataTower(num_features, out_size, setup.width, key=key)
        return eqx.tree_at(lambda t: t.head, tower, replace_fn=lambda head: jax.tree.map(jnp.zeros_like, head))
    return ()


def _restore(setup: Setup, data: Data, trained: Trained) -> Any:
    skeleton = eqx.filter_eval_shape(lambda: _make(setup, jax.random.key(0), data))
    _, static = eqx.partition(skeleton, lambda leaf: isinstance(leaf, jax.ShapeDtypeStruct))
    return eqx.combine(trained, static)
