"""Counts along a line whose log rate is a smooth unknown function, a Gaussian process."""

import jax
import jax.numpy as jnp
import numpy as np

from model_registry import Field, Model
from tacit.ppl import Gamma, HalfNormal, MultivariateNormal, Poisson

# Added to the diagonal of the correlation, so that rounding to single precision leaves it invertible. It is noise in f
# with a hundredth of the standard deviation alpha.
JITTER = 1e-4


def program(x: jax.Array) -> None:
    rho = Gamma(25.0, 4.0, name="rho")
    alpha = HalfNormal(2.0, name="alpha")
    distance = (x[:, None] - x[None, :]) / rho
    correlation = jnp.exp(-0.5 * distance**2) + JITTER * np.eye(len(x))
    # f itself is the latent, rather than independent normal numbers that make it up: each count says much about f at
    # its x, so the posterior of f is close to normal, and hardly depends on rho and alpha.
    # Positive definite by construction: checking that would run on the device when the model is loaded.
    f = MultivariateNormal(0.0, covariance_matrix=alpha**2 * correlation, validate_args=False, name="f")
    # No plate: the counts share the function f, so the whole data set is one observation.
    Poisson(jnp.exp(f), name="k")


model = Model(
    name="gp-poisson-regression",
    title="Poisson regression on a Gaussian process",
    description=(
        "The count k at x is Poisson with rate exp(f(x)). The function f is a Gaussian process with mean 0, standard "
        "deviation alpha and covariance alpha^2 exp(-(x - x')^2 / (2 rho^2)). Priors: length scale rho ~ Gamma(25, 4), "
        "in the unit of x, mostly between 4 and 9; alpha ~ HalfNormal(2). Scale x to match them."
    ),
    program=program,
    data={
        "x": Field(("N",), description="where each count was taken; all different"),
        "k": Field(("N",), dtype="int", support="nonnegative", description="counts"),
    },
    example={
        "x": [-10, -8, -6, -4, -2, 0, 2, 4, 6, 8, 10],
        "k": [40, 37, 29, 12, 4, 3, 9, 19, 77, 82, 33],
    },
    references=(
        "posteriordb (Magnusson et al.), posterior gp_pois_regr-gp_pois_regr: the model, its priors, the data",
    ),
)
