"""The law of q, whatever its family: a Gaussian, and what the family trains beside it.

Every family has a `GaussianBlocks` that moves by natural steps. `trained` is what is trained beside it, by Adam:

- `full_rank`, `blocks`, `mean_field`: nothing; the Gaussian is all.
- `amortized`: a network from a data point to the law of its latents. The Gaussian is that of the globals alone.
- `flow`: an invertible map of the globals' eps, before the Gaussian's own. It is trained once q no longer travels, and
  the globals' Gaussian rests then.
- the user's own variational program: its parameters. There is no Gaussian then, and what the state holds in its place
  rests.

What surrounds q (frame, rounds, calibration) goes by `frame`, the Gaussian over all points that stands for it.
"""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jax.scipy.linalg import solve_triangular

from tacit.errors import InferenceError
from tacit.inference import families, networks, variational
from tacit.inference.critic import DataTower
from tacit.inference.families import GaussianBlocks, Latents
from tacit.inference.features import data_features
from tacit.inference.flow import Flow
from tacit.inference.problem import Layout, take_points
from tacit.inference.state import Data, Setup, noise, standardise

# Adam's rate in units of that of the natural steps.
RATE = 0.05
# A variational program's few parameters have all the way to go by themselves.
PROGRAM_RATE = 0.5
# The network looks at so many points at once when it makes the frame.
BATCH = 8192
# Draws that a flow's mean and covariance are read off.
MOMENT_DRAWS = 1024
# The same for a variational program, which is run for each.
PROGRAM_DRAWS = 256

Trained = Any


class Draw(NamedTuple):
    """S draws of q for M points. `entropy`: of the globals, and of all points' locals given these, each up to a
    constant; `log_q` (S,): the log densities of the same two, of the M points' locals, up to a constant."""

    latents: Latents
    entropy: tuple[jax.Array, jax.Array]
    log_q: tuple[jax.Array, jax.Array]


def check(family: str, structure: Layout, *, program: bool) -> None:
    """Raises InferenceError where a problem has not the latents that the family is about, or q is a `program`."""
    if program and family != "full_rank":
        raise InferenceError(f"q is the variational program of `parts`, or of family {family!r}: leave one of them out")
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
    if setup.parts.variational is not None:
        points = take_points(layout, data.arrays, jnp.arange(layout.num_points))
        own = variational.initial(setup.parts.variational, layout, points)
        return families.init_gaussian(layout.global_dim, layout.num_points, layout.local_dim), own
    own_points = 0 if setup.family == "amortized" else layout.num_points
    q = families.init_gaussian(layout.global_dim, own_points, layout.local_dim)
    return q, eqx.filter(_make(setup, key, data), eqx.is_inexact_array)


