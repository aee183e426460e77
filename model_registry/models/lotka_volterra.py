"""Predator and prey: a differential equation, solved inside the program, seen through multiplicative noise."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist

from model_registry import Field, Model
from tacit.ppl import LogNormal, TruncatedNormal, from_distribution, plate

STEPS = 400  # of the solver, over the whole of the time


def derivative(log_z: jax.Array, theta: jax.Array) -> jax.Array:
    """Change of the logarithms of prey u and predators v: u' = (alpha - beta v) u, v' = (-gamma + delta u) v."""
    alpha, beta, gamma, delta = theta
    u, v = jnp.exp(log_z)
    return jnp.stack([alpha - beta * v, -gamma + delta * u])


def solve(log_z: jax.Array, theta: jax.Array, time: jax.Array) -> jax.Array:
    """Logarithms of both populations at each of `time`, by Runge and Kutta's method of order four from time 0 on, in
    equal steps, and between these by Hermite's cubics. Shape (N, 2)."""
    h = jnp.max(time) / STEPS

    def step(log_z: jax.Array, _: None) -> tuple[jax.Array, jax.Array]:
        k1 = derivative(log_z, theta)
        k2 = derivative(log_z + h / 2 * k1, theta)
        k3 = derivative(log_z + h / 2 * k2, theta)
        k4 = derivative(log_z + h * k3, theta)
        new = log_z + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        return new, new

    # jax.lax.scan rather than a Python loop: it is compiled once, not STEPS times.
    _, path = jax.lax.scan(step, log_z, length=STEPS)
    path = jnp.concatenate([log_z[None], path])
    i = jnp.clip(jnp.floor(time / h).astype(int), 0, STEPS - 1)
    s = (time / h - i)[:, None]
    slope = jax.vmap(derivative, (0, None))(path, theta)
    ends = (1 + 2 * s) * (1 - s) ** 2 * path[i] + s**2 * (3 - 2 * s) * path[i + 1]
    return ends + h * s * (1 - s) * ((1 - s) * slope[i] - s * slope[i + 1])


def program(time: jax.Array) -> None:
    # NumPy for what is constant: a `jnp` function would run at once, on the device, when the model is loaded.
    theta = TruncatedNormal(np.array([1.0, 0.05, 1.0, 0.05]), np.array([0.5, 0.05, 0.5, 0.05]), low=0.0, name="theta")
    z_init = LogNormal(np.log(10.0), 1.0, name="z_init", sample_shape=(2,))
    sigma = LogNormal(-1.0, 1.0, name="sigma", sample_shape=(2,))
    log_z = solve(jnp.log(z_init), theta.value, time)
    # Given the curve, each time's noise is its own: the years are data points, with their time as a covariate.
    with plate("N", len(time)):
        from_distribution(dist.LogNormal(log_z, sigma.value).to_event(1), name="y")


# Pelts that the Hudson's Bay Company bought in 1900, ..., 1920 (thousands): snowshoe hare, Canadian lynx.
PELTS = np.array(
    [
        *[[30, 4], [47.2, 6.1], [70.2, 9.8], [77.4, 35.2], [36.3, 59.4], [20.6, 41.7], [18.1, 19]],
        *[[21.4, 13], [22, 8.3], [25.4, 9.1], [27.1, 7.4], [40.3, 8], [57, 12.3], [76.6, 19.5]],
        *[[52.3, 45.7], [19.5, 51.1], [11.2, 29.7], [7.6, 15.8], [14.6, 9.7], [16.2, 10.1], [24.7, 8.6]],
    ]
)

model = Model(
    name="lotka-volterra",
    title="Lotka-Volterra equations of predator and prey",
    description=(
        "Prey u and predators v follow u' = (alpha - beta v) u and v' = (-gamma + delta u) v from z_init on, with "
        "theta = (alpha, beta, gamma, delta); both are seen at times of which the first may be 0, through log-normal "
        "noise sigma. Priors: alpha, gamma ~ Normal(1, 0.5) and beta, delta ~ Normal(0.05, 0.05), all positive; z_init "
        "~ LogNormal(log 10, 1); sigma ~ LogNormal(-1, 1). Choose units in which these make sense."
    ),
    program=program,
    data={
        "time": Field(("N",), support="nonnegative", description="when they were seen, since z_init; not all 0"),
        "y": Field(("N", 2), support="positive", description="prey and predators seen then"),
    },
    example={"time": np.arange(21.0), "y": PELTS},
    # What a ratio estimator learns of the curve in the usual number of steps is too little: posteriors are far off.
    # About one fit of these data in nine ends at curves of another period with more noise, 34 nats worse, without a
    # warning: of four, the best is taken. They have settled after so many steps.
    defaults={"method": "klqp", "restarts": 4, "steps": 3000},
    references=(
        "Data: Hewitt (1921), Conservation of the Wild Life of Canada, after the books of the Hudson's Bay Company; "
        "the numbers are those of Howard (2009), Modeling Basics, and of posteriordb",
        "posteriordb (Magnusson et al.), posterior hudson_lynx_hare-lotka_volterra: the model and its priors, after "
        "Carpenter (2018), Predator-prey population dynamics: the Lotka-Volterra model in Stan",
    ),
)
