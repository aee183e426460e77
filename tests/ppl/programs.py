"""Programs written twice, in Tacit and in NumPyro: `PROGRAMS[name]` is `(tacit program, NumPyro model)`, no inputs.

All variables are sampled; a test draws their values from the one and scores them with both.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from numpyro import handlers, sample

import tacit.ppl as t
from tacit.ppl import from_distribution, plate

Program = Callable[[], Any]
PROGRAMS: dict[str, tuple[Program, Program]] = {}

N, D = 6, 2
X = np.linspace(-1.0, 1.0, N * D, dtype=np.float32).reshape(N, D)
T = np.linspace(0.0, 2.0, N, dtype=np.float32)
GROUP = np.array([0, 0, 1, 1, 2, 2])
SIGMA = np.array([15.0, 10.0, 16.0, 11.0, 9.0, 11.0], dtype=np.float32)


def pair(numpyro_model: Program) -> Callable[[Program], Program]:
    """Registers the decorated Tacit program together with the NumPyro model given."""

    def register(program: Program) -> Program:
        PROGRAMS[program.__name__] = (program, numpyro_model)
        return program

    return register


def kernel(variance: Any, length: Any) -> Any:
    return variance * jnp.exp(-0.5 * ((T[:, None] - T) / length) ** 2) + 0.1 * jnp.eye(N)


# Small ones


def _():
    z = sample("z", dist.Normal(0.0, 1.0))
    sample("x", dist.Poisson(jnp.exp(z) * jnp.ones(N)))


@pair(_)
def poisson_rate():
    z = t.Normal(0.0, 1.0, name="z")
    t.Poisson(jnp.exp(z) * jnp.ones(N), name="x")


def _():
    p = sample("p", dist.Beta(2.0, 3.0))
    with numpyro.plate("N", N):
        sample("x", dist.Bernoulli(p))


@pair(_)
def coin():
    p = t.Beta(2.0, 3.0, name="p")
    with plate("N", N):
        t.Bernoulli(p, name="x")


def _():
    rate = sample("rate", dist.Gamma(2.0, 1.0))
    sample("x", dist.Exponential(rate), sample_shape=(N,))


@pair(_)
def exponential_times():
    rate = t.Gamma(2.0, 1.0, name="rate")
    t.Exponential(rate, name="x", sample_shape=(N,))


# Hierarchical


def _():
    mu = sample("mu", dist.Normal(0.0, 5.0))
    tau = sample("tau", dist.HalfCauchy(5.0))
    with numpyro.plate("J", N):
        theta = sample("theta", dist.Normal(mu, tau))
        sample("y", dist.Normal(theta, SIGMA))


@pair(_)
def eight_schools():
    mu = t.Normal(0.0, 5.0, name="mu")
    tau = t.HalfCauchy(5.0, name="tau")
    with plate("J", N):
        theta = t.Normal(mu, tau, name="theta")
        t.Normal(theta, SIGMA, name="y")


def _():
    mu = sample("mu", dist.Normal(0.0, 5.0))
    tau = sample("tau", dist.HalfCauchy(5.0))
    with numpyro.plate("J", N):
        offset = sample("offset", dist.Normal(0.0, 1.0))
        theta = numpyro.deterministic("theta", mu + tau * offset)
        sample("y", dist.Normal(theta, SIGMA))


@pair(_)
def eight_schools_not_centred():
    mu = t.Normal(0.0, 5.0, name="mu")
    tau = t.HalfCauchy(5.0, name="tau")
    with plate("J", N):
        offset = t.Normal(0.0, 1.0, name="offset")
        theta = t.Deterministic(mu + tau * offset, name="theta")
        t.Normal(theta, SIGMA, name="y")


def _():
    with numpyro.plate("D", D, dim=-1):
        mu = sample("mu", dist.Normal(0.0, 1.0))
        with numpyro.plate("N", N, dim=-2):
            z = sample("z", dist.Normal(mu, 1.0))
            sample("y", dist.Laplace(z, 0.5))


@pair(_)
def crossed_plates():
    with plate("D", D):
        mu = t.Normal(0.0, 1.0, name="mu")
        with plate("N", N):
            z = t.Normal(mu, 1.0, name="z")
            t.Laplace(z, 0.5, name="y")


def _():
    phi = sample("phi", dist.Uniform(0.0, 1.0))
    kappa = sample("kappa", dist.Pareto(1.0, 1.5))
    with numpyro.plate("N", N):
        p = sample("p", dist.Beta(phi * kappa, (1.0 - phi) * kappa))
        sample("hits", dist.Binomial(45, probs=p))


@pair(_)
def baseball():
    phi = t.Uniform(0.0, 1.0, name="phi")
    kappa = t.Pareto(1.0, 1.5, name="kappa")
    with plate("N", N):
        p = t.Beta(phi * kappa, (1.0 - phi) * kappa, name="p")
        t.Binomial(45, probs=p, name="hits")


def _():
    a = sample("a", dist.Normal(0.0, 1.0).expand([3]).to_event(1))
    b = sample("b", dist.Normal(0.0, 1.0))
    s = sample("s", dist.HalfNormal(1.0))
    with numpyro.plate("N", N):
        sample("y", dist.StudentT(4.0, a[GROUP] + b * T, s))


@pair(_)
def varying_intercepts():
    a = from_distribution(dist.Normal(0.0, 1.0).expand([3]).to_event(1), name="a")
    b = t.Normal(0.0, 1.0, name="b")
    s = t.HalfNormal(1.0, name="s")
    with plate("N", N):
        t.StudentT(4.0, a[GROUP] + b * T, s, name="y")


# Generalised linear models


def _():
    w = sample("w", dist.Normal(jnp.zeros(D), 1.0).to_event(1))
    b = sample("b", dist.Cauchy(0.0, 2.5))
    with numpyro.plate("N", N):
        sample("y", dist.Bernoulli(logits=X @ w + b))


@pair(_)
def logistic_regression():
    w = t.Normal(0.0, 1.0, name="w", sample_shape=(D,))
    b = t.Cauchy(0.0, 2.5, name="b")
    with plate("N", N):
        t.Bernoulli(logits=X @ w + b, name="y")


def _():
    w = sample("w", dist.Laplace(0.0, 1.0), sample_shape=(D,))
    s = sample("s", dist.InverseGamma(3.0, 2.0))
    with numpyro.plate("N", N):
        sample("y", dist.Normal(X @ w, jnp.sqrt(s)))


@pair(_)
def lasso():
    w = t.Laplace(0.0, 1.0, name="w", sample_shape=(D,))
    s = t.InverseGamma(3.0, 2.0, name="s")
    with plate("N", N):
        t.Normal(X @ w, jnp.sqrt(s.value), name="y")


def _():
    w = sample("w", dist.Normal(0.0, 1.0), sample_shape=(D,))
    k = sample("k", dist.Exponential(1.0))
    with numpyro.plate("N", N):
        sample("y", dist.NegativeBinomial2(jnp.exp(X @ w), k))


@pair(_)
def negative_binomial_regression():
    w = t.Normal(0.0, 1.0, name="w", sample_shape=(D,))
    k = t.Exponential(1.0, name="k")
    with plate("N", N):
        t.NegativeBinomial2(jnp.exp(X @ w), k, name="y")


def _():
    w = sample("w", dist.Normal(0.0, 1.0), sample_shape=(D, 3))
    with numpyro.plate("N", N):
        sample("y", dist.Categorical(logits=X @ w))


@pair(_)
def softmax_regression():
    w = t.Normal(0.0, 1.0, name="w", sample_shape=(D, 3))
    with plate("N", N):
        t.Categorical(logits=X @ w, name="y")


def _():
    c = sample("c", dist.TransformedDistribution(dist.Normal(jnp.zeros(3), 1.0).to_event(1), ORDER))
    b = sample("b", dist.Normal(0.0, 1.0))
    with numpyro.plate("N", N):
        sample("y", dist.OrderedLogistic(b * T, c))


ORDER = dist.transforms.OrderedTransform()


@pair(_)
def ordinal_regression():
    c = t.TransformedDistribution(dist.Normal(jnp.zeros(3), 1.0).to_event(1), ORDER, name="c")
    b = t.Normal(0.0, 1.0, name="b")
    with plate("N", N):
        t.OrderedLogistic(b * T, c, name="y")


def _():
    a = sample("a", dist.Normal(0.0, 1.0))
    s = sample("s", dist.Gamma(2.0, 2.0))
    with numpyro.plate("N", N):
        sample("y", dist.Gamma(s, s / jnp.exp(a + T)))


@pair(_)
def gamma_regression():
    a = t.Normal(0.0, 1.0, name="a")
    s = t.Gamma(2.0, 2.0, name="s")
    with plate("N", N):
        t.Gamma(s, s / jnp.exp(a + T), name="y")


def _():
    tau = sample("tau", dist.HalfCauchy(1.0))
    lam = sample("lam", dist.HalfCauchy(jnp.ones(D)))
    w = sample("w", dist.Normal(jnp.zeros(D), tau * lam))
    with numpyro.plate("N", N):
        sample("y", dist.Normal(X @ w, 1.0))


@pair(_)
def horseshoe():
    tau = t.HalfCauchy(1.0, name="tau")
    lam = t.HalfCauchy(jnp.ones(D), name="lam")
    w = t.Normal(jnp.zeros(D), tau * lam, name="w")
    with plate("N", N):
        t.Normal(X @ w, 1.0, name="y")


# Mixtures, zero inflation, hurdles


def _():
    p = sample("p", dist.Dirichlet(jnp.ones(3)))
    mu = sample("mu", dist.Normal(0.0, 3.0), sample_shape=(3,))
    with numpyro.plate("N", N):
        sample("y", dist.MixtureSameFamily(dist.Categorical(p), dist.Normal(mu, 0.5)))


@pair(_)
def mixture_summed_out():
    p = t.Dirichlet(jnp.ones(3), name="p")
    mu = t.Normal(0.0, 3.0, name="mu", sample_shape=(3,))
    with plate("N", N):
        t.MixtureSameFamily(dist.Categorical(p.value), dist.Normal(mu, 0.5), name="y")


def _():
    p = sample("p", dist.Dirichlet(jnp.ones(3)))
    mu = sample("mu", dist.Normal(0.0, 3.0), sample_shape=(3,))
    with numpyro.plate("N", N):
        k = sample("k", dist.Categorical(p))
        sample("y", dist.Normal(mu[k], 0.5))


@pair(_)
def mixture_with_assignments():
    p = t.Dirichlet(jnp.ones(3), name="p")
    mu = t.Normal(0.0, 3.0, name="mu", sample_shape=(3,))
    with plate("N", N):
        k = t.Categorical(p, name="k")
        t.Normal(mu[k], 0.5, name="y")


def _():
    gate = sample("gate", dist.Beta(1.0, 1.0))
    rate = sample("rate", dist.LogNormal(0.0, 1.0))
    with numpyro.plate("N", N):
        sample("y", dist.ZeroInflatedPoisson(gate, rate))


@pair(_)
def zero_inflated():
    gate = t.Beta(1.0, 1.0, name="gate")
    rate = t.LogNormal(0.0, 1.0, name="rate")
    with plate("N", N):
        t.ZeroInflatedPoisson(gate, rate, name="y")


def _():
    sample("y", dist.HurdleNegativeBinomial2(0.3, 3.0, 2.0).expand([N]))


@pair(_)
def hurdle():
    with plate("N", N):
        t.HurdleNegativeBinomial2(0.3, 3.0, 2.0, name="y")


def _():
    p = sample("p", dist.Beta(1.0, 1.0))
    laws = [dist.Normal(0.0, 1.0), dist.StudentT(3.0, 1.0, 2.0)]
    sample("y", dist.MixtureGeneral(dist.Categorical(jnp.stack([p, 1.0 - p])), laws), sample_shape=(N,))


@pair(_)
def robust_mixture():
    p = t.Beta(1.0, 1.0, name="p")
    laws = [dist.Normal(0.0, 1.0), dist.StudentT(3.0, 1.0, 2.0)]
    t.MixtureGeneral(dist.Categorical(jnp.stack([p, 1.0 - p])), laws, name="y", sample_shape=(N,))


# Series and state space


def _():
    s = sample("s", dist.Exponential(1.0))
    h = sample("h", dist.GaussianRandomWalk(s, num_steps=N))
    nu = sample("nu", dist.Exponential(0.1))
    sample("r", dist.StudentT(nu, 0.0, jnp.exp(h)))


@pair(_)
def stochastic_volatility():
    s = t.Exponential(1.0, name="s")
    h = t.GaussianRandomWalk(s, num_steps=N, name="h")
    nu = t.Exponential(0.1, name="nu")
    t.StudentT(nu, 0.0, jnp.exp(h), name="r")


def _():
    a = sample("a", dist.Uniform(-1.0, 1.0))
    x = sample("x_0", dist.Normal(0.0, 1.0))
    for i in range(1, 4):
        x = sample(f"x_{i}", dist.Normal(a * x, 0.5))
        sample(f"y_{i}", dist.Normal(x, 0.3))


@pair(_)
def state_space_by_loop():
    a = t.Uniform(-1.0, 1.0, name="a")
    x = t.Normal(0.0, 1.0, name="x_0")
    for i in range(1, 4):
        x = t.Normal(a * x, 0.5, name=f"x_{i}")
        t.Normal(x, 0.3, name=f"y_{i}")


def _():
    s = sample("s", dist.HalfNormal(1.0))
    z = sample("z", dist.GaussianStateSpace(3, 0.5 * jnp.eye(D), scale_tril=s * jnp.eye(D)))
    sample("y", dist.Normal(z, 0.3))


@pair(_)
def linear_gaussian_state_space():
    s = t.HalfNormal(1.0, name="s")
    z = t.GaussianStateSpace(3, 0.5 * jnp.eye(D), scale_tril=s * jnp.eye(D), name="z")
    t.Normal(z, 0.3, name="y")


def autoregression(a: Any, noise: Any) -> Any:
    def step(past: Any, e: Any) -> tuple[Any, Any]:
        new = a @ past + e
        return jnp.stack([past[1], new]), new

    return jax.lax.scan(step, jnp.zeros(2), noise)[1]


def _():
    a = sample("a", dist.Normal(0.0, 0.5), sample_shape=(2,))
    noise = sample("noise", dist.Normal(jnp.zeros(N), 1.0))
    sample("y", dist.Normal(autoregression(a, noise), 0.1))


@pair(_)
def autoregression_by_scan():
    a = t.Normal(0.0, 0.5, name="a", sample_shape=(2,))
    noise = t.Normal(jnp.zeros(N), 1.0, name="noise")
    t.Normal(autoregression(a.value, noise.value), 0.1, name="y")


# Gaussian processes, multivariate laws


def _():
    variance = sample("variance", dist.LogNormal(0.0, 1.0))
    length = sample("length", dist.LogNormal(0.0, 1.0))
    sample("y", dist.MultivariateNormal(jnp.zeros(N), covariance_matrix=kernel(variance, length)))


@pair(_)
def gaussian_process():
    variance = t.LogNormal(0.0, 1.0, name="variance")
    length = t.LogNormal(0.0, 1.0, name="length")
    t.MultivariateNormal(jnp.zeros(N), covariance_matrix=kernel(variance, length), name="y")


def _():
    length = sample("length", dist.InverseGamma(3.0, 3.0))
    f = sample("f", dist.MultivariateNormal(jnp.zeros(N), covariance_matrix=kernel(1.0, length)))
    sample("y", dist.Poisson(jnp.exp(f)))


@pair(_)
def cox_process():
    length = t.InverseGamma(3.0, 3.0, name="length")
    f = t.MultivariateNormal(jnp.zeros(N), covariance_matrix=kernel(1.0, length), name="f")
    t.Poisson(jnp.exp(f), name="y")


def _():
    corr = sample("corr", dist.LKJCholesky(D, 2.0))
    scale = sample("scale", dist.HalfNormal(jnp.ones(D)))
    with numpyro.plate("N", N):
        sample("y", dist.MultivariateNormal(jnp.zeros(D), scale_tril=scale[:, None] * corr))


@pair(_)
def correlations():
    corr = t.LKJCholesky(D, 2.0, name="corr")
    scale = t.HalfNormal(jnp.ones(D), name="scale")
    with plate("N", N):
        t.MultivariateNormal(jnp.zeros(D), scale_tril=scale[:, None] * corr, name="y")


def _():
    loadings = sample("loadings", dist.Normal(0.0, 1.0), sample_shape=(D, 1))
    noise = sample("noise", dist.InverseGamma(2.0, 1.0), sample_shape=(D,))
    with numpyro.plate("N", N):
        sample("y", dist.LowRankMultivariateNormal(jnp.zeros(D), loadings, noise))


@pair(_)
def factor_analysis():
    loadings = t.Normal(0.0, 1.0, name="loadings", sample_shape=(D, 1))
    noise = t.InverseGamma(2.0, 1.0, name="noise", sample_shape=(D,))
    with plate("N", N):
        t.LowRankMultivariateNormal(jnp.zeros(D), loadings, noise, name="y")


def _():
    p = sample("p", dist.Dirichlet(jnp.array([1.0, 2.0, 3.0])))
    with numpyro.plate("N", N):
        sample("y", dist.Multinomial(10, p))
    sample("z", dist.DirichletMultinomial(jnp.ones(3), 5))


@pair(_)
def counts_over_categories():
    p = t.Dirichlet(jnp.array([1.0, 2.0, 3.0]), name="p")
    with plate("N", N):
        t.Multinomial(10, p, name="y")
    t.DirichletMultinomial(jnp.ones(3), 5, name="z")


# Truncated, censored, masked, circular


def _():
    mu = sample("mu", dist.TruncatedNormal(0.0, 1.0, low=-1.0, high=2.0))
    with numpyro.plate("N", N):
        sample("y", dist.TruncatedNormal(mu, 1.0, low=-1.5))


@pair(_)
def truncated():
    mu = t.TruncatedNormal(0.0, 1.0, low=-1.0, high=2.0, name="mu")
    with plate("N", N):
        t.TruncatedNormal(mu, 1.0, low=-1.5, name="y")


CENSORED = np.array([True, False, False, True, False, False])


def _():
    scale = sample("scale", dist.LogNormal(0.0, 1.0))
    sample("y", dist.RightCensoredDistribution(dist.Weibull(scale * jnp.ones(N), 1.5), CENSORED))


@pair(_)
def censored():
    scale = t.LogNormal(0.0, 1.0, name="scale")
    t.RightCensoredDistribution(dist.Weibull(scale * jnp.ones(N), 1.5), CENSORED, name="y")


def _():
    mu = sample("mu", dist.Normal(0.0, 1.0))
    with numpyro.plate("N", N), handlers.mask(mask=CENSORED):
        sample("y", dist.Normal(mu, 1.0))


@pair(_)
def masked():
    mu = t.Normal(0.0, 1.0, name="mu")
    with plate("N", N):
        from_distribution(dist.Normal(mu.value, 1.0).expand([N]).mask(CENSORED), name="y")


def _():
    loc = sample("loc", dist.VonMises(0.0, 2.0))
    with numpyro.plate("N", N):
        sample("y", dist.VonMises(loc, 3.0))


@pair(_)
def directions():
    loc = t.VonMises(0.0, 2.0, name="loc")
    with plate("N", N):
        t.VonMises(loc, 3.0, name="y")


# Discrete


def _():
    survival = sample("survival", dist.Beta(2.0, 2.0))
    with numpyro.plate("N", N):
        alive = sample("alive", dist.Bernoulli(survival))
        sample("seen", dist.Bernoulli(0.6 * alive))


@pair(_)
def capture_recapture():
    survival = t.Beta(2.0, 2.0, name="survival")
    with plate("N", N):
        alive = t.Bernoulli(survival, name="alive")
        t.Bernoulli(0.6 * alive, name="seen")


def _():
    change = sample("change", dist.DiscreteUniform(0, N - 1))
    rates = sample("rates", dist.Exponential(0.5), sample_shape=(2,))
    sample("y", dist.Poisson(jnp.where(jnp.arange(N) < change, rates[0], rates[1])))


@pair(_)
def change_point():
    change = t.DiscreteUniform(0, N - 1, name="change")
    rates = t.Exponential(0.5, name="rates", sample_shape=(2,))
    t.Poisson(jnp.where(jnp.arange(N) < change, rates[0], rates[1]), name="y")


def _():
    p = sample("p", dist.Beta(2.0, 2.0))
    with numpyro.plate("N", N):
        sample("y", dist.Geometric(p))
        sample("k", dist.BetaBinomial(2.0, 3.0, 7))


@pair(_)
def waiting_times():
    p = t.Beta(2.0, 2.0, name="p")
    with plate("N", N):
        t.Geometric(p, name="y")
        t.BetaBinomial(2.0, 3.0, 7, name="k")


def _():
    theta = sample("theta", dist.Normal(0.0, 1.0), sample_shape=(N, 1))
    difficulty = sample("difficulty", dist.Normal(0.0, 1.0), sample_shape=(3,))
    sample("answer", dist.Bernoulli(logits=theta - difficulty))


@pair(_)
def item_response():
    theta = t.Normal(0.0, 1.0, name="theta", sample_shape=(N, 1))
    difficulty = t.Normal(0.0, 1.0, name="difficulty", sample_shape=(3,))
    t.Bernoulli(logits=theta - difficulty, name="answer")