def draw(
    setup: Setup,
    data: Data,
    key: jax.Array,
    q: GaussianBlocks,
    trained: Trained,
    num_draws: int,
    index: jax.Array,
    *,
    width: jax.Array | float = 1.0,
) -> Draw:
    """`num_draws` draws, in pairs of opposite eps where their number is even, for the points `index`.

    Args:
      width: by how much the globals of a Gaussian or a flow are drawn wider; those of a program are drawn as they are.
        The densities stay those of q; the entropy of a flow, an average over the draws, does not.
    """
    if setup.parts.variational is not None:
        return _program_draw(setup, data, key, trained, num_draws, index)
    if num_draws % 2:
        eps = noise(setup, key, num_draws, index.size)
    else:
        half = noise(setup, key, num_draws // 2, index.size)
        eps = jax.tree.map(lambda e: jnp.concatenate([e, -e]), half)
    here = gaussian(setup, data, q, trained, index)
    entropy, local_entropy = families.entropy(here if setup.family == "amortized" else q)
    eps = eps._replace(globals=width * eps.globals)
    log_q = -jnp.sum(eps.globals**2, axis=-1) / 2
    moved = eps
    if setup.family == "amortized":
        local_entropy *= setup.layout.num_points / index.size
    if setup.family == "flow":
        flow = _restore(setup, data, trained)
        bent, log_det = flow.forward(eps.globals)
        moved, log_q, entropy = eps._replace(globals=bent), log_q - log_det, entropy + jnp.mean(log_det)
    local_log_q = -jnp.sum(eps.locals**2, axis=(-2, -1)) / 2
    return Draw(families.transform(here, moved), (entropy, local_entropy), (log_q, local_log_q))


def gaussian(setup: Setup, data: Data, q: GaussianBlocks, trained: Trained, index: jax.Array) -> GaussianBlocks:
    """q for the points `index`, but for a flow; of a program the Gaussian with its moments."""
    if setup.parts.variational is not None:
        return _moments(_program_draw(setup, data, jax.random.key(0), trained, PROGRAM_DRAWS, index).latents)
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
    """The Gaussian over all points that stands for q: q itself, or with the moments of a flow or a program."""
    if setup.parts.variational is not None and not setup.layout.local_dim:
        return gaussian(setup, data, q, trained, jnp.arange(setup.layout.num_points))
    if setup.family == "flow":
        flow = _restore(setup, data, trained)
        half = jax.random.normal(jax.random.key(0), (MOMENT_DRAWS // 2, setup.layout.global_dim))
        eps, _ = flow.forward(jnp.concatenate([half, -half]))
        mean = jnp.mean(eps, axis=0)
        root = jnp.linalg.cholesky(jnp.atleast_2d(jnp.cov(eps.T)))
        shift = q.coupling @ mean
        return q._replace(
            loc=q.loc + q.tril @ mean, tril=q.tril @ root, local_loc=q.local_loc + shift, coupling=q.coupling @ root
        )
    if setup.family != "amortized" and setup.parts.variational is None:
        return q

    def one(index: jax.Array) -> GaussianBlocks:
        here = gaussian(setup, data, q, trained, index[None])
        return here._replace(local_loc=here.local_loc[0], coupling=here.coupling[0], local_tril=here.local_tril[0])

    all_points = jax.lax.map(one, jnp.arange(setup.layout.num_points), batch_size=BATCH)
    if setup.parts.variational is None:
        return all_points._replace(loc=q.loc, tril=q.tril)
    # The globals are the same draws for every point.
    return all_points._replace(loc=all_points.loc[0], tril=all_points.tril[0])


def optimizer() -> optax.GradientTransformation:
    """Of what is trained beside the Gaussian, for a rate of 1."""
    return optax.adam(1.0)


def bending(setup: Setup, *, travelling: jax.Array) -> jax.Array:
    """Whether a flow is trained: once q no longer travels. The globals' Gaussian rests then, since the flow holds every
    affine map; two that move the same thing lead each other astray. A variational program is trained throughout."""
    if setup.parts.variational is not None:
        return jnp.ones_like(travelling)
    return ~travelling & (setup.family == "flow")


def train(setup: Setup, rate: jax.Array, gradient: Trained, trained: Trained, memory: Any) -> tuple[Trained, Any]:
    """One step of what is trained beside the Gaussian; `memory` is the optimizer's."""
    move, memory = optimizer().update(gradient, memory, trained)
    step = rate * (RATE if setup.parts.variational is None else PROGRAM_RATE)
    return jax.tree.map(lambda t, m: t + step * m, trained, move), memory


def _program_draw(setup: Setup, data: Data, key: jax.Array, trained: Trained, num_draws: int, index: jax.Array) -> Draw:
    """Draws of the user's variational program; the entropies are estimates from them."""
    points, program = take_points(setup.layout, data.arrays, index), setup.parts.variational
    assert program is not None, "who calls has seen it"
    latents, log_q, local_log_q = jax.vmap(
        lambda key: variational.draw(key, program, setup.program, setup.layout, points, trained)
    )(jax.random.split(key, num_draws))
    share = setup.layout.num_points / index.size
    return Draw(standardise(data, latents), (-jnp.mean(log_q), -share * jnp.mean(local_log_q)), (log_q, local_log_q))


def _moments(latents: Latents) -> GaussianBlocks:
    """The Gaussian with the moments of these draws."""
    count = latents.globals.shape[0]
    loc, local_loc = jnp.mean(latents.globals, axis=0), jnp.mean(latents.locals, axis=0)
    off, local_off = latents.globals - loc, latents.locals - local_loc
    tril = _root(jnp.einsum("sg,sh->gh", off, off) / count)
    eps = solve_triangular(tril, off.T, lower=True).T
    coupling = jnp.einsum("snl,sg->nlg", local_off, eps) / count
    left = local_off - jnp.einsum("nlg,sg->snl", coupling, eps)
    return GaussianBlocks(loc, tril, local_loc, coupling, _root(jnp.einsum("snl,snk->nlk", left, left) / count))


def _root(covariance: jax.Array) -> jax.Array:
    """The Cholesky factor; a direction without spread gets a little."""
    return jnp.linalg.cholesky(covariance + 1e-8 * jnp.eye(covariance.shape[-1]))


def _make(setup: Setup, key: jax.Array, data: Data) -> Any:
    """What the family trains beside the Gaussian, as it starts: doing nothing."""
    layout = setup.layout
    if setup.family == "flow":
        size = layout.global_dim
        return networks.drawn(key, lambda: Flow(size, key=key), still=lambda flow: flow.networks.layers[-1])
    if setup.family == "amortized":
        observed = {name: value[:1] for name, value in data.arrays.observed.items()}
        num_features = data_features(layout, data.features, observed, jnp.zeros(1, int)).shape[1]
        size = layout.local_dim
        out_size = size + size * layout.global_dim + size * (size + 1) // 2
        return networks.drawn(
            key, lambda: DataTower(num_features, out_size, setup.width, key=key), still=lambda tower: tower.head
        )
    return ()


def _restore(setup: Setup, data: Data, trained: Trained) -> Any:
    skeleton = eqx.filter_eval_shape(lambda: _make(setup, jax.random.key(0), data))
    _, static = eqx.partition(skeleton, lambda leaf: isinstance(leaf, jax.ShapeDtypeStruct))
    return eqx.combine(trained, static)
