"""Networks as one row of parameters."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tacit.inference import networks
from tacit.inference.critic import MOST_PRODUCTS, Critic, DataTower
from tacit.inference.flow import Flow
from tacit.inference.forward.pair_critic import PairCritic
from tacit.inference.summary import FEW_NUMBERS

KEY = jax.random.key(0)


def make():
    return eqx.nn.MLP(3, 2, 50, 2, key=KEY)


def test_a_row_gives_the_network_back():
    network, x = make(), jnp.array([0.3, -1.0, 2.0])
    row = networks.row(network)
    assert row.shape == (3 * 50 + 50 + 50 * 50 + 50 + 50 * 2 + 2,)
    again = networks.filled(make, row)
    np.testing.assert_array_equal(again(x), network(x))
    np.testing.assert_array_equal(networks.filled(make, 0.0 * row)(x), jnp.zeros(2))
    of_numpy = jax.tree.leaves(eqx.filter(networks.filled(make, np.asarray(row)), networks.is_trained))
    assert all(isinstance(leaf, np.ndarray) for leaf in of_numpy)
    for leaf, own in zip(of_numpy, jax.tree.leaves(eqx.filter(network, networks.is_trained)), strict=True):
        np.testing.assert_array_equal(leaf, own)


def test_parameters_are_drawn_within_the_bound_of_each_layer():
    for layer, inputs in zip(networks.drawn(KEY, make).layers, (3, 50, 50), strict=True):
        drawn = np.concatenate([layer.weight.reshape(-1), layer.bias]) * np.sqrt(inputs)
        assert np.all(np.abs(drawn) <= 1.0)
        # A uniform law on (-1, 1): the largest of n is within 5 / n of 1, but in one of 100 cases.
        assert np.max(np.abs(drawn)) > 1.0 - 5.0 / drawn.size
        assert abs(np.mean(drawn)) < 4 * 3**-0.5 * drawn.size**-0.5


def test_another_key_draws_others():
    one, other = (networks.row(networks.drawn(jax.random.key(seed), make)) for seed in (0, 1))
    assert np.mean(one == other) < 0.01


def test_layers_that_are_still_are_zero_and_a_flow_begins_as_the_identity():
    flow = networks.drawn(KEY, lambda: Flow(3, key=KEY), still=lambda flow: flow.networks.layers[-1])
    x = jnp.array([0.3, -1.0, 2.0])
    y, log_det = flow.forward(x)
    np.testing.assert_allclose(y, x, atol=1e-6)
    np.testing.assert_allclose(log_det, 0.0, atol=1e-6)
    assert np.all(np.asarray(flow.networks.layers[0].weight) != 0.0)


def test_every_parameter_of_the_ratio_estimator_is_drawn():
    for make in (
        lambda: PairCritic(3, 2, width=8, rank=4, pairs=5, key=KEY),
        lambda: Critic(3, 2, 10, width=8, rank=4, key=KEY),
    ):
        drawn = np.asarray(networks.row(networks.drawn(KEY, make)))
        assert drawn.shape == networks.row(make()).shape
        assert np.all(drawn != 0.0)


@pytest.mark.parametrize(("numbers", "with_gains"), [(FEW_NUMBERS, False), (FEW_NUMBERS + 1, True)])
def test_each_of_many_numbers_has_a_gain_that_begins_as_one(numbers, with_gains):
    def make():
        return PairCritic(2 * numbers + 1, 2, width=8, rank=4, pairs=5, numbers=numbers, key=KEY)

    critic = networks.drawn(KEY, make)
    assert (critic.data.gains is not None) == with_gains
    if with_gains:
        np.testing.assert_array_equal(critic.data.gains.factors, np.ones((2, numbers)))
        without = critic.data.gains.factors.at[:, 3].set(0.0)
        critic = eqx.tree_at(lambda critic: critic.data.gains.factors, critic, without)
    slope = jax.jacobian(critic.of_data)(jax.random.normal(KEY, (1, 2 * numbers + 1)))[:, 0]
    seen = np.abs(slope).max(axis=0)[:-1].reshape(2, numbers) > 0
    np.testing.assert_array_equal(seen, np.arange(numbers)[None] != (3 if with_gains else -1) + np.zeros((2, 1)))


def test_an_array_outside_linear_layers_is_refused():
    with pytest.raises(AssertionError, match="LayerNorm has an array outside"):
        networks.drawn(KEY, lambda: eqx.nn.LayerNorm(3))


@pytest.mark.parametrize(("size", "pairwise"), [(3, True), (3, False), (MOST_PRODUCTS, True)])
def test_few_features_are_multiplied_pair_by_pair(size, pairwise):
    tower = networks.drawn(KEY, lambda: DataTower(size, 2, 8, pairwise=pairwise, key=KEY))
    x = jnp.arange(1.0, size + 1.0) ** 0.5
    products = tower.body(x)[size:-8]
    if pairwise and size == 3:
        expected = [x[i] * x[j] for i in range(3) for j in range(i + 1)]
    else:
        expected = tower.left(x) * tower.right(x)
    # The learnt ones are products of sums of up to 64 numbers, which are added in another order here.
    np.testing.assert_allclose(products, expected, rtol=1e-5, atol=1e-6)
