"""Effects that differ from group to group, known through noisy estimates: a model with global and local latents."""

import jax

from model_registry import Field, Model
from tacit.ppl import Deterministic, HalfCauchy, Normal, plate


def program(sigma: jax.Array) -> None:
    mu = Normal(0.0, 5.0, name="mu")
    tau = HalfCauchy(5.0, name="tau")
    with plate("J", len(sigma)):
        # Not centred: theta_offset is Normal(0, 1) whatever tau is, which is easier to approximate than theta itself.
        theta_offset = Normal(0.0, 1.0, name="theta_offset")
        # A Deterministic is reported with the posterior like any latent.
        theta = Deterministic(mu + tau * theta_offset, name="theta")
        Normal(theta, sigma, name="y")


model = Model(
    name="eight-schools",
    title="Eight schools: a hierarchical model of group effects",
    description=(
        "Each group j has an estimated effect y[j] with known standard error sigma[j]; the true effects theta[j] are "
        "Normal(mu, tau). Any number of groups; priors mu ~ Normal(0, 5), tau ~ HalfCauchy(5), in the unit of y."
    ),
    program=program,
    # `sigma` is a parameter of the program: given, never inferred. `y` is observed. J is the same for both.
    data={
        "y": Field(("J",), description="estimated effect of each group"),
        "sigma": Field(("J",), support="positive", description="standard error of each estimate"),
    },
    example={
        "y": [28, 8, -3, 7, -1, 1, 18, 12],
        "sigma": [15, 10, 16, 11, 9, 11, 10, 18],
    },
    references=(
        "Rubin (1981), Estimation in parallel randomized experiments, Journal of Educational Statistics 6(4)",
        "Gelman et al., Bayesian Data Analysis, section 5.5",
    ),
)
