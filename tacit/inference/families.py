"""Variational families: reparameterizable laws over all latents of a problem, in standardised unconstrained space."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.linalg import solve_triangular


class Latents(NamedTuple):
    """A batch of S draws: `globals` (S, G), and `locals` (S, M, L) for M data points."""

    globals: jax.Array
    locals: jax.Array


class GaussianBlocks(NamedTuple):
    """A Gaussian with the structure of the plate: full rank over the globals, and over each data point's latents given
    the globals.

        globals = loc + tril eps_g,     locals_n = local_loc_n + coupling_n eps_g + local_tril_n eps_n

    With independent data points this holds every Gaussian whose locals are independent given the globals, as the exact
    posterior's are. The fields are the parameters: loc (G,), tril (G, G), local_loc (N, L), coupling (N, L, G),
    local_tril (N, L, L). It is its own tangent: see `retract`.
    """

    loc: jax.Array
    tril: jax.Array
    local_loc: jax.Array
    coupling: jax.Array
    local_tril: jax.Array


def init_gaussian(num_globals: int, num_points: int, num_locals: int) -> GaussianBlocks:
    """The standard Gaussian."""
    return GaussianBlocks(
        jnp.zeros(num_globals),
        jnp.eye(num_globals),
        jnp.zeros((num_points, num_locals)),
        jnp.zeros((num_points, num_locals, num_globals)),
        jnp.broadcast_to(jnp.eye(num_locals), (num_points, num_locals, num_locals)),
    )


def at_points(q: GaussianBlocks, index: jax.Array) -> GaussianBlocks:
    """The family restricted to the data points `index`."""
    return q._replace(local_loc=q.local_loc[index], coupling=q.coupling[index], local_tril=q.local_tril[index])


def transform(q: GaussianBlocks, eps: Latents) -> Latents:
    """Maps standard normal `eps` to latents of q."""
    shift = jnp.einsum("nlg,sg->snl", q.coupling, eps.globals)
    own = jnp.einsum("nlk,snk->snl", q.local_tril, eps.locals)
    return Latents(q.loc + eps.globals @ q.tril.T, q.local_loc + shift + own)


def whiten(q: GaussianBlocks, latents: Latents) -> Latents:
    """The inverse of `transform`."""
    eps = solve_triangular(q.tril, (latents.globals - q.loc).T, lower=True).T
    if latents.locals.shape[-1] == 0:
        return Latents(eps, latents.locals)
    residual = latents.locals - q.local_loc - jnp.einsum("nlg,sg->snl", q.coupling, eps)
    own = jax.vmap(lambda tril, r: solve_triangular(tril, r.T, lower=True).T, (0, 1), 1)(q.local_tril, residual)
    return Latents(eps, own)


def entropy(q: GaussianBlocks) -> tuple[jax.Array, jax.Array]:
    """Entropy up to a constant: of the globals, and of the locals given the globals summed over points."""
    return _log_det(q.tril), jnp.sum(_log_det(q.local_tril))


def zero_tangent(q: GaussianBlocks) -> GaussianBlocks:
    """The step that leaves q where it is."""
    return jax.tree.map(jnp.zeros_like, q)


def retract(q: GaussianBlocks, tangent: GaussianBlocks) -> GaussianBlocks:
    """The member of the family reached from q by a step in q's own whitened coordinates.

    eps is replaced by `m + A eps` with m = tangent.loc and A lower triangular, the exponential of tangent.tril on its
    diagonal; likewise for the locals. A unit step moves the mean by one posterior standard deviation, however narrow q
    has become, and gradients there are natural gradients up to a factor 2 on the diagonal of A.
    """
    scale, local_scale = unit_tril(tangent.tril), unit_tril(tangent.local_tril)
    return GaussianBlocks(
        q.loc + q.tril @ tangent.loc,
        q.tril @ scale,
        q.local_loc + q.coupling @ tangent.loc + jnp.einsum("nlk,nk->nl", q.local_tril, tangent.local_loc),
        q.coupling @ scale + q.local_tril @ tangent.coupling,
        q.local_tril @ local_scale,
    )


def locals_alone(tangent: GaussianBlocks) -> GaussianBlocks:
    """The part of a tangent that leaves the globals' law where it is."""
    return tangent._replace(loc=jnp.zeros_like(tangent.loc), tril=jnp.zeros_like(tangent.tril))


