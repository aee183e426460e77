"""Many short series: each animal's weight is an autoregressive process, and the simulator makes one animal."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from model_registry import Field, Model
from tacit.ppl import HalfNormal, Implicit, LogNormal, Normal, plate


def grow(
    key: jax.Array, age: jax.Array, first: Any, first_sd: Any, limit: Any, limit_sd: Any, rate: Any, drift: Any
) -> jax.Array:
    """The weights (T,) of one animal at the ages (T,): Gompertz growth with noise.

    The logarithm of the weight is pulled towards the animal's own limit at `rate` per unit of time, while noise of size
    `drift` per square root of time moves it about. In discrete time it is an autoregressive process of order one.
    """
    first_key, limit_key, drift_key = jax.random.split(key, 3)
    own_limit = limit + limit_sd * jax.random.normal(limit_key)

    def step(log_weight, gap_and_noise):
        gap, noise = gap_and_noise
        kept = jnp.exp(-rate * gap)
        spread = drift * jnp.sqrt((1.0 - kept**2) / (2.0 * rate))
        log_weight = own_limit + (log_weight - own_limit) * kept + spread * noise
        return log_weight, log_weight

    start = first + first_sd * jax.random.normal(first_key)
    noise = jax.random.normal(drift_key, (len(age) - 1,))
    _, later = jax.lax.scan(step, start, (jnp.diff(age), noise))
    return jnp.exp(jnp.concatenate([start[None], later]))


def program(age: jax.Array, N: int) -> None:
    first = Normal(5.0, 1.0, name="first")
    first_sd = HalfNormal(0.5, name="first_sd")
    limit = Normal(6.0, 1.0, name="limit")
    limit_sd = HalfNormal(0.5, name="limit_sd")
    rate = LogNormal(np.log(0.05), 0.5, name="rate")
    drift = HalfNormal(0.05, name="drift")
    with plate("N", N):
        Implicit(grow, age, first, first_sd, limit, limit_sd, rate, drift, event_dim=1, name="weight")


# 30 young rats, weighed (in grams) at these ages (in days).
AGE = [8, 15, 22, 29, 36]
RATS = np.array(
    [
        *[[151, 199, 246, 283, 320], [145, 199, 249, 293, 354], [147, 214, 263, 312, 328], [155, 200, 237, 272, 297]],
        *[[135, 188, 230, 280, 323], [159, 210, 252, 298, 331], [141, 189, 231, 275, 305], [159, 201, 248, 297, 338]],
        *[[177, 236, 285, 350, 376], [134, 182, 220, 260, 296], [160, 208, 261, 313, 352], [143, 188, 220, 273, 314]],
        *[[154, 200, 244, 289, 325], [171, 221, 270, 326, 358], [163, 216, 242, 281, 312], [160, 207, 248, 288, 324]],
        *[[142, 187, 234, 280, 316], [156, 203, 243, 283, 317], [157, 212, 259, 307, 336], [152, 203, 246, 286, 321]],
        *[[154, 205, 253, 298, 334], [139, 190, 225, 267, 302], [146, 191, 229, 272, 302], [157, 211, 250, 285, 323]],
        *[[132, 185, 237, 286, 331], [160, 207, 257, 303, 345], [169, 216, 261, 295, 333], [157, 205, 248, 289, 316]],
        *[[137, 180, 219, 258, 291], [153, 200, 244, 286, 324]],
    ]
)

model = Model(
    name="growth-curves",
    title="Growth curves: an autoregressive simulator of many short series",
    description=(
        "Each of N animals is weighed at the same T ages. The logarithm of its weight starts at Normal(first, "
        "first_sd) and approaches its own limit, Normal(limit, limit_sd), at `rate` per unit of time, disturbed by "
        "noise of size `drift` per square root of the unit of time. Priors, for grams and days: first ~ Normal(5, 1), "
        "limit ~ Normal(6, 1), first_sd and limit_sd ~ HalfNormal(0.5), rate ~ LogNormal(log 0.05, 0.5), drift ~ "
        "HalfNormal(0.05)."
    ),
    program=program,
    data={
        "age": Field(("T",), description="ages at which all animals were weighed, increasing", unit="day"),
        "weight": Field(("N", "T"), support="positive", description="a row of weights for each animal", unit="g"),
    },
    example={"age": AGE, "weight": RATS},
    references=(
        "Data: Gelfand, Hills, Racine-Poon and Smith (1990), Illustration of Bayesian inference in normal data models "
        "using Gibbs sampling, Journal of the American Statistical Association 85, 972-985",
        "Dennis, Ponciano, Lele, Taper and Staples (2006), Estimating density dependence, process noise, and "
        "observation error, Ecological Monographs 76, 323-341: the stochastic Gompertz process. Priors: our own",
    ),
)
