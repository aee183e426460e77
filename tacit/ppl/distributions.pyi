"""One random-variable constructor for every public distribution of NumPyro. Written by tools/make_stubs.py."""

from collections.abc import Callable
from typing import Any

import jax
from jax.typing import ArrayLike
from numpyro.distributions import Distribution, constraints

from tacit.ppl.random_variable import Plate, RandomVariable

_Parameter = ArrayLike | RandomVariable

__all__ = [  # noqa: RUF022 (NumPyro's order)
    "AsymmetricLaplace",
    "AsymmetricLaplaceQuantile",
    "Bernoulli",
    "BernoulliLogits",
    "BernoulliProbs",
    "Beta",
    "BetaBinomial",
    "BetaNegativeBinomial",
    "BetaProportion",
    "Binomial",
    "BinomialLogits",
    "BinomialProbs",
    "CAR",
    "Categorical",
    "CategoricalLogits",
    "CategoricalProbs",
    "Cauchy",
    "Chi2",
    "CirculantNormal",
    "Dagum",
    "Delta",
    "Dirichlet",
    "DirichletMultinomial",
    "DiscreteUniform",
    "DoublyTruncatedPowerLaw",
    "EulerMaruyama",
    "ExpandedDistribution",
    "Exponential",
    "FoldedDistribution",
    "Gamma",
    "GammaPoisson",
    "GaussianCopula",
    "GaussianCopulaBeta",
    "GaussianRandomWalk",
    "GaussianStateSpace",
    "Geometric",
    "GeometricLogits",
    "GeometricProbs",
    "Gompertz",
    "Gumbel",
    "HalfCauchy",
    "HalfNormal",
    "HurdleDistribution",
    "HurdleGamma",
    "HurdleLogits",
    "HurdleLogNormal",
    "HurdleNegativeBinomial2",
    "HurdlePoisson",
    "HurdleProbs",
    "ImproperUniform",
    "Independent",
    "InverseGamma",
    "InverseWishart",
    "InverseWishartCholesky",
    "Kumaraswamy",
    "Laplace",
    "LeftTruncatedDistribution",
    "LeftTruncatedGamma",
    "Levy",
    "LKJ",
    "LKJCholesky",
    "Logistic",
    "LogNormal",
    "LogUniform",
    "LowerTruncatedPowerLaw",
    "LowRankMultivariateNormal",
    "MaskedDistribution",
    "MatrixNormal",
    "Mixture",
    "MixtureGeneral",
    "MixtureSameFamily",
    "Multinomial",
    "MultinomialLogits",
    "MultinomialProbs",
    "MultivariateNormal",
    "MultivariateStudentT",
    "NegativeBinomial",
    "NegativeBinomial2",
    "NegativeBinomialLogits",
    "NegativeBinomialProbs",
    "Normal",
    "OrderedLogistic",
    "Pareto",
    "Poisson",
    "ProjectedNormal",
    "RelaxedBernoulli",
    "RelaxedBernoulliLogits",
    "RightTruncatedDistribution",
    "RightTruncatedGamma",
    "LeftCensoredDistribution",
    "RightCensoredDistribution",
    "IntervalCensoredDistribution",
    "SineBivariateVonMises",
    "SineSkewed",
    "SoftLaplace",
    "StudentT",
    "TransformedDistribution",
    "TruncatedCauchy",
    "TruncatedDistribution",
    "TruncatedGamma",
    "TruncatedNormal",
    "TruncatedPolyaGamma",
    "TwoSidedTruncatedDistribution",
    "TwoSidedTruncatedGamma",
    "Uniform",
    "Unit",
    "VonMises",
    "Weibull",
    "Wishart",
    "WishartCholesky",
    "ZeroInflatedDistribution",
    "ZeroInflatedLogits",
    "ZeroInflatedNegativeBinomial2",
    "ZeroInflatedPoisson",
    "ZeroInflatedProbs",
    "ZeroSumNormal",
]

