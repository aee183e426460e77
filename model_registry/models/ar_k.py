"""An autoregressive process of any order. Shows how to write a distribution of one's own."""

import jax
import jax.numpy as jnp
import numpyro.distributions as dist
from numpyro.distributions import constraints

from model_registry import Field, Model
from tacit.ppl import HalfCauchy, Normal, from_distribution


class Autoregression(dist.Distribution):
    """The law of y[0], ..., y[T - 1], each Normal(alpha + sum of beta[k] times the value k + 1 steps before, sigma).

    Args:
      alpha, sigma: scalars.
      beta: (K,).
      y_init: (K,), the values before y[0], oldest first.
      T: length of the series.
    """

    support = constraints.real_vector
    # The arrays that the distribution consists of; NumPyro needs to know them where JAX compiles.
    pytree_data_fields = ("alpha", "beta", "sigma", "y_init")

    def __init__(self, alpha, beta, sigma, y_init, T, *, validate_args=None):
        self.alpha, self.beta, self.sigma, self.y_init = alpha, beta, sigma, y_init
        super().__init__(event_shape=(T,), validate_args=validate_args)

    def sample(self, key, sample_shape=()):
        def step(recent, noise):  # `recent` holds the last K values along axis -1, newest first
            new = self.alpha + recent @ self.beta + self.sigma * noise
            return jnp.concatenate([new[..., None], recent[..., :-1]], axis=-1), new

        first = jnp.broadcast_to(self.y_init[::-1], (*sample_shape, len(self.y_init)))
        _, y = jax.lax.scan(step, first, jax.random.normal(key, (*self.event_shape, *sample_shape)))
        return jnp.moveaxis(y, 0, -1)

    def log_prob(self, value):
        (T,), K = self.event_shape, len(self.y_init)
        before = jnp.broadcast_to(self.y_init, (*value.shape[:-1], K))
        series = jnp.concatenate([before, value], axis=-1)
        lags = jnp.stack([series[..., K - k : K - k + T] for k in range(1, K + 1)], axis=-1)
        return jnp.sum(dist.Normal(self.alpha + lags @ self.beta, self.sigma).log_prob(value), axis=-1)


def program(y_init: jax.Array, T: int) -> None:
    alpha = Normal(0.0, 10.0, name="alpha")
    beta = Normal(0.0, 10.0, name="beta", sample_shape=(len(y_init),))
    sigma = HalfCauchy(2.5, name="sigma")
    # No plate: each value depends on those before it, so the whole series is one observation.
    from_distribution(Autoregression(alpha.value, beta.value, sigma.value, y_init, T), name="y")


# The series of posteriordb's arK, to four decimals.
SERIES = [
    *[0.7294, 0.8298, 0.7840, 1.0260, 0.9697, 1.0829, 0.7064, 0.7769, 0.4618, 0.6386],
    *[0.3742, 0.0855, -0.1260, -0.2934, -0.2617, -0.3359, -0.5020, -0.6417, -0.6225, -0.8509],
    *[-0.8678, -1.0164, -1.0559, -0.9695, -1.0673, -0.8431, -0.6827, -0.4447, -0.5920, -0.5106],
    *[-0.4179, -0.1736, -0.1073, -0.0355, 0.3432, 0.3842, 0.4961, 0.7085, 0.5963, 0.6414],
    *[0.6513, 0.5942, 0.7779, 0.7308, 0.4822, 0.5320, 0.4851, 0.3686, 0.3533, 0.1634],
    *[0.2530, 0.0007, -0.0158, -0.0145, -0.0253, -0.0056, -0.3189, -0.0228, -0.0717, -0.1850],
    *[-0.2350, -0.1243, -0.1305, -0.1995, 0.0776, -0.1629, 0.0235, -0.0647, 0.0845, 0.0550],
    *[0.1417, 0.0877, -0.0528, 0.0695, -0.1014, -0.0689, -0.2512, -0.3903, -0.1676, -0.2792],
    *[-0.3121, -0.2866, -0.4118, -0.4982, -0.5029, -0.7394, -0.2492, -0.4710, -0.4646, -0.4457],
    *[-0.2844, -0.0228, -0.0606, 0.0662, 0.1405, 0.2763, 0.3772, 0.6103, 0.8809, 0.7885],
    *[0.8014, 0.6610, 0.8098, 0.8205, 0.9808, 0.7240, 0.9319, 0.8505, 0.4806, 0.5086],
    *[0.4161, 0.3147, -0.0282, -0.0717, -0.1439, -0.5224, -0.4034, -0.6886, -0.6947, -0.6497],
    *[-0.9927, -0.9354, -0.8970, -0.9782, -1.0668, -0.9536, -0.7571, -0.8426, -0.6978, -0.3166],
    *[-0.3878, -0.0671, -0.0385, 0.0896, 0.1455, 0.1852, 0.3956, 0.6853, 0.5563, 0.7108],
    *[0.7463, 0.6685, 0.6937, 0.7380, 0.6628, 0.6901, 0.6807, 0.3733, 0.4537, 0.3138],
    *[0.4500, -0.0338, 0.0047, -0.0857, 0.1083, -0.1398, -0.0430, -0.4542, -0.3326, -0.2334],
    *[-0.2015, -0.1827, -0.2279, -0.0415, -0.1210, -0.0724, -0.0482, 0.1580, 0.0584, -0.1118],
    *[-0.0382, 0.1790, -0.0148, 0.0501, -0.1981, -0.1400, -0.1747, -0.1768, -0.2154, -0.4145],
    *[-0.3405, -0.4483, -0.6571, -0.3546, -0.5257, -0.6564, -0.5245, -0.4759, -0.3631, -0.3367],
    *[-0.3254, 0.0007, 0.2080, 0.0023, 0.1125, 0.3494, 0.4717, 0.5907, 0.6049, 0.9332],
]


model = Model(
    name="ar-k",
    title="Autoregressive process of order K",
    description=(
        "y[t] is Normal(alpha + beta[0] y[t-1] + ... + beta[K-1] y[t-K], sigma). The first K values, y_init, are taken "
        "as given; how many there are is the order. Priors: alpha and each beta ~ Normal(0, 10), sigma ~ "
        "HalfCauchy(2.5). They admit series that explode, so simulations from the prior mostly do."
    ),
    program=program,
    data={
        "y_init": Field(("K",), description="the first K values of the series, oldest first"),
        "y": Field(("T",), description="the rest of the series, in order"),
    },
    example={"y_init": SERIES[:5], "y": SERIES[5:]},
    # The program has a density, and simulations from its prior overflow: fit with the density.
    defaults={"method": "klqp"},
    references=("posteriordb (Magnusson et al.), posterior arK-arK: the model, its priors, the data",),
)
