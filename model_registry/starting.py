"""The file that a model begins with: `tacit models new`."""

import re

from tacit.errors import ModelLoadError

_TEXT = '''"""TITLE."""

import jax
import jax.numpy as jnp

from model_registry import Field, Model
from tacit.ppl import HalfNormal, Implicit, Normal, plate


def simulate(key, level, noise):
    """One data point. Any JAX function of a PRNG key will do: no density is asked for."""
    return jnp.exp(level + noise * jax.random.normal(key))


def program(N):
    # Outside every plate: one for all data. These need a density: any distribution of tacit.ppl.
    level = Normal(0.0, 1.0, name="level")
    noise = HalfNormal(1.0, name="noise")
    # Inside: one for each data point. The plate is named like the dimension of the data it runs along.
    # `simulate` returns one number, so it is called once for each data point, with another key and the same arguments.
    # Arguments are never cut up along the plate. Where points have something of their own, such as a covariate x, the
    # simulator is given all of it and makes all points in one call: what it returns has the plate's axis, and so must
    # its noise, jax.random.normal(key, x.shape). With jax.random.normal(key) the shape would be right as well, and all
    # points would have the same noise. A function of one point is mapped by the simulator itself:
    #     jax.vmap(one_point, in_axes=(0, 0, None))(jax.random.split(key, len(x)), x, level)
    with plate("N", N):
        Implicit(simulate, level, noise, name="y")


model = Model(
    name="NAME",
    title="TITLE",
    description="Say in a sentence or two what is observed, and what is inferred from it.",
    program=program,
    # What a user sends. A field named like a parameter of the program is given to it; every other one is the observed
    # value of the random variable of its name.
    data={"y": Field(("N",), support="positive", description="what is observed", unit="")},
    # Data that can be fitted as they are.
    example={"y": [1.2, 0.7, 2.9, 1.6, 0.5, 1.1, 3.8, 0.9, 1.4, 2.2, 0.6, 1.9, 1.0, 2.5, 0.8, 1.3]},
)
'''


def text(name: str) -> str:
    """A model file that can be served.

    Args:
      name: of the model: lower-case words joined by hyphens.

    Raises:
      ModelLoadError: it is none.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise ModelLoadError(f"the name {name!r} is not lower-case words joined by hyphens, such as 'my-model'.")
    return _TEXT.replace("NAME", name).replace("TITLE", name.replace("-", " ").capitalize())
