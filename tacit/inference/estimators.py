"""How the engine asks a ratio estimator, whether its own two towers or the user's function, for r.

Both are pytrees; the state holds their arrays alone, and `with_parameters` puts them back into the structure. r comes
as a dict by output; the towers have one output, named ''.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp

from tacit.errors import InferenceError
from tacit.inference import families, networks
from tacit.inference.critic import Critic, phi, psi
from tacit.inference.families import Latents
from tacit.inference.features import num_features, point_features
from tacit.inference.problem import local_values, run_points, take_points
from tacit.inference.state import Data, Setup, State, unstandardise

Ratios = Mapping[str, jax.Array]


class Points(NamedTuple):
    """M data points, or S batches of them: `features` (..., M, D), zero where not finite; `finite` (..., M);
    `observed`, raw values, points along the last leading axis; `index` (M,), which points' covariates they have."""

    features: jax.Array
    finite: jax.Array
    observed: dict[str, jax.Array]
    index: jax.Array


def make(setup: Setup, key: jax.Array, data: Data) -> Any:
    """A fresh ratio estimator."""
    if setup.parts.ratio_estimator is not None:
        return setup.parts.ratio_estimator(key)
    layout = setup.layout
    return networks.drawn(
        key,
        lambda: Critic(
            num_features(layout, data.arrays, point_scale=setup.point_scale),
            layout.global_dim + layout.local_dim,
            layout.num_points,
            width=setup.width,
            rank=setup.rank,
            pairwise=setup.point_scale,
            key=key,
        ),
    )


def parameters(estimator: Any) -> Any:
    """What is trained: all arrays of floating-point numbers."""
    return eqx.filter(estimator, eqx.is_inexact_array)


def with_parameters(setup: Setup, trained: Any, data: Data) -> Any:
    """The ratio estimator with `trained` parameters."""
    skeleton = eqx.filter_eval_shape(lambda: make(setup, jax.random.key(0), data))
    _, static = eqx.partition(skeleton, lambda leaf: isinstance(leaf, jax.ShapeDtypeStruct))
    return eqx.combine(trained, static)


def data_points(setup: Setup, data: Data, state: State, observed: dict[str, jax.Array], index: jax.Array) -> Points:
    """What an estimator needs to know of M points with the covariates of `index`."""
    features = point_features(setup.layout, data.features, state.point_scale, observed, state.frame, index)
    finite = jnp.all(jnp.isfinite(features), axis=-1)
    return Points(jnp.where(finite[:, None], features, 0.0), finite, observed, index)


def observed_points(setup: Setup, data: Data, state: State, index: jax.Array) -> Points:
    """The data of the points `index`."""
    observed = {name: value[index] for name, value in data.arrays.observed.items()}
    return data_points(setup, data, state, observed, index)


def per_point(eps: Latents) -> jax.Array:
    """(S, M, G + L): each point's latents, the globals repeated."""
    repeated = jnp.broadcast_to(eps.globals[:, None], (*eps.locals.shape[:2], eps.globals.shape[-1]))
    return jnp.concatenate([repeated, eps.locals], axis=-1)


def pairs(setup: Setup, data: Data, state: State, estimator: Any, points: Points, latents: Latents) -> Ratios:
    """{output: (S, M, S)}: r of S x M simulated points with each of S latents."""
    if setup.parts.ratio_estimator is not None:
        ask = jax.vmap(lambda p, z: _ask(setup, data, estimator, p, z), (None, 0), -1)
        return jax.vmap(ask, (Points(0, 0, 0, None), None))(points, latents)
    eps = _whitened(state, latents, points.index)
    rows = phi(estimator, points.features)
    if setup.layout.local_dim:
        return {"": jnp.einsum("smf,tmf->smt", rows, psi(estimator, per_point(eps)))}
    return {"": jnp.einsum("smf,tf->smt", rows, psi(estimator, eps.globals))}


def aligned(setup: Setup, data: Data, state: State, estimator: Any, points: Points, latents: Latents) -> Ratios:
    """{output: (S, M)}: r of each point with its own latents; `points` may lack the axis S, and is then the same for
    all latents."""
    shared = points.features.ndim == 2
    if setup.parts.ratio_estimator is not None:
        axes = None if shared else Points(0, 0, 0, None)
        return jax.vmap(lambda p, z: _ask(setup, data, estimator, p, z), (axes, 0))(points, latents)
    rows, eps = phi(estimator, points.features), _whitened(state, latents, points.index)
    if setup.layout.local_dim:
        at = psi(estimator, per_point(eps))
        return {"": jnp.einsum("mf,smf->sm" if shared else "smf,smf->sm", rows, at)}
    return {"": jnp.einsum("mf,sf->sm" if shared else "smf,sf->sm", rows, psi(estimator, eps.globals))}


def _whitened(state: State, latents: Latents, index: jax.Array) -> Latents:
    return families.whiten(families.at_points(state.frame, index), latents)


def _ask(setup: Setup, data: Data, estimator: Any, points: Points, latents: Latents) -> dict[str, jax.Array]:
    """The user's estimator at M points and one draw of the latents."""
    layout = setup.layout
    own = take_points(layout, data.arrays, points.index)
    raw = unstandardise(data, latents)
    values = run_points(jax.random.key(0), setup.program, layout, own.inputs, raw.globals, raw.locals).values
    axes = dict(layout.inputs)
    given = {name: value for name, value in own.inputs.items() if axes[name] is not None}
    gaps = {f"{name}.missing": value for name, value in own.missing.items()}
    ratio = estimator(
        {**points.observed, **given, **gaps},
        local_values(layout, values),
        {site.name: values[site.name] for site in layout.globals},
    )
    outputs = ratio if isinstance(ratio, dict) else {"": ratio}
    scales = setup.parts.scales
    if set(outputs) != set(scales):
        raise InferenceError(
            f"the ratio estimator returns {_names(outputs)}, scale has {_names(scales)}: an estimator that returns a "
            "dict needs a scale with the same keys, one that returns an array a scale that is one number"
        )
    count = points.finite.shape[-1]
    for name, value in outputs.items():
        if value.shape != (count,):
            raise InferenceError(
                f"the ratio estimator returns shape {value.shape}{f' for {name!r}' if name else ''} for {count} data "
                f"points: it must return one number each, ({count},)"
            )
    return outputs


def _names(outputs: Mapping[str, Any]) -> str:
    return "one array" if set(outputs) == {""} else "a dict of " + ", ".join(sorted(map(repr, outputs)))
