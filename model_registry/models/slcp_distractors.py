"""SLCP with distractors: the four points of `slcp` hidden among 92 numbers that say nothing of the parameters."""

import jax
import jax.numpy as jnp
import numpy as np

from model_registry import Field, Model
from model_registry.models import slcp
from tacit.ppl import Implicit, Uniform

POINTS, DISTRACTORS, COMPONENTS, FREEDOM = 4, 92, 20, 2.0
# The benchmark drew the mixture and the order by this generator with this seed. Its stream is frozen: drawn in the same
# order they are the same numbers.
_random = np.random.RandomState(42)
CENTRES = 15.0 * _random.normal(size=(COMPONENTS, DISTRACTORS))
ROOTS = 3.0 * np.stack(
    [
        np.tril(_random.normal(size=(DISTRACTORS, DISTRACTORS))) + np.diag(np.exp(_random.normal(size=DISTRACTORS)))
        for _ in range(COMPONENTS)
    ]
)
ORDER = _random.permutation(2 * POINTS + DISTRACTORS)


def simulate(key: jax.Array, theta: jax.Array) -> jax.Array:
    """100 numbers in a fixed disorder: four points of `slcp`, and a draw from a mixture of Student's t laws."""
    point_key, component_key, noise_key, mix_key = jax.random.split(key, 4)
    points = jax.vmap(slcp.simulate, (0, None))(jax.random.split(point_key, POINTS), theta)
    component = jax.random.randint(component_key, (), 0, COMPONENTS)
    spread = jnp.sqrt(FREEDOM / (2.0 * jax.random.gamma(mix_key, FREEDOM / 2.0)))
    noise = jax.random.normal(noise_key, (DISTRACTORS,)) * spread
    # Of many simulations at once, one product for all components is far cheaper than a matrix fetched for each.
    spreads = (jnp.asarray(ROOTS, jnp.float32).reshape(-1, DISTRACTORS) @ noise).reshape(COMPONENTS, DISTRACTORS)
    distractors = jnp.asarray(CENTRES, jnp.float32)[component] + spreads[component]
    return jnp.concatenate([points.reshape(-1), distractors])[ORDER]


def program() -> None:
    theta = Uniform(np.full(5, -3.0), np.full(5, 3.0), name="theta")
    Implicit(simulate, theta, name="x")


def example_data() -> np.ndarray:
    """(100,): the points of `slcp`'s example among distractors of the first component, seed 2020, to four decimals."""
    random = np.random.RandomState(2020)
    noise = random.standard_normal(DISTRACTORS) * np.sqrt(FREEDOM / random.chisquare(FREEDOM))
    hidden = np.concatenate([slcp.example_data().reshape(-1), CENTRES[0] + ROOTS[0] @ noise])
    return np.round(hidden[ORDER], 4)


model = Model(
    name="slcp-distractors",
    version="2",
    title="SLCP with distractors: eight numbers that matter among a hundred",
    description=(
        "The eight numbers of four points of `slcp`, and 92 that do not depend on the parameters (from a mixture of 20 "
        "multivariate Student's t laws with two degrees of freedom and correlations), in a fixed disorder. The "
        "posterior is that of the four points. Mixture and order are those of the benchmark. Prior: theta ~ "
        "Uniform(-3, 3)."
    ),
    program=program,
    data={"x": Field((2 * POINTS + DISTRACTORS,), description="the hundred numbers")},
    example={"x": example_data()},
    references=(
        "Greenberg, Nonnenmacher and Macke (2019), Automatic posterior transformation for likelihood-free inference, "
        "International Conference on Machine Learning: the distractors",
        "Lueckmann, Boelts, Greenberg, Goncalves and Macke (2021), Benchmarking simulation-based inference, AISTATS: "
        "the numbers of the mixture and the order, made anew from the seed in its package (sbibm 1.1.0)",
    ),
)
