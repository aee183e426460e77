"""Counts of many people at several visits: a hierarchical model whose local latents feed a simulator."""

import jax
import jax.numpy as jnp
import numpy as np

from model_registry import Field, Model
from tacit.ppl import Deterministic, HalfNormal, Implicit, Normal, plate

MAX_LOG_RATE = 12.0  # beyond any count worth modelling, and within what the sampler of counts can do


def visits(key: jax.Array, log_rate: jax.Array, sigma: jax.Array) -> jax.Array:
    """Counts (N, T) at expected logarithms of rates (N, T): each visit has a good or bad day of its own.

    Summing a Poisson law over a normal disturbance has no closed form: there is no density to write.
    """
    day_key, count_key = jax.random.split(key)
    log_rate = log_rate + sigma * jax.random.normal(day_key, log_rate.shape)
    return jax.random.poisson(count_key, jnp.exp(jnp.minimum(log_rate, MAX_LOG_RATE)))


def program(x: jax.Array, visit: jax.Array) -> None:
    num_people, num_covariates = x.shape
    w = Normal(0.0, 2.5, name="w", sample_shape=(num_covariates,))
    trend = Normal(0.0, 1.0, name="trend")
    tau = HalfNormal(1.0, name="tau")
    sigma = HalfNormal(1.0, name="sigma")
    with plate("N", num_people):
        # Not centred: centred, tau and all people fell to 0 together (docs/accuracy.md, "Simulators against NUTS").
        person_offset = Normal(0.0, 1.0, name="person_offset")
        person = Deterministic(tau * person_offset, name="person")
        log_rate = (x @ w + person)[:, None] + trend * visit
        Implicit(visits, log_rate, sigma, event_dim=1, name="y")


# 59 people with epilepsy: seizures in four periods of two weeks, treatment (1: progabide, 0: placebo), seizures in
# the eight weeks before, age (years).
SEIZURES = np.array(
    [
        *[[5, 3, 3, 3, 0, 11, 31], [3, 5, 3, 3, 0, 11, 30], [2, 4, 0, 5, 0, 6, 25], [4, 4, 1, 4, 0, 8, 36]],
        *[[7, 18, 9, 21, 0, 66, 22], [5, 2, 8, 7, 0, 27, 29], [6, 4, 0, 2, 0, 12, 31], [40, 20, 23, 12, 0, 52, 42]],
        *[[5, 6, 6, 5, 0, 23, 37], [14, 13, 6, 0, 0, 10, 28], [26, 12, 6, 22, 0, 52, 36], [12, 6, 8, 4, 0, 33, 24]],
        *[[4, 4, 6, 2, 0, 18, 23], [7, 9, 12, 14, 0, 42, 36], [16, 24, 10, 9, 0, 87, 26], [11, 0, 0, 5, 0, 50, 26]],
        *[[0, 0, 3, 3, 0, 18, 28], [37, 29, 28, 29, 0, 111, 31], [3, 5, 2, 5, 0, 18, 32], [3, 0, 6, 7, 0, 20, 21]],
        *[[3, 4, 3, 4, 0, 12, 29], [3, 4, 3, 4, 0, 9, 21], [2, 3, 3, 5, 0, 17, 32], [8, 12, 2, 8, 0, 28, 25]],
        *[[18, 24, 76, 25, 0, 55, 30], [2, 1, 2, 1, 0, 9, 40], [3, 1, 4, 2, 0, 10, 19], [13, 15, 13, 12, 0, 47, 22]],
        *[[11, 14, 9, 8, 1, 76, 18], [8, 7, 9, 4, 1, 38, 32], [0, 4, 3, 0, 1, 19, 20], [3, 6, 1, 3, 1, 10, 30]],
        *[[2, 6, 7, 4, 1, 19, 18], [4, 3, 1, 3, 1, 24, 24], [22, 17, 19, 16, 1, 31, 30], [5, 4, 7, 4, 1, 14, 35]],
        *[[2, 4, 0, 4, 1, 11, 27], [3, 7, 7, 7, 1, 67, 20], [4, 18, 2, 5, 1, 41, 22], [2, 1, 1, 0, 1, 7, 28]],
        *[[0, 2, 4, 0, 1, 22, 23], [5, 4, 0, 3, 1, 13, 40], [11, 14, 25, 15, 1, 46, 33], [10, 5, 3, 8, 1, 36, 21]],
        *[[19, 7, 6, 7, 1, 38, 35], [1, 1, 2, 3, 1, 7, 25], [6, 10, 8, 8, 1, 36, 26], [2, 1, 0, 0, 1, 11, 25]],
        *[[102, 65, 72, 63, 1, 151, 22], [4, 3, 2, 4, 1, 22, 32], [8, 6, 5, 7, 1, 41, 25], [1, 3, 1, 5, 1, 32, 35]],
        *[[18, 11, 28, 13, 1, 56, 21], [6, 3, 4, 0, 1, 24, 41], [3, 5, 4, 3, 1, 16, 32], [1, 23, 19, 8, 1, 22, 26]],
        *[[2, 3, 0, 1, 1, 25, 21], [0, 0, 0, 0, 1, 13, 36], [1, 4, 3, 2, 1, 12, 37]],
    ]
)


def design() -> np.ndarray:
    """A row for each person, all but the ones centred: 1, log(before / 4), treatment, their product, log(age)."""
    treatment, before, age = SEIZURES[:, 4:].T
    base = np.log(before / 4)
    columns = np.column_stack([base, treatment, base * treatment, np.log(age)])
    return np.round(np.column_stack([np.ones(len(columns)), columns - columns.mean(axis=0)]), 4)


model = Model(
    name="panel-counts",
    title="Counts of many people at several visits",
    description=(
        "y[n, t] counts the events of person n up to visit t: Poisson with logarithm of the rate x[n] w + trend "
        "visit[t] + person[n] + sigma noise. `person` is Normal(0, tau): tau times a latent of each; the noise is new "
        "at each visit and stays inside the simulator. Priors: w ~ Normal(0, 2.5), trend ~ Normal(0, 1), tau and sigma "
        "~ HalfNormal(1). Centre the covariates; put a column of ones among them to have an intercept."
    ),
    program=program,
    data={
        "x": Field(("N", "D"), description="covariates, a row for each person"),
        "visit": Field(("T",), description="covariate of the visits, such as 1 for the last and 0 for the others"),
        "y": Field(("N", "T"), dtype="int", support="nonnegative", description="counts, a row for each person"),
    },
    example={"x": design(), "visit": [0, 0, 0, 1], "y": SEIZURES[:, :4]},
    references=(
        "Data: Thall and Vail (1990), Some covariance models for longitudinal count data with overdispersion, "
        "Biometrics 46, 657-671",
        "Breslow and Clayton (1993), Approximate inference in generalized linear mixed models, Journal of the American "
        "Statistical Association 88, 9-25: the model (their model III) and its covariates. Priors: our own",
    ),
)
