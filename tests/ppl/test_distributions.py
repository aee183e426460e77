import importlib.util
import inspect
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest

import tacit.ppl
from tacit.errors import ProgramError
from tacit.ppl import Normal, distributions, seed
from tacit.ppl.constructors import KEYWORDS
from tests.ppl.laws import LAWS, NEEDS_TFP, VALUES

KEY = jax.random.key(0)
ROOT = Path(tacit.ppl.__file__).parents[2]
OF_NUMPYRO = {name for name in dist.__all__ if isinstance(getattr(dist, name), type) or name[0].isupper()}


def make(name, **given):
    return getattr(distributions, name)(**LAWS[name](), name="x", **given)


def test_every_public_distribution_has_a_constructor():
    assert set(distributions.__all__) == OF_NUMPYRO - {"Distribution"} == set(LAWS)
    assert all(getattr(tacit.ppl, name) is getattr(distributions, name) for name in distributions.__all__)
    with pytest.raises(AttributeError):
        distributions.Distribution  # noqa: B018


@pytest.mark.parametrize("name", LAWS)
def test_no_parameter_is_hidden_by_the_shared_keywords(name):
    own = set(inspect.signature(getattr(dist, name)).parameters)
    assert not own.intersection(KEYWORDS)
    constructor = getattr(distributions, name)
    assert set(inspect.signature(constructor).parameters) == own | set(KEYWORDS)
    assert f"numpyro.distributions.{name}" in inspect.getdoc(constructor)


def traced(name, **given):
    """A random variable of the law that came out of a transformation, with nothing computed."""
    return jax.eval_shape(lambda key: make(name, key=key, **given), KEY)


@pytest.mark.parametrize("name", sorted(set(LAWS) - set(VALUES) - NEEDS_TFP))
def test_every_law_is_sampled_set_scored_and_rebuilt(name):
    rv = traced(name)
    law = rv.distribution
    assert rv.shape == law.shape() == law.batch_shape + law.event_shape
    assert rv.event_dim == law.event_dim
    assert jnp.issubdtype(rv.dtype, jnp.integer) == rv.support.is_discrete
    copies = traced(name, sample_shape=(3,))
    assert copies.shape == (3, *rv.shape)

    def score(x):
        again = make(name, value=x)
        leaves, structure = jax.tree.flatten(again)
        assert jax.tree.structure(jax.tree.unflatten(structure, leaves)) == structure
        assert hash(structure) == hash(jax.tree.structure(make(name, value=x)))
        return again.log_prob(), jax.tree.unflatten(structure, leaves).log_prob()

    for density in jax.eval_shape(score, rv.value):
        assert density.shape == law.batch_shape


# One of each kind of sampler and support, in earnest: the others differ in parameters only.
IN_EARNEST = (
    "Bernoulli",
    "CAR",
    "Dirichlet",
    "GaussianRandomWalk",
    "Geometric",
    "HalfNormal",
    "HurdleNegativeBinomial2",
    "LKJCholesky",
    "LeftTruncatedDistribution",
    "Multinomial",
    "OrderedLogistic",
    "Uniform",
    "ZeroSumNormal",
)


@pytest.mark.parametrize("name", IN_EARNEST)
def test_draws_lie_in_the_support_and_replay(name):
    drawn = make(name, key=KEY)
    assert bool(jnp.all(drawn.support(drawn.value)))
    replayed = make(name, value=drawn)
    np.testing.assert_array_equal(replayed.log_prob(), drawn.log_prob())
    np.testing.assert_allclose(drawn.log_prob(), getattr(dist, name)(**LAWS[name]()).log_prob(drawn.value), rtol=1e-6)


@pytest.mark.parametrize("name", VALUES)
def test_what_cannot_be_sampled_refuses_and_can_be_set(name):
    with pytest.raises(ProgramError, match=r"'x' follows .*: set its value"):
        make(name, key=KEY)
    assert jax.eval_shape(lambda: make(name, value=VALUES[name]).log_prob()).shape == ()


@pytest.mark.parametrize("name", sorted(NEEDS_TFP))
@pytest.mark.skipif(
    bool(importlib.util.find_spec("tensorflow_probability")), reason="tensorflow_probability is installed"
)
def test_what_needs_another_package_says_so(name):
    with pytest.raises(ImportError, match="tensorflow_probability"):
        make(name, key=KEY)


def test_the_law_that_numpyro_cannot_rebuild_is_the_same_law():
    x = jnp.arange(5)
    own = distributions.HurdleNegativeBinomial2(0.3, 2.0, 3.0, name="x", value=x, sample_shape=(5,))
    np.testing.assert_allclose(own.log_prob(), dist.HurdleNegativeBinomial2(0.3, 2.0, 3.0).log_prob(x), rtol=1e-6)
    assert inspect.signature(own.distribution.__class__)


def test_parameters_by_position_keyword_and_random_variable():
    with seed(KEY):
        loc = Normal(0.0, 1.0, name="loc", value=2.0)
    for rv in (Normal(loc, 3.0, name="x", value=0.0), Normal(scale=3.0, loc=loc, name="x", value=0.0)):
        assert (float(rv.distribution.loc), float(rv.distribution.scale)) == (2.0, 3.0)


def test_the_stub_is_current():
    spec = importlib.util.spec_from_file_location("make_stubs", ROOT / "tools" / "make_stubs.py")
    make_stubs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make_stubs)
    assert make_stubs.PATH.read_text() == make_stubs.stub(), "run python tools/make_stubs.py"
    compile(make_stubs.stub(), "distributions.pyi", "exec")
    assert (ROOT / "tacit" / "py.typed").exists()