def AsymmetricLaplace(
    loc: _Parameter = ...,
    scale: _Parameter = ...,
    asymmetry: _Parameter = ...,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.AsymmetricLaplace`."""

def AsymmetricLaplaceQuantile(
    loc: _Parameter = ...,
    scale: _Parameter = ...,
    quantile: _Parameter = ...,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.AsymmetricLaplaceQuantile`."""

def Bernoulli(
    probs: _Parameter | None = ...,
    logits: _Parameter | None = ...,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.Bernoulli`."""

def BernoulliLogits(
    logits: _Parameter,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.BernoulliLogits`."""

def BernoulliProbs(
    probs: _Parameter,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.BernoulliProbs`."""

def Beta(
    concentration1: _Parameter,
    concentration0: _Parameter,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.Beta`."""

def BetaBinomial(
    concentration1: _Parameter,
    concentration0: _Parameter,
    total_count: _Parameter = ...,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.BetaBinomial`."""

def BetaNegativeBinomial(
    concentration1: _Parameter,
    concentration0: _Parameter,
    n: _Parameter,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.BetaNegativeBinomial`."""

def BetaProportion(
    mean: _Parameter,
    concentration: _Parameter,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.BetaProportion`."""

def Binomial(
    total_count: _Parameter = ...,
    probs: _Parameter | None = ...,
    logits: _Parameter | None = ...,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.Binomial`."""

def BinomialLogits(
    logits: _Parameter,
    total_count: _Parameter = ...,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.BinomialLogits`."""

def BinomialProbs(
    probs: _Parameter,
    total_count: _Parameter = ...,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.BinomialProbs`."""

def CAR(
    loc: _Parameter,
    correlation: _Parameter,
    conditional_precision: _Parameter,
    adj_matrix: _Parameter,
    *,
    is_sparse: bool = ...,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.CAR`."""

def Categorical(
    probs: Any = ...,
    logits: Any = ...,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.Categorical`."""

def CategoricalLogits(
    logits: _Parameter,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.CategoricalLogits`."""

def CategoricalProbs(
    probs: _Parameter,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.CategoricalProbs`."""

def Cauchy(
    loc: _Parameter = ...,
    scale: _Parameter = ...,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.Cauchy`."""

def Chi2(
    df: _Parameter,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.Chi2`."""

def CirculantNormal(
    loc: _Parameter,
    covariance_row: _Parameter | None = ...,
    covariance_rfft: _Parameter | None = ...,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.CirculantNormal`."""

def Dagum(
    concentration: _Parameter,
    sharpness: _Parameter,
    scale: _Parameter,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.Dagum`."""

def Delta(
    v: _Parameter = ...,
    log_density: _Parameter = ...,
    event_dim: int = ...,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.Delta`."""

def Dirichlet(
    concentration: _Parameter,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.Dirichlet`."""

def DirichletMultinomial(
    concentration: _Parameter,
    total_count: _Parameter = ...,
    *,
    total_count_max: int | None = ...,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.DirichletMultinomial`."""

def DiscreteUniform(
    low: _Parameter = ...,
    high: _Parameter = ...,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.DiscreteUniform`."""

def DoublyTruncatedPowerLaw(
    alpha: _Parameter,
    low: _Parameter,
    high: _Parameter,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.DoublyTruncatedPowerLaw`."""

def EulerMaruyama(
    t: _Parameter,
    sde_fn: Callable[..., Any],
    init_dist: Distribution,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.EulerMaruyama`."""

def ExpandedDistribution(
    base_dist: Distribution,
    batch_shape: tuple[int, ...] = ...,
    *,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.ExpandedDistribution`."""

def Exponential(
    rate: _Parameter = ...,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.Exponential`."""

def FoldedDistribution(
    base_dist: Distribution,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.FoldedDistribution`."""

def Gamma(
    concentration: _Parameter,
    rate: _Parameter = ...,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.Gamma`."""

def GammaPoisson(
    concentration: _Parameter,
    rate: _Parameter = ...,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.GammaPoisson`."""

def GaussianCopula(
    marginal_dist: Distribution,
    correlation_matrix: _Parameter | None = ...,
    correlation_cholesky: _Parameter | None = ...,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.GaussianCopula`."""

def GaussianCopulaBeta(
    concentration1: _Parameter,
    concentration0: _Parameter,
    correlation_matrix: _Parameter | None = ...,
    correlation_cholesky: _Parameter | None = ...,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.GaussianCopulaBeta`."""

def GaussianRandomWalk(
    scale: _Parameter = ...,
    num_steps: int = ...,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.GaussianRandomWalk`."""

def GaussianStateSpace(
    num_steps: int,
    transition_matrix: _Parameter,
    covariance_matrix: _Parameter | None = ...,
    precision_matrix: _Parameter | None = ...,
    scale_tril: _Parameter | None = ...,
    initial_value: _Parameter | None = ...,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.GaussianStateSpace`."""

def Geometric(
    probs: _Parameter | None = ...,
    logits: _Parameter | None = ...,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.Geometric`."""

def GeometricLogits(
    logits: _Parameter,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.GeometricLogits`."""

def GeometricProbs(
    probs: _Parameter,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.GeometricProbs`."""

def Gompertz(
    concentration: _Parameter,
    rate: _Parameter = ...,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.Gompertz`."""

def Gumbel(
    loc: _Parameter = ...,
    scale: _Parameter = ...,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.Gumbel`."""

def HalfCauchy(
    scale: _Parameter = ...,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.HalfCauchy`."""

def HalfNormal(
    scale: _Parameter = ...,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.HalfNormal`."""

def HurdleDistribution(
    base_dist: Distribution,
    *,
    gate: _Parameter | None = ...,
    gate_logits: _Parameter | None = ...,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.HurdleDistribution`."""

def HurdleGamma(
    gate: _Parameter,
    concentration: _Parameter,
    rate: _Parameter = ...,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.HurdleGamma`."""

def HurdleLogits(
    base_dist: Distribution,
    gate_logits: _Parameter,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.HurdleLogits`."""

def HurdleLogNormal(
    gate: _Parameter,
    loc: _Parameter = ...,
    scale: _Parameter = ...,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.HurdleLogNormal`."""

def HurdleNegativeBinomial2(
    gate: _Parameter,
    mean: _Parameter,
    concentration: _Parameter,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.HurdleNegativeBinomial2`."""

def HurdlePoisson(
    gate: _Parameter,
    rate: _Parameter = ...,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.HurdlePoisson`."""

def HurdleProbs(
    base_dist: Distribution,
    gate: _Parameter,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.HurdleProbs`."""

def ImproperUniform(
    support: constraints.Constraint,
    batch_shape: tuple[int, ...],
    event_shape: tuple[int, ...],
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.ImproperUniform`."""

def Independent(
    base_dist: Distribution,
    reinterpreted_batch_ndims: int,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.Independent`."""

def InverseGamma(
    concentration: _Parameter,
    rate: _Parameter = ...,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.InverseGamma`."""

def InverseWishart(
    concentration: _Parameter,
    scale_matrix: _Parameter | None = ...,
    rate_matrix: _Parameter | None = ...,
    scale_tril: _Parameter | None = ...,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.InverseWishart`."""

def InverseWishartCholesky(
    concentration: _Parameter,
    scale_matrix: _Parameter | None = ...,
    rate_matrix: _Parameter | None = ...,
    scale_tril: _Parameter | None = ...,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.InverseWishartCholesky`."""

def Kumaraswamy(
    concentration1: _Parameter,
    concentration0: _Parameter,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.Kumaraswamy`."""

def Laplace(
    loc: _Parameter = ...,
    scale: _Parameter = ...,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.Laplace`."""

def LeftTruncatedDistribution(
    base_dist: Any,
    low: _Parameter = ...,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.LeftTruncatedDistribution`."""

def LeftTruncatedGamma(
    base_dist: Any,
    low: _Parameter = ...,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.LeftTruncatedGamma`."""

def Levy(
    loc: _Parameter,
    scale: _Parameter,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.Levy`."""

def LKJ(
    dimension: int,
    concentration: _Parameter = ...,
    sample_method: Any = ...,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.LKJ`."""

def LKJCholesky(
    dimension: int,
    concentration: _Parameter = ...,
    sample_method: Any = ...,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.LKJCholesky`."""

def Logistic(
    loc: _Parameter = ...,
    scale: _Parameter = ...,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.Logistic`."""

def LogNormal(
    loc: _Parameter = ...,
    scale: _Parameter = ...,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.LogNormal`."""

def LogUniform(
    low: _Parameter,
    high: _Parameter,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.LogUniform`."""

def LowerTruncatedPowerLaw(
    alpha: _Parameter,
    low: _Parameter,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.LowerTruncatedPowerLaw`."""

def LowRankMultivariateNormal(
    loc: _Parameter,
    cov_factor: _Parameter,
    cov_diag: _Parameter,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.LowRankMultivariateNormal`."""

def MaskedDistribution(
    base_dist: Distribution,
    mask: _Parameter,
    *,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.MaskedDistribution`."""

def MatrixNormal(
    loc: _Parameter,
    scale_tril_row: _Parameter,
    scale_tril_column: _Parameter,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.MatrixNormal`."""

def Mixture(
    mixing_distribution: Any,
    component_distributions: Any,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.Mixture`."""

def MixtureGeneral(
    mixing_distribution: Any,
    component_distributions: Any,
    *,
    support: constraints.Constraint | None = ...,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.MixtureGeneral`."""

def MixtureSameFamily(
    mixing_distribution: Any,
    component_distribution: Distribution,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.MixtureSameFamily`."""

def Multinomial(
    total_count: _Parameter = ...,
    probs: _Parameter | None = ...,
    logits: _Parameter | None = ...,
    *,
    total_count_max: int | None = ...,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.Multinomial`."""

def MultinomialLogits(
    logits: _Parameter,
    total_count: _Parameter = ...,
    *,
    total_count_max: int | None = ...,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.MultinomialLogits`."""

def MultinomialProbs(
    probs: _Parameter,
    total_count: _Parameter = ...,
    *,
    total_count_max: int | None = ...,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.MultinomialProbs`."""

def MultivariateNormal(
    loc: _Parameter = ...,
    covariance_matrix: _Parameter | None = ...,
    precision_matrix: _Parameter | None = ...,
    scale_tril: _Parameter | None = ...,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.MultivariateNormal`."""

def MultivariateStudentT(
    df: _Parameter,
    loc: _Parameter = ...,
    scale_tril: _Parameter | None = ...,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.MultivariateStudentT`."""

def NegativeBinomial(
    total_count: _Parameter,
    probs: _Parameter | None = ...,
    logits: _Parameter | None = ...,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.NegativeBinomial`."""

def NegativeBinomial2(
    mean: _Parameter,
    concentration: _Parameter,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.NegativeBinomial2`."""

def NegativeBinomialLogits(
    total_count: _Parameter,
    logits: _Parameter,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.NegativeBinomialLogits`."""

def NegativeBinomialProbs(
    total_count: _Parameter,
    probs: _Parameter,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.NegativeBinomialProbs`."""

def Normal(
    loc: _Parameter = ...,
    scale: _Parameter = ...,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.Normal`."""

def OrderedLogistic(
    predictor: _Parameter,
    cutpoints: _Parameter,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.OrderedLogistic`."""

def Pareto(
    scale: _Parameter,
    alpha: _Parameter,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.Pareto`."""

def Poisson(
    rate: _Parameter,
    *,
    is_sparse: bool = ...,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.Poisson`."""

def ProjectedNormal(
    concentration: _Parameter,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.ProjectedNormal`."""

def RelaxedBernoulli(
    temperature: Any,
    probs: Any = ...,
    logits: Any = ...,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.RelaxedBernoulli`."""

def RelaxedBernoulliLogits(
    temperature: _Parameter,
    logits: _Parameter,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.RelaxedBernoulliLogits`."""

def RightTruncatedDistribution(
    base_dist: Any,
    high: _Parameter = ...,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.RightTruncatedDistribution`."""

def RightTruncatedGamma(
    base_dist: Any,
    high: _Parameter = ...,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.RightTruncatedGamma`."""

def LeftCensoredDistribution(
    base_dist: Distribution,
    censored: _Parameter = ...,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.LeftCensoredDistribution`."""

def RightCensoredDistribution(
    base_dist: Distribution,
    censored: _Parameter = ...,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.RightCensoredDistribution`."""

def IntervalCensoredDistribution(
    base_dist: Distribution,
    left_censored: _Parameter,
    right_censored: _Parameter,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.IntervalCensoredDistribution`."""

def SineBivariateVonMises(
    phi_loc: _Parameter,
    psi_loc: _Parameter,
    phi_concentration: _Parameter,
    psi_concentration: _Parameter,
    correlation: _Parameter | None = ...,
    weighted_correlation: _Parameter | None = ...,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.SineBivariateVonMises`."""

def SineSkewed(
    base_dist: Distribution,
    skewness: _Parameter,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.SineSkewed`."""

def SoftLaplace(
    loc: _Parameter,
    scale: _Parameter,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.SoftLaplace`."""

def StudentT(
    df: _Parameter,
    loc: _Parameter = ...,
    scale: _Parameter = ...,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.StudentT`."""

def TransformedDistribution(
    base_distribution: Distribution,
    transforms: Any,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.TransformedDistribution`."""

def TruncatedCauchy(
    loc: _Parameter = ...,
    scale: _Parameter = ...,
    *,
    low: _Parameter | None = ...,
    high: _Parameter | None = ...,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.TruncatedCauchy`."""

def TruncatedDistribution(
    base_dist: Any,
    low: _Parameter | None = ...,
    high: _Parameter | None = ...,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.TruncatedDistribution`."""

def TruncatedGamma(
    concentration: _Parameter = ...,
    rate: _Parameter = ...,
    *,
    low: _Parameter | None = ...,
    high: _Parameter | None = ...,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.TruncatedGamma`."""

def TruncatedNormal(
    loc: _Parameter = ...,
    scale: _Parameter = ...,
    *,
    low: _Parameter | None = ...,
    high: _Parameter | None = ...,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.TruncatedNormal`."""

def TruncatedPolyaGamma(
    batch_shape: tuple[int, ...] = ...,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.TruncatedPolyaGamma`."""

def TwoSidedTruncatedDistribution(
    base_dist: Any,
    low: _Parameter = ...,
    high: _Parameter = ...,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.TwoSidedTruncatedDistribution`."""

def TwoSidedTruncatedGamma(
    base_dist: Any,
    low: _Parameter = ...,
    high: _Parameter = ...,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.TwoSidedTruncatedGamma`."""

def Uniform(
    low: _Parameter = ...,
    high: _Parameter = ...,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.Uniform`."""

def Unit(
    log_factor: _Parameter,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.Unit`."""

def VonMises(
    loc: _Parameter,
    concentration: _Parameter,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.VonMises`."""

def Weibull(
    scale: _Parameter,
    concentration: _Parameter,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.Weibull`."""

def Wishart(
    concentration: _Parameter,
    scale_matrix: _Parameter | None = ...,
    rate_matrix: _Parameter | None = ...,
    scale_tril: _Parameter | None = ...,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.Wishart`."""

def WishartCholesky(
    concentration: _Parameter,
    scale_matrix: _Parameter | None = ...,
    rate_matrix: _Parameter | None = ...,
    scale_tril: _Parameter | None = ...,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.WishartCholesky`."""

def ZeroInflatedDistribution(
    base_dist: Distribution,
    *,
    gate: _Parameter | None = ...,
    gate_logits: _Parameter | None = ...,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.ZeroInflatedDistribution`."""

def ZeroInflatedLogits(
    base_dist: Distribution,
    gate_logits: _Parameter,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.ZeroInflatedLogits`."""

def ZeroInflatedNegativeBinomial2(
    mean: _Parameter,
    concentration: _Parameter,
    *,
    gate: _Parameter | None = ...,
    gate_logits: _Parameter | None = ...,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.ZeroInflatedNegativeBinomial2`."""

def ZeroInflatedPoisson(
    gate: _Parameter,
    rate: _Parameter = ...,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.ZeroInflatedPoisson`."""

def ZeroInflatedProbs(
    base_dist: Distribution,
    gate: _Parameter,
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.ZeroInflatedProbs`."""

def ZeroSumNormal(
    scale: _Parameter,
    event_shape: tuple[int, ...],
    *,
    validate_args: bool | None = ...,
    name: str,
    sample_shape: tuple[int, ...] = ...,
    value: _Parameter | None = ...,
    key: jax.Array | None = ...,
    plates: tuple[Plate, ...] = ...,
) -> RandomVariable:
    """A random variable that follows `numpyro.distributions.ZeroSumNormal`."""
