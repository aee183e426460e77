"""The ratio estimator for whole data sets: two towers, and a layer over pairs.

    r(x, latents) = <c + sum_n phi(x_n), psi(latents)> + sum_n sum_k w_k silu(a_k(x_n) + b_k(latents))

The product is that of `critic`, exact where a log likelihood is quadratic. The layer over pairs sees sums of a function
of the data and one of the latents, so differences between them: a needle in a posterior is a narrow function of a
difference, and no product of low rank. r of a data set is a sum over its points, as the log likelihood of points that
are independent given the latents is. The tower of data also sees a learnt summary of each observed variable that has an
order.
"""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from tacit.inference import networks
from tacit.inference.critic import CLIP
from tacit.inference.data_network import DataNetwork
from tacit.inference.summary import Variable

# What the latents bent by a flow are limited to.
BENT_CLIP = 5.0


class PairCritic(eqx.Module):
    """phi, psi and w; features of data (N, F), latents as eps of the Gaussian and eps of the flow, (d,) each.

    The features begin with `numbers` observed ones on one scale, and then on another; `variables` are those of them
    that have an order.
    """

    data: DataNetwork
    latent: eqx.nn.MLP
    last: eqx.nn.Linear
    num_products: int = eqx.field(static=True)

    def __init__(
        self,
        num_features: int,
        num_latents: int,
        *,
        width: int,
        rank: int,
        pairs: int,
        numbers: int = 0,
        variables: Sequence[Variable] = (),
        key: jax.Array,
    ) -> None:
        data_key, latent_key, last_key = jax.random.split(key, 3)
        self.num_products = rank + num_latents + num_latents * (num_latents + 1) // 2
        out_size = self.num_products + pairs
        self.data = DataNetwork(
            num_features, out_size, width=width, numbers=numbers, variables=variables, gains=True, key=data_key
        )
        self.latent = eqx.nn.MLP(2 * num_latents, rank + pairs, width, 2, jax.nn.silu, key=latent_key)
        self.last = eqx.nn.Linear(pairs, "scalar", use_bias=False, key=last_key)

    def of_data(self, features: jax.Array, beside: Any = 1.0) -> jax.Array:
        """phi, summed over the points of a data set, and a of each of them: (..., N, D) to (..., F + N K). `beside`
        (...,): 1 or 0, whether what is summarised is seen number by number too."""
        body, head, F = self.data.bodies(features, beside), self.data.head, self.num_products
        phi = jnp.sum(body, axis=-2) @ head.weight[:F].T + head.bias[:F]
        of_points = body @ head.weight[F:].T + head.bias[F:]
        return jnp.concatenate([phi, of_points.reshape(*phi.shape[:-1], -1)], axis=-1)

    def of_latents(self, eps: jax.Array, bent: jax.Array) -> jax.Array:
        """psi and b of draws: (..., d), (..., d) to (..., F + K)."""
        eps = CLIP * jnp.tanh(eps / CLIP)
        seen = jnp.concatenate([eps, BENT_CLIP * jnp.tanh(bent / BENT_CLIP)], axis=-1)
        i, j = jnp.tril_indices(eps.shape[-1])
        return jnp.concatenate([eps, eps[..., i] * eps[..., j] / 2, networks.layers(self.latent, seen)], axis=-1)

    def pairs(self, of_data: jax.Array, of_latents: jax.Array) -> jax.Array:
        """r of every pair: (..., X, F + N K) and (..., S, F + K) to (..., X, S)."""
        F, K = self.num_products, self.last.in_features
        products = jnp.einsum("...xf,...sf->...xs", of_data[..., :F], of_latents[..., :F]) * F**-0.5
        of_points = of_data[..., F:].reshape(*of_data.shape[:-1], -1, K)
        sums = of_points[..., :, None, :, :] + of_latents[..., None, :, None, F:]
        # The other way round, sum and then product, takes up to ten times as long.
        return products + jnp.sum(jax.nn.silu(sums) @ self.last.weight[0], axis=-1)
