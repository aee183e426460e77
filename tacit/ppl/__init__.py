"""The modelling language: random variables, interception, and program transformations, after Edward2, on JAX.

A program is a Python function that makes random variables. What it means is up to who runs it: sampled inside `seed`,
recorded by `tape`, conditioned and replayed by `make_value_setter`, scored by `make_log_joint_fn`.

>>> import jax
>>> from tacit.ppl import Normal, seed, tape
>>> def model():
...     z = Normal(0.0, 1.0, name="z")
...     return Normal(z, 0.5, name="x")
>>> with seed(jax.random.key(0)), tape() as trace:
...     x = model()
>>> list(trace)
['z', 'x']

There is a constructor for every public distribution of NumPyro, named alike; `from_numpyro` makes a program of a
NumPyro model.
"""

from tacit.ppl import distributions
from tacit.ppl.constructors import Deterministic, from_distribution
from tacit.ppl.distributions import *  # noqa: F403
from tacit.ppl.external import external
from tacit.ppl.implicit import Implicit
from tacit.ppl.interception import get_next_interceptor, interceptable, interception
from tacit.ppl.numpyro_adapter import from_numpyro
from tacit.ppl.parameters import Parameter
from tacit.ppl.plates import plate
from tacit.ppl.random_variable import Plate, RandomVariable, unwrap
from tacit.ppl.randomness import seed
from tacit.ppl.transformations import LogJoint, ValueSetter, make_log_joint_fn, make_value_setter, tape

__all__ = [
    "Deterministic",
    "Implicit",
    "LogJoint",
    "Parameter",
    "Plate",
    "RandomVariable",
    "ValueSetter",
    "external",
    "from_distribution",
    "from_numpyro",
    "get_next_interceptor",
    "interceptable",
    "interception",
    "make_log_joint_fn",
    "make_value_setter",
    "plate",
    "seed",
    "tape",
    "unwrap",
]
__all__ += distributions.__all__