def natural_step(gradient: GaussianBlocks, rate: jax.Array, limit: float) -> GaussianBlocks:
    """The tangent of a natural-gradient descent step, entries clipped: locations to `limit`, scales to a third.

    In whitened coordinates the Fisher information is the identity, but 2 for logarithms of the scales.
    """

    def scale_step(g: jax.Array) -> jax.Array:
        fisher = 1.0 + jnp.eye(g.shape[-1])
        return jnp.clip(-rate * g / fisher, -limit / 3, limit / 3)

    return GaussianBlocks(
        jnp.clip(-rate * gradient.loc, -limit, limit),
        scale_step(gradient.tril),
        jnp.clip(-rate * gradient.local_loc, -limit, limit),
        jnp.clip(-rate * gradient.coupling, -limit / 3, limit / 3),
        scale_step(gradient.local_tril),
    )


def confine(frame: GaussianBlocks, q: GaussianBlocks, loc_limit: float, log_scale_limit: float) -> GaussianBlocks:
    """q, brought back into a trust region of its globals around the frame, coordinate by coordinate in the frame's
    whitened space: means to `loc_limit`, logarithms of scales to `log_scale_limit`."""
    if q.loc.size == 0:
        return q
    moved = solve_triangular(frame.tril, q.loc - frame.loc, lower=True)
    relative = solve_triangular(frame.tril, q.tril, lower=True)
    # While the mean still travels as far as it may, the scales must not shrink: it would never arrive.
    room = jnp.clip(2.0 - 2.0 * jnp.max(jnp.abs(moved)) / loc_limit, 0.0, 1.0)
    scales = jnp.clip(jnp.diagonal(relative), jnp.exp(-log_scale_limit * room), jnp.exp(log_scale_limit))
    shears = jnp.clip(jnp.tril(relative, -1), -loc_limit, loc_limit)
    return q._replace(
        loc=frame.loc + frame.tril @ jnp.clip(moved, -loc_limit, loc_limit),
        tril=frame.tril @ (shears + jnp.diag(scales)),
    )


def restrict(family: str, tangent: GaussianBlocks) -> GaussianBlocks:
    """The part of a tangent that stays in a smaller family: `blocks` without coupling of locals to globals,
    `mean_field` without any correlation."""
    if family not in ("blocks", "mean_field"):
        return tangent
    tangent = tangent._replace(coupling=jnp.zeros_like(tangent.coupling))
    if family == "blocks":
        return tangent
    diagonal = jnp.eye(tangent.tril.shape[-1]), jnp.eye(tangent.local_tril.shape[-1])
    return tangent._replace(tril=tangent.tril * diagonal[0], local_tril=tangent.local_tril * diagonal[1])


def distance(frame: GaussianBlocks, q: GaussianBlocks, loc_unit: float, log_scale_unit: float) -> jax.Array:
    """How far q's globals are from the frame's: the largest move of a mean, in units of `loc_unit` of the frame's
    standard deviations, or of a log scale, in units of `log_scale_unit`."""
    if q.loc.size == 0:
        return jnp.zeros(())
    moved = jnp.abs(solve_triangular(frame.tril, q.loc - frame.loc, lower=True)) / loc_unit
    scaled = jnp.abs(jnp.log(jnp.diagonal(q.tril) / jnp.diagonal(frame.tril))) / log_scale_unit
    return jnp.maximum(jnp.max(moved), jnp.max(scaled))


def unit_tril(a: jax.Array) -> jax.Array:
    """A lower triangular matrix, the exponential of the one given on its diagonal."""
    diagonal = jnp.exp(jnp.diagonal(a, axis1=-2, axis2=-1))
    return jnp.tril(a, -1) + diagonal[..., None] * jnp.eye(a.shape[-1])


def _log_det(tril: jax.Array) -> jax.Array:
    return jnp.sum(jnp.log(jnp.abs(jnp.diagonal(tril, axis1=-2, axis2=-1))), axis=-1)
