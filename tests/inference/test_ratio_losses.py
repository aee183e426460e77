"""Ratio losses at points whose answer is known in closed form."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tacit.inference.ratio_losses import hinge_loss, log_loss, multiclass_loss, pairwise_loss

X = jnp.linspace(-12.0, 12.0, 4001)
P = jax.scipy.stats.norm.pdf(X, 0.5, 1.0)
Q = jax.scipy.stats.norm.pdf(X, -0.5, 1.5)


def expected(loss, r):
    """E_p[part at psamples] + E_q[part at qsamples], by quadrature; each loss is a sum of the two."""
    width = X[1] - X[0]
    at_p, at_q = loss(r, jnp.full_like(r, -1e9)), loss(jnp.full_like(r, 1e9), r)
    return width * jnp.sum(P * at_p + Q * at_q)


def test_log_loss_is_minimised_by_the_log_ratio():
    ratio = jnp.log(P) - jnp.log(Q)
    np.testing.assert_allclose(jax.grad(lambda r: expected(log_loss, r))(ratio), 0.0, atol=1e-6)
    assert expected(log_loss, ratio) < expected(log_loss, 0.9 * ratio)
    assert expected(log_loss, ratio) < expected(log_loss, 1.1 * ratio)


def test_hinge_loss_is_minimised_by_the_sign():
    sign = jnp.sign(jnp.log(P) - jnp.log(Q))
    best = expected(hinge_loss, sign)
    assert best < expected(hinge_loss, 0.8 * sign)
    assert best < expected(hinge_loss, 1.2 * sign)
    # The Bayes risk of the hinge loss is twice the overlap of the two densities.
    assert float(best) == pytest.approx(2 * float((X[1] - X[0]) * jnp.sum(jnp.minimum(P, Q))), rel=1e-3)


def test_multiclass_loss_of_an_uninformed_estimator_is_log_s():
    np.testing.assert_allclose(multiclass_loss(jnp.ones((4, 3, 4))), np.full((4, 3), np.log(4.0)), rtol=1e-6)


def test_multiclass_loss_looks_at_each_points_own_latent():
    logits = jnp.zeros((2, 1, 2)).at[0, 0, 0].set(3.0)
    expected_losses = [-jax.nn.log_sigmoid(3.0), jnp.log(2.0)]
    np.testing.assert_allclose(multiclass_loss(logits)[:, 0], expected_losses, rtol=1e-6)


def test_multiclass_loss_does_not_see_what_is_constant_in_the_latents():
    logits = jax.random.normal(jax.random.key(0), (5, 4, 5))
    shift = jax.random.normal(jax.random.key(1), (5, 4, 1))
    np.testing.assert_allclose(multiclass_loss(logits + shift), multiclass_loss(logits), atol=1e-5)


@pytest.mark.parametrize("loss", [log_loss, hinge_loss])
def test_pairwise_loss_averages_over_the_other_latents(loss):
    logits = jax.random.normal(jax.random.key(0), (3, 2, 3))
    by_hand = np.zeros((3, 2))
    for s in range(3):
        for m in range(2):
            by_hand[s, m] = np.mean([loss(logits[s, m, s], logits[s, m, t]) for t in range(3) if t != s])
    np.testing.assert_allclose(pairwise_loss(logits, loss), by_hand, rtol=1e-5)
