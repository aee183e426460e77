"""The default ratio estimator: two towers, one of data and one of latents, with a quadratic head.

    r(x, latents) = <phi(x), psi(latents)>,    psi = [eps, eps eps' / 2, tanh network(eps)]

with eps the latents whitened by the current variational family. Near a concentrated posterior a log likelihood is
quadratic in eps, so the head is nearly exact there and the network only bends it. S latents against S x M data cost
S + S x M tower passes and one matrix product.
"""

import equinox as eqx
import jax
import jax.numpy as jnp

from tacit.inference import networks

CLIP = 10.0
# Of features, in the tower of data.
MOST_PRODUCTS = 64


class DataTower(eqx.Module):
    """phi: features (..., D) to (..., F), linear in the features, products of them, and a network of both.

    Products are offered beside the network because sufficient statistics of common models are products of data and
    covariates: each of two features where these are few, if `pairwise`, or else of learnt combinations.
    """

    left: eqx.nn.Linear | None
    right: eqx.nn.Linear | None
    network: eqx.nn.MLP
    head: eqx.nn.Linear

    def __init__(self, in_size: int, out_size: int, width: int, *, pairwise: bool = False, key: jax.Array) -> None:
        keys = jax.random.split(key, 4)
        of_two = in_size * (in_size + 1) // 2
        if pairwise and of_two <= MOST_PRODUCTS:
            products, self.left, self.right = of_two, None, None
        else:
            products = min(MOST_PRODUCTS, of_two + 1)
            self.left = eqx.nn.Linear(in_size, products, key=keys[0])
            self.right = eqx.nn.Linear(in_size, products, key=keys[1])
        self.network = eqx.nn.MLP(
            in_size + products, width, width, 1, jax.nn.silu, final_activation=jax.nn.silu, key=keys[2]
        )
        self.head = eqx.nn.Linear(in_size + products + width, out_size, key=keys[3])

    def __call__(self, x: jax.Array) -> jax.Array:
        return networks.linear(self.head, self.body(x))

    def body(self, x: jax.Array) -> jax.Array:
        """All but the last layer, which is linear: sums over points can be taken before it."""
        if self.left is None or self.right is None:
            i, j = jnp.tril_indices(x.shape[-1])
            products = x[..., i] * x[..., j]
        else:
            products = networks.linear(self.left, x) * networks.linear(self.right, x)
        h = jnp.concatenate([x, products], axis=-1)
        return jnp.concatenate([h, networks.layers(self.network, h)], axis=-1)


class LatentTower(eqx.Module):
    """psi: whitened latents (..., d) to (..., F)."""

    network: eqx.nn.MLP

    def __init__(self, in_size: int, network_size: int, width: int, *, key: jax.Array) -> None:
        self.network = eqx.nn.MLP(in_size, network_size, width, 2, jax.nn.silu, key=key)

    def __call__(self, eps: jax.Array) -> jax.Array:
        eps = jnp.clip(eps, -CLIP, CLIP)
        i, j = jnp.tril_indices(eps.shape[-1])
        return jnp.concatenate([eps, eps[..., i] * eps[..., j] / 2, networks.layers(self.network, eps)], axis=-1)


class Critic(eqx.Module):
    """The two towers. `scale` (F,) sets the natural size of each product for N points: in eps, the log likelihood of
    one of N points has a slope of order 1 / sqrt(N) and a curvature of order 1 / N."""

    data: DataTower
    latent: LatentTower
    num_latents: int = eqx.field(static=True)
    num_points: int = eqx.field(static=True)

    def __init__(
        self,
        num_features: int,
        num_latents: int,
        num_points: int,
        *,
        width: int,
        rank: int,
        pairwise: bool = False,
        key: jax.Array,
    ) -> None:
        data_key, latent_key = jax.random.split(key)
        out_size = num_latents + num_latents * (num_latents + 1) // 2 + rank
        self.data = DataTower(num_features, out_size, width, pairwise=pairwise, key=data_key)
        self.latent = LatentTower(num_latents, rank, width, key=latent_key)
        self.num_latents, self.num_points = num_latents, num_points

    @property
    def scale(self) -> jax.Array:
        d, total = self.num_latents, self.data.head.out_features
        quadratic = (jnp.arange(total) >= d) & (jnp.arange(total) < d + d * (d + 1) // 2)
        return jnp.where(quadratic, 1.0 / self.num_points, self.num_points**-0.5) * total**-0.5


def phi(critic: Critic, features: jax.Array) -> jax.Array:
    """Features (..., D) to (..., F)."""
    return critic.data(features)


def psi(critic: Critic, eps: jax.Array) -> jax.Array:
    """Whitened latents (..., d) to (..., F), scaled."""
    return critic.latent(eps) * critic.scale
