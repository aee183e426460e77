"""Which covariates a program looks things up by."""

import jax
import jax.numpy as jnp
import pytest

from model_registry import Field
from model_registry.indexing import unbounded_indices
from tacit.ppl import Normal, plate


@pytest.fixture
def looked_up(make_model):
    """The covariates that a function of three effects and of the covariate k looks up by."""

    def found(function, **options):
        def program(k, N):
            effects = Normal(0.0, 1.0, name="effects", sample_shape=(3,))
            with plate("N", N):
                Normal(function(effects, k), 1.0, name="y")

        field = Field(("N",), **({"dtype": "int"} | options))
        data = {"k": field, "y": Field(("N",))}
        return unbounded_indices(make_model(program=program, data=data, example={"k": [1, 1], "y": [0.0, 1.0]}))

    return found


def _carried(effects, k):
    """An index that is used a turn later than it is read."""
    return jax.lax.scan(lambda carry, each: ((carry[1], each), effects[carry[0]]), (0, 0), k)[1]


def _turned(effects, k):
    return jax.lax.while_loop(lambda s: s[0] < 3, lambda s: (s[0] + 1, s[1] + effects[k]), (0, jnp.zeros(len(k))))[1]


@pytest.mark.parametrize(
    "function",
    [
        pytest.param(lambda effects, k: effects[k], id="index"),
        pytest.param(lambda effects, k: effects[k - 1], id="index less one"),
        pytest.param(lambda effects, k: jnp.take(effects, k), id="take"),
        pytest.param(lambda effects, k: jax.vmap(lambda each: effects[each])(k), id="vmap"),
        pytest.param(lambda effects, k: jax.jit(lambda e, k: e[k])(effects, k), id="jit"),
        pytest.param(lambda effects, k: jax.checkpoint(lambda e, k: e[k])(effects, k), id="checkpoint"),
        pytest.param(lambda effects, k: jax.lax.scan(lambda c, each: (c, effects[each]), 0, k)[1], id="scan"),
        pytest.param(_carried, id="carry"),
        pytest.param(_turned, id="while"),
        pytest.param(lambda effects, k: jax.lax.cond(True, lambda: effects[k], lambda: 0.0 * k), id="cond"),
        pytest.param(lambda effects, k: jax.ops.segment_sum(effects[0] * k, k, 3)[0] + 0 * k, id="segments"),
    ],
)
def test_an_index_without_bounds_is_found(looked_up, function):
    assert looked_up(function) == ["k"]
    assert looked_up(function, levels=3) == []


@pytest.mark.parametrize(
    "function",
    [
        pytest.param(lambda effects, k: effects[0] * k, id="a factor"),
        pytest.param(lambda effects, k: effects[jnp.clip(k, 0, 2)], id="clipped"),
        pytest.param(lambda effects, k: effects[k % 3], id="remainder"),
        pytest.param(lambda effects, k: jax.nn.one_hot(k, 3) @ effects, id="one hot"),
        pytest.param(lambda effects, k: jnp.where(k > 1, effects[0], effects[1]), id="compared"),
        pytest.param(lambda effects, k: effects[0] + jnp.cumsum(k)[::2].sum(), id="sliced"),
    ],
)
def test_other_uses_are_not(looked_up, function):
    assert looked_up(function) == []


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"minimum": 0, "maximum": 2}, []),
        ({"support": "nonnegative", "maximum": 2}, []),
        ({"support": "boolean"}, []),
        ({"maximum": 2}, ["k"]),
        ({"minimum": 0}, ["k"]),
        ({"support": "positive"}, ["k"]),
    ],
)
def test_both_bounds_are_needed(looked_up, options, found):
    assert looked_up(lambda effects, k: effects[k], **options) == found
