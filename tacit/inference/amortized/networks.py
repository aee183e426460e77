"""The two networks of the amortized objective: a law of the latents given data, and what that law still lacks."""

from collections.abc import Sequence
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.scipy.linalg import solve_triangular

from tacit.inference.data_network import DataNetwork
from tacit.inference.summary import Variable

# Gaussians in the mixture.
COMPONENTS = 8
# Bounds of the logarithms of their precisions, and of what the critic sees of a latent.
LOG_LIMIT, CLIP = 10.0, 10.0


class Mixture(NamedTuple):
    """A mixture of C Gaussians over R^d: `log_weight` (C,), `loc` (C, d), and `factor` (C, d, d), lower triangular,
    with which factor (u - loc) is standard normal."""

    log_weight: jax.Array
    loc: jax.Array
    factor: jax.Array

    def log_parts(self, u: jax.Array) -> jax.Array:
        """(C,): the log density of each component at u (d,), its weight included."""
        eps = jnp.einsum("cij,cj->ci", self.factor, u - self.loc)
        logs = jnp.sum(jnp.log(jnp.diagonal(self.factor, axis1=1, axis2=2)), axis=1)
        return self.log_weight + logs - jnp.sum(eps**2, axis=1) / 2 - u.size * jnp.log(2 * jnp.pi) / 2

    def log_density(self, u: jax.Array) -> jax.Array:
        return jax.nn.logsumexp(self.log_parts(u))

    def draw(self, key: jax.Array, num_draws: int) -> jax.Array:
        """(S, d)."""
        choice_key, key = jax.random.split(key)
        chosen = jax.random.categorical(choice_key, self.log_weight, shape=(num_draws,))
        eps = jax.random.normal(key, (num_draws, self.loc.shape[1]))
        roots = self._roots()
        return self.loc[chosen] + jnp.einsum("sij,sj->si", roots[chosen], eps)

    def moments(self) -> tuple[jax.Array, jax.Array]:
        """Mean (d,), and the Cholesky factor (d, d) of the covariance."""
        weight, roots = jnp.exp(self.log_weight), self._roots()
        mean = weight @ self.loc
        apart = self.loc - mean
        covariance = jnp.einsum("c,cik,cjk->ij", weight, roots, roots) + jnp.einsum("c,ci,cj->ij", weight, apart, apart)
        return mean, jnp.linalg.cholesky(covariance)

    def _roots(self) -> jax.Array:
        identity = jnp.eye(self.loc.shape[1])
        return jax.vmap(lambda factor: solve_triangular(factor, identity, lower=True))(self.factor)


class MixtureNetwork(eqx.Module):
    """A mixture density network (Bishop, 1994): the law of latents (d,) given the features of a data set (N, F)."""

    data: DataNetwork
    network: eqx.nn.MLP
    size: int = eqx.field(static=True)

    def __init__(
        self,
        num_features: int,
        size: int,
        *,
        width: int,
        numbers: int,
        variables: Sequence[Variable],
        key: jax.Array,
    ) -> None:
        data_key, key = jax.random.split(key)
        self.data = DataNetwork(num_features, width, width=width, numbers=numbers, variables=variables, key=data_key)
        out_size = COMPONENTS * (1 + size + size * (size + 1) // 2)
        self.network = eqx.nn.MLP(width, out_size, width, 2, jax.nn.silu, key=key)
        self.size = size

    def __call__(self, features: jax.Array) -> Mixture:
        raw = self.network(self.data(features)).reshape(COMPONENTS, -1)
        weight, loc, entries = raw[:, 0], raw[:, 1 : 1 + self.size], raw[:, 1 + self.size :]
        factor = jnp.zeros((COMPONENTS, self.size, self.size))
        factor = factor.at[(slice(None), *jnp.tril_indices(self.size))].set(entries)
        diagonal = jnp.exp(LOG_LIMIT * jnp.tanh(jnp.diagonal(factor, axis1=1, axis2=2) / LOG_LIMIT))
        factor = jnp.tril(factor, -1) + diagonal[:, :, None] * jnp.eye(self.size)
        return Mixture(jax.nn.log_softmax(weight), loc, factor)


class GapCritic(eqx.Module):
    """r(x, u) = log p(u | x) - log q(u | x), up to a function of x: what the mixture q still lacks.

    It sees the latents whitened by the mixture as a whole, as they are, and which components they are of.
    """

    data: DataNetwork
    latent: eqx.nn.Linear
    network: eqx.nn.MLP

    def __init__(
        self,
        num_features: int,
        size: int,
        *,
        width: int,
        numbers: int,
        variables: Sequence[Variable],
        key: jax.Array,
    ) -> None:
        data_key, latent_key, key = jax.random.split(key, 3)
        self.data = DataNetwork(num_features, width, width=width, numbers=numbers, variables=variables, key=data_key)
        self.latent = eqx.nn.Linear(2 * size + COMPONENTS, width, key=latent_key)
        self.network = eqx.nn.MLP(width, "scalar", width, 1, jax.nn.silu, key=key)

    def __call__(self, features: jax.Array, q: Mixture, latents: jax.Array) -> jax.Array:
        """(S,): of latents (S, d) and the features of a data set (N, F)."""
        of_data = self.data(features)
        mean, root = q.moments()
        eps = solve_triangular(root, (latents - mean).T, lower=True).T
        parts = jax.nn.softmax(jax.vmap(q.log_parts)(latents), axis=1)
        seen = jnp.concatenate([_limited(eps), _limited(latents), parts], axis=1)
        return jax.vmap(lambda each: self.network(jax.nn.silu(of_data + self.latent(each))))(seen)


def _limited(x: jax.Array) -> jax.Array:
    return CLIP * jnp.tanh(x / CLIP)
