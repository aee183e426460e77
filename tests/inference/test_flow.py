"""The flow against its own Jacobian, and fits of bent posteriors against quadrature."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tacit.errors import InferenceError
from tacit.inference import InferenceOptions, Problem, fit
from tacit.inference.flow import Flow
from tacit.ppl import Normal, Poisson, plate

KEY = jax.random.key(0)


def bent(size):
    """A flow far from the identity."""
    flow = Flow(size, key=jax.random.key(1))
    arrays, rest = eqx.partition(flow, eqx.is_inexact_array)
    leaves, structure = jax.tree.flatten(arrays)
    keys = jax.random.split(jax.random.key(2), len(leaves))
    moved = [leaf + 0.1 * jax.random.normal(key, leaf.shape) for leaf, key in zip(leaves, keys, strict=True)]
    return eqx.combine(jax.tree.unflatten(structure, moved), rest)


@pytest.mark.parametrize("size", [1, 2, 5])
def test_a_flow_starts_as_the_identity(size):
    x = jax.random.normal(KEY, (7, size))
    y, log_det = jax.jit(jax.vmap(Flow(size, key=jax.random.key(1)).forward))(x)
    np.testing.assert_allclose(y, x, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(log_det, 0.0, atol=1e-5)


@pytest.mark.parametrize("size", [1, 2, 5])
def test_a_flow_has_an_inverse_and_the_determinant_of_its_jacobian(size):
    flow, x = bent(size), jax.random.normal(KEY, (7, size))
    y, log_det = jax.jit(jax.vmap(flow.forward))(x)
    assert np.abs(y - x).max() > 0.1
    back, inverse_log_det = jax.jit(jax.vmap(flow.inverse))(y)
    np.testing.assert_allclose(back, x, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(inverse_log_det, -log_det, rtol=1e-3, atol=1e-3)
    jacobian = jax.jit(jax.vmap(jax.jacobian(lambda x: flow.forward(x)[0])))(x)
    np.testing.assert_allclose(log_det, np.linalg.slogdet(jacobian)[1], rtol=1e-3, atol=1e-4)


def few_counts(N):
    z = Normal(0.0, 2.0, name="z")
    with plate("N", N):
        Poisson(jnp.exp(z), name="x")


def banana(N):
    a = Normal(0.0, 1.0, name="a")
    b = Normal(0.0, 1.0, name="b")
    with plate("N", N):
        Normal(b + a.value**2, 0.5, name="x")


def moments(grid, log_density):
    """Mean and sd along each axis of a grid of the same points along each axis."""
    weights = np.exp(log_density - log_density.max())
    weights /= weights.sum()
    along = [weights.sum(axis=tuple(j for j in range(weights.ndim) if j != i)) for i in range(weights.ndim)]
    means = np.array([w @ grid for w in along])
    return means, np.sqrt([w @ (grid - m) ** 2 for w, m in zip(along, means, strict=True)])


def klqp(problem, family, steps):
    options = InferenceOptions(method="klqp", steps=steps, family=family)
    return fit(KEY, problem, options=options, num_draws=4000)


def assert_moments(draws, mean, sd):
    np.testing.assert_allclose((draws.mean(axis=0) - mean) / sd, 0.0, atol=0.1)
    np.testing.assert_allclose(draws.std(axis=0) / sd, 1.0, atol=0.06)


def test_a_flow_fits_a_skewed_posterior_of_one_latent():
    grid = np.linspace(-12.0, 6.0, 20_001)
    moments_ = moments(grid, -(grid**2) / 8 + grid - 3 * np.exp(grid))
    problem = Problem(few_counts, observed={"x": np.array([0, 0, 1])}, inputs={"N": 3})
    gaussian, flow = klqp(problem, "full_rank", 1000), klqp(problem, "flow", 1000)
    assert_moments(flow.posterior["z"][:, None], *moments_)
    assert flow.diagnostics["k_hat"] < gaussian.diagnostics["k_hat"] - 0.1
    assert flow.diagnostics["effective_draws"] > 0.97 * 4000 > gaussian.diagnostics["effective_draws"]
    assert any(name.startswith("flow.networks") for name in flow.variational)


def test_a_flow_fits_a_banana():
    """The best Gaussian has half the standard deviations, and a twelfth of the effective draws."""
    x = np.array([0.6, 1.3], np.float32)
    grid = np.linspace(-6.0, 6.0, 1201)
    a, b = np.meshgrid(grid, grid, indexing="ij")
    log_density = -(a**2) / 2 - b**2 / 2 - sum((b + a**2 - value) ** 2 for value in x) / 2 / 0.25
    flow = klqp(Problem(banana, observed={"x": x}, inputs={"N": 2}), "flow", 2000)
    assert_moments(np.column_stack([flow.posterior["a"], flow.posterior["b"]]), *moments(grid, log_density))
    assert flow.diagnostics["effective_draws"] > 0.9 * 4000
    assert flow.warnings == []


def test_a_flow_needs_globals():
    def program(N):
        with plate("N", N):
            z = Normal(0.0, 1.0, name="z")
            Normal(z, 1.0, name="x")

    problem = Problem(program, observed={"x": np.zeros(3, np.float32)}, inputs={"N": 3})
    with pytest.raises(InferenceError, match="family 'flow' is for global latents"):
        fit(KEY, problem, options=InferenceOptions(family="flow"))
