"""SLCP with distractors: the four points of `slcp` hidden among 92 numbers that say nothing of the parameters."""

import jax
import jax.numpy as jnp
import numpy as np

from model_registry import Field, Model
from model_registry.models import slcp
from tacit.ppl import Implicit, Uniform

POINTS, DISTRACTORS, COMPONENTS, FREEDOM = 4, 92, 20, 2.0
_random = np.random.RandomState(2021)  # its stream is frozen: the same law on every NumPy
CENTRES = _random.normal(0.0, 15.0, (COMPONENTS, DISTRACTORS)).astype(np.float32)
SCALES = np.exp(_random.normal(0.0, 1.0, (COMPONENTS, DISTRACTORS))).astype(np.float32)
ORDER = _random.permutation(2 * POINTS + DISTRACTORS)


def simulate(key: jax.Array, theta: jax.Array) -> jax.Array:
    """100 numbers in a fixed disorder: four points of `slcp`, and a draw from a mixture of Student's t laws."""
    point_key, component_key, noise_key, mix_key = jax.random.split(key, 4)
    points = jax.vmap(slcp.simulate, (0, None))(jax.random.split(point_key, POINTS), theta)
    component = jax.random.randint(component_key, (), 0, COMPONENTS)
    spread = jnp.sqrt(FREEDOM / (2.0 * jax.random.gamma(mix_key, FREEDOM / 2.0)))
    noise = jax.random.normal(noise_key, (DISTRACTORS,)) * spread
    distractors = jnp.asarray(CENTRES)[component] + jnp.asarray(SCALES)[component] * noise
    return jnp.concatenate([points.reshape(-1), distractors])[ORDER]


def program() -> None:
    theta = Uniform(np.full(5, -3.0), np.full(5, 3.0), name="theta")
    Implicit(simulate, theta, name="x")


def hide(points: np.ndarray, seed: int) -> np.ndarray:
    """(100,): four points (4, 2) of `slcp` among distractors drawn from the first component of the mixture."""
    random = np.random.RandomState(seed)
    noise = random.standard_normal(DISTRACTORS) * np.sqrt(FREEDOM / random.chisquare(FREEDOM))
    return np.concatenate([points.reshape(-1), CENTRES[0] + SCALES[0] * noise])[ORDER]


model = Model(
    name="slcp-distractors",
    title="SLCP with distractors: eight numbers that matter among a hundred",
    description=(
        "The eight numbers of four points of `slcp`, and 92 that do not depend on the parameters (from a mixture of 20 "
        "multivariate Student's t laws with two degrees of freedom), in a fixed disorder. The posterior is that of the "
        "four points. Prior: theta ~ Uniform(-3, 3)."
    ),
    program=program,
    data={"x": Field((2 * POINTS + DISTRACTORS,), description="the hundred numbers")},
    example={"x": np.round(hide(slcp.example_data(), seed=2020), 4)},
    references=(
        "Greenberg, Nonnenmacher and Macke (2019), Automatic posterior transformation for likelihood-free inference, "
        "International Conference on Machine Learning: the distractors. Theirs have correlations, ours have none; "
        "the posterior is the same",
    ),
)
