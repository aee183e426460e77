"""The block Gaussian family against NumPyro's multivariate normal."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest

from tacit.inference import families
from tacit.inference.families import GaussianBlocks, Latents

G, N, L = 2, 3, 2


@pytest.fixture
def q():
    keys = jax.random.split(jax.random.key(0), 5)

    def tril(key, *shape):
        a = jnp.tril(jax.random.normal(key, shape), -1)
        return a + jnp.eye(shape[-1]) * jnp.exp(0.3 * jax.random.normal(key, shape))

    return GaussianBlocks(
        jax.random.normal(keys[0], (G,)),
        tril(keys[1], G, G),
        jax.random.normal(keys[2], (N, L)),
        jax.random.normal(keys[3], (N, L, G)),
        tril(keys[4], N, L, L),
    )


def eps(num_draws, key=1):
    keys = jax.random.split(jax.random.key(key))
    return Latents(jax.random.normal(keys[0], (num_draws, G)), jax.random.normal(keys[1], (num_draws, N, L)))


def joint(q):
    """The same law as one multivariate normal over (globals, locals_1, ..., locals_N)."""
    d = G + N * L
    scale = np.zeros((d, d), np.float32)
    scale[:G, :G] = q.tril
    for n in range(N):
        rows = slice(G + n * L, G + (n + 1) * L)
        scale[rows, :G] = q.coupling[n]
        scale[rows, rows] = q.local_tril[n]
    return dist.MultivariateNormal(jnp.concatenate([q.loc, q.local_loc.reshape(-1)]), scale_tril=scale)


def flat(latents):
    return jnp.concatenate([latents.globals, latents.locals.reshape(len(latents.globals), -1)], axis=1)


def test_whiten_inverts_transform(q):
    noise = eps(5)
    back = families.whiten(q, families.transform(q, noise))
    np.testing.assert_allclose(back.globals, noise.globals, atol=1e-5)
    np.testing.assert_allclose(back.locals, noise.locals, atol=1e-4)


def test_density_is_that_of_the_joint_gaussian(q):
    noise = eps(7)
    draws = flat(families.transform(q, noise))
    entropy, local_entropy = families.entropy(q)
    ours = jnp.sum(dist.Normal().log_prob(flat(noise)), axis=1) - entropy - local_entropy
    np.testing.assert_allclose(ours, joint(q).log_prob(draws), rtol=1e-4)


def test_zero_tangent_leaves_q_where_it_is(q):
    for ours, theirs in zip(families.retract(q, families.zero_tangent(q)), q, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_retract_moves_in_units_of_the_posterior_sd(q):
    tangent = families.zero_tangent(q)._replace(loc=jnp.array([1.0, 0.0]))
    moved = families.retract(q, tangent)
    np.testing.assert_allclose(moved.loc - q.loc, q.tril[:, 0], rtol=1e-5)
    # The conditional law of the locals given the globals stays the same.
    globals_ = jnp.ones((1, G))

    def conditional_mean(q):
        return families.transform(
            q, Latents(families.whiten(q, Latents(globals_, jnp.zeros((1, N, L)))).globals, jnp.zeros((1, N, L)))
        ).locals

    np.testing.assert_allclose(conditional_mean(moved), conditional_mean(q), atol=1e-5)


def test_natural_steps_reach_a_gaussian_target_in_a_few_dozen_steps(q):
    """On an exactly Gaussian target, natural-gradient steps of rate 0.5 converge linearly."""
    target = joint(q)

    def loss(tangent, at, noise):
        moved = families.retract(at, tangent)
        entropy, local_entropy = families.entropy(moved)
        return -(jnp.mean(target.log_prob(flat(families.transform(moved, noise)))) + entropy + local_entropy)

    @jax.jit
    def run(at):
        def body(at, key):
            half = Latents(jax.random.normal(key, (64, G)), jax.random.normal(key, (64, N, L)))
            noise = jax.tree.map(lambda e: jnp.concatenate([e, -e]), half)
            gradient = jax.grad(loss)(families.zero_tangent(at), at, noise)
            return families.retract(at, families.natural_step(gradient, 0.5, 1.0)), None

        return jax.lax.scan(body, at, jax.random.split(jax.random.key(2), 60))[0]

    fitted = joint(run(families.init_gaussian(G, N, L)))
    sds = jnp.sqrt(jnp.diagonal(target.covariance_matrix))
    np.testing.assert_allclose((fitted.mean - target.mean) / sds, 0.0, atol=0.3)
    np.testing.assert_allclose(jnp.sqrt(jnp.diagonal(fitted.covariance_matrix)) / sds, 1.0, atol=0.3)


def test_steps_are_clipped(q):
    huge = jax.tree.map(lambda a: jnp.full_like(a, 1e9), q)
    move = families.natural_step(huge, jnp.float32(1.0), 0.3)
    assert float(jnp.min(move.loc)) == pytest.approx(-0.3)
    assert float(jnp.min(move.tril)) == pytest.approx(-0.1)


def test_distance_is_in_units_of_trust(q):
    tangent = families.zero_tangent(q)._replace(loc=jnp.array([0.5, 0.0]))
    assert float(families.distance(q, families.retract(q, tangent), 1.0, 0.5)) == pytest.approx(0.5, abs=1e-5)
    shrunk = families.zero_tangent(q)._replace(tril=-0.5 * jnp.eye(G))
    assert float(families.distance(q, families.retract(q, shrunk), 1.0, 0.5)) == pytest.approx(1.0, abs=1e-5)
