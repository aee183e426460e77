"""How to build each public distribution of NumPyro: `{name: parameters}`, small and valid."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist

CORRELATION = np.array([[1.0, 0.3], [0.3, 1.0]], dtype=np.float32)
SPD = np.array([[2.0, 0.5], [0.5, 1.0]], dtype=np.float32)
CHOLESKY = np.linalg.cholesky(SPD)
PROBS = np.array([0.2, 0.3, 0.5], dtype=np.float32)
ADJACENCY = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 0.0]], dtype=np.float32)


def _drift_and_diffusion(x: Any, t: Any) -> tuple[Any, Any]:
    del t
    return -x, jnp.ones_like(x)


# A value for the laws that refuse to be sampled.
VALUES = {"ImproperUniform": np.ones(2, dtype=np.float32), "IntervalCensoredDistribution": np.array([-0.5, 0.5])}
# NumPyro takes their quantile functions from a package that is not among our dependencies.
NEEDS_TFP = {"GaussianCopula", "GaussianCopulaBeta"}

LAWS: dict[str, Callable[[], dict[str, Any]]] = {
    "AsymmetricLaplace": lambda: dict(loc=0.5, scale=1.5, asymmetry=2.0),
    "AsymmetricLaplaceQuantile": lambda: dict(loc=0.5, scale=1.5, quantile=0.3),
    "Bernoulli": lambda: dict(probs=0.3),
    "BernoulliLogits": lambda: dict(logits=0.3),
    "BernoulliProbs": lambda: dict(probs=0.3),
    "Beta": lambda: dict(concentration1=2.0, concentration0=3.0),
    "BetaBinomial": lambda: dict(concentration1=2.0, concentration0=3.0, total_count=5),
    "BetaNegativeBinomial": lambda: dict(concentration1=4.0, concentration0=3.0, n=5),
    "BetaProportion": lambda: dict(mean=0.4, concentration=3.0),
    "Binomial": lambda: dict(total_count=5, probs=0.3),
    "BinomialLogits": lambda: dict(logits=0.3, total_count=5),
    "BinomialProbs": lambda: dict(probs=0.3, total_count=5),
    "CAR": lambda: dict(loc=0.0, correlation=0.5, conditional_precision=1.0, adj_matrix=ADJACENCY),
    "Categorical": lambda: dict(probs=PROBS),
    "CategoricalLogits": lambda: dict(logits=PROBS),
    "CategoricalProbs": lambda: dict(probs=PROBS),
    "Cauchy": lambda: dict(loc=0.0, scale=2.0),
    "Chi2": lambda: dict(df=3.0),
    "CirculantNormal": lambda: dict(loc=jnp.zeros(4), covariance_row=np.array([1.0, 0.3, 0.1, 0.3], dtype=np.float32)),
    "Dagum": lambda: dict(concentration=2.0, sharpness=3.0, scale=1.0),
    "Delta": lambda: dict(v=1.5),
    "Dirichlet": lambda: dict(concentration=2.0 * PROBS),
    "DirichletMultinomial": lambda: dict(concentration=2.0 * PROBS, total_count=5),
    "DiscreteUniform": lambda: dict(low=0, high=4),
    "DoublyTruncatedPowerLaw": lambda: dict(alpha=2.0, low=1.0, high=5.0),
    "EulerMaruyama": lambda: dict(t=jnp.arange(4.0), sde_fn=_drift_and_diffusion, init_dist=dist.Normal(0.0, 1.0)),
    "ExpandedDistribution": lambda: dict(base_dist=dist.Normal(0.0, 1.0), batch_shape=(3,)),
    "Exponential": lambda: dict(rate=2.0),
    "FoldedDistribution": lambda: dict(base_dist=dist.Normal(0.5, 1.0)),
    "Gamma": lambda: dict(concentration=2.0, rate=3.0),
    "GammaPoisson": lambda: dict(concentration=2.0, rate=3.0),
    "GaussianCopula": lambda: dict(marginal_dist=dist.Beta(2.0 * jnp.ones(2), 3.0), correlation_matrix=CORRELATION),
    "GaussianCopulaBeta": lambda: dict(
        concentration1=jnp.array([2.0, 3.0]), concentration0=jnp.ones(2), correlation_matrix=CORRELATION
    ),
    "GaussianRandomWalk": lambda: dict(scale=0.5, num_steps=4),
    "GaussianStateSpace": lambda: dict(num_steps=3, transition_matrix=0.5 * jnp.eye(2), scale_tril=CHOLESKY),
    "Geometric": lambda: dict(probs=0.4),
    "GeometricLogits": lambda: dict(logits=0.4),
    "GeometricProbs": lambda: dict(probs=0.4),
    "Gompertz": lambda: dict(concentration=1.0, rate=2.0),
    "Gumbel": lambda: dict(loc=0.0, scale=1.0),
    "HalfCauchy": lambda: dict(scale=2.0),
    "HalfNormal": lambda: dict(scale=2.0),
    "HurdleDistribution": lambda: dict(base_dist=dist.Poisson(2.0), gate=0.3),
    "HurdleGamma": lambda: dict(concentration=2.0, rate=1.0, gate=0.3),
    "HurdleLogNormal": lambda: dict(loc=0.0, scale=1.0, gate=0.3),
    "HurdleLogits": lambda: dict(base_dist=dist.Poisson(2.0), gate_logits=0.3),
    "HurdleNegativeBinomial2": lambda: dict(mean=2.0, concentration=3.0, gate=0.3),
    "HurdlePoisson": lambda: dict(rate=2.0, gate=0.3),
    "HurdleProbs": lambda: dict(base_dist=dist.Poisson(2.0), gate=0.3),
    "ImproperUniform": lambda: dict(support=dist.constraints.positive, batch_shape=(), event_shape=(2,)),
    "Independent": lambda: dict(base_dist=dist.Normal(jnp.zeros(3), 1.0), reinterpreted_batch_ndims=1),
    "IntervalCensoredDistribution": lambda: dict(
        base_dist=dist.Normal(0.0, 1.0), left_censored=False, right_censored=False
    ),
    "InverseGamma": lambda: dict(concentration=2.0, rate=3.0),
    "InverseWishart": lambda: dict(concentration=4.0, scale_matrix=SPD),
    "InverseWishartCholesky": lambda: dict(concentration=4.0, scale_matrix=SPD),
    "Kumaraswamy": lambda: dict(concentration1=2.0, concentration0=3.0),
    "LKJ": lambda: dict(dimension=3, concentration=2.0),
    "LKJCholesky": lambda: dict(dimension=3, concentration=2.0),
    "Laplace": lambda: dict(loc=0.0, scale=1.0),
    "LeftCensoredDistribution": lambda: dict(base_dist=dist.Normal(0.0, 1.0), censored=False),
    "LeftTruncatedDistribution": lambda: dict(base_dist=dist.Normal(0.0, 1.0), low=0.5),
    "LeftTruncatedGamma": lambda: dict(base_dist=dist.Gamma(2.0, 1.0), low=0.5),
    "Levy": lambda: dict(loc=0.0, scale=1.0),
    "LogNormal": lambda: dict(loc=0.0, scale=1.0),
    "LogUniform": lambda: dict(low=1.0, high=3.0),
    "Logistic": lambda: dict(loc=0.0, scale=1.0),
    "LowRankMultivariateNormal": lambda: dict(
        loc=jnp.zeros(3), cov_factor=jnp.ones((3, 1)), cov_diag=jnp.array([1.0, 2.0, 3.0])
    ),
    "LowerTruncatedPowerLaw": lambda: dict(alpha=-2.0, low=1.0),
    "MaskedDistribution": lambda: dict(base_dist=dist.Normal(jnp.zeros(2), 1.0), mask=jnp.array([True, False])),
    "MatrixNormal": lambda: dict(loc=jnp.zeros((2, 2)), scale_tril_row=CHOLESKY, scale_tril_column=CHOLESKY),
    "Mixture": lambda: dict(
        mixing_distribution=dist.Categorical(probs=PROBS), component_distributions=dist.Normal(jnp.arange(3.0), 1.0)
    ),
    "MixtureGeneral": lambda: dict(
        mixing_distribution=dist.Categorical(probs=PROBS),
        component_distributions=[dist.Normal(0.0, 1.0), dist.Normal(1.0, 2.0), dist.Laplace(0.0, 1.0)],
    ),
    "MixtureSameFamily": lambda: dict(
        mixing_distribution=dist.Categorical(probs=PROBS), component_distribution=dist.Normal(jnp.arange(3.0), 1.0)
    ),
    "Multinomial": lambda: dict(total_count=5, probs=PROBS),
    "MultinomialLogits": lambda: dict(logits=PROBS, total_count=5),
    "MultinomialProbs": lambda: dict(probs=PROBS, total_count=5),
    "MultivariateNormal": lambda: dict(loc=jnp.zeros(2), covariance_matrix=SPD),
    "MultivariateStudentT": lambda: dict(df=5.0, loc=jnp.zeros(2), scale_tril=CHOLESKY),
    "NegativeBinomial": lambda: dict(total_count=5, probs=0.3),
    "NegativeBinomial2": lambda: dict(mean=2.0, concentration=3.0),
    "NegativeBinomialLogits": lambda: dict(total_count=5, logits=0.3),
    "NegativeBinomialProbs": lambda: dict(total_count=5, probs=0.3),
    "Normal": lambda: dict(loc=0.5, scale=2.0),
    "OrderedLogistic": lambda: dict(predictor=0.5, cutpoints=jnp.array([-1.0, 1.0])),
    "Pareto": lambda: dict(scale=1.0, alpha=3.0),
    "Poisson": lambda: dict(rate=3.0),
    "ProjectedNormal": lambda: dict(concentration=jnp.array([1.0, 2.0])),
    "RelaxedBernoulli": lambda: dict(temperature=0.5, probs=0.3),
    "RelaxedBernoulliLogits": lambda: dict(temperature=0.5, logits=0.3),
    "RightCensoredDistribution": lambda: dict(base_dist=dist.Normal(0.0, 1.0), censored=False),
    "RightTruncatedDistribution": lambda: dict(base_dist=dist.Normal(0.0, 1.0), high=0.5),
    "RightTruncatedGamma": lambda: dict(base_dist=dist.Gamma(2.0, 1.0), high=3.0),
    "SineBivariateVonMises": lambda: dict(
        phi_loc=0.0, psi_loc=0.0, phi_concentration=2.0, psi_concentration=3.0, correlation=0.5
    ),
    "SineSkewed": lambda: dict(base_dist=dist.VonMises(jnp.zeros(2), 2.0).to_event(1), skewness=jnp.array([0.3, 0.2])),
    "SoftLaplace": lambda: dict(loc=0.0, scale=1.0),
    "StudentT": lambda: dict(df=4.0, loc=0.5, scale=2.0),
    "TransformedDistribution": lambda: dict(
        base_distribution=dist.Normal(0.0, 1.0), transforms=dist.transforms.ExpTransform()
    ),
    "TruncatedCauchy": lambda: dict(loc=0.0, scale=1.0, low=0.5),
    "TruncatedDistribution": lambda: dict(base_dist=dist.Normal(0.0, 1.0), low=-1.0, high=1.0),
    "TruncatedGamma": lambda: dict(concentration=2.0, rate=1.0, low=0.5, high=3.0),
    "TruncatedNormal": lambda: dict(loc=0.0, scale=1.0, low=0.5),
    "TruncatedPolyaGamma": lambda: dict(),
    "TwoSidedTruncatedDistribution": lambda: dict(base_dist=dist.Normal(0.0, 1.0), low=-1.0, high=1.0),
    "TwoSidedTruncatedGamma": lambda: dict(base_dist=dist.Gamma(2.0, 1.0), low=0.5, high=3.0),
    "Uniform": lambda: dict(low=1.0, high=3.0),
    "Unit": lambda: dict(log_factor=-1.5),
    "VonMises": lambda: dict(loc=0.0, concentration=2.0),
    "Weibull": lambda: dict(scale=1.0, concentration=2.0),
    "Wishart": lambda: dict(concentration=4.0, scale_matrix=SPD),
    "WishartCholesky": lambda: dict(concentration=4.0, scale_matrix=SPD),
    "ZeroInflatedDistribution": lambda: dict(base_dist=dist.Poisson(2.0), gate=0.3),
    "ZeroInflatedLogits": lambda: dict(base_dist=dist.Poisson(2.0), gate_logits=0.3),
    "ZeroInflatedNegativeBinomial2": lambda: dict(mean=2.0, concentration=3.0, gate=0.3),
    "ZeroInflatedPoisson": lambda: dict(gate=0.3, rate=2.0),
    "ZeroInflatedProbs": lambda: dict(base_dist=dist.Poisson(2.0), gate=0.3),
    "ZeroSumNormal": lambda: dict(scale=1.0, event_shape=(3,)),
}
