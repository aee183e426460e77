"""One random-variable constructor for every public distribution of NumPyro, generated, named alike.

>>> import jax
>>> from tacit.ppl import Gamma
>>> Gamma(2.0, jax.numpy.ones(3), name="rate", key=jax.random.key(0)).shape
(3,)

Editors read `distributions.pyi`, which tools/make_stubs.py writes from the same list.
"""

import functools
from collections.abc import Callable
from typing import Any

import numpyro.distributions as _numpyro

from tacit.ppl.constructors import make_constructor


@functools.wraps(_numpyro.HurdleNegativeBinomial2)
def _hurdle_negative_binomial(
    gate: Any, mean: Any, concentration: Any, *, validate_args: bool | None = None
) -> _numpyro.Distribution:
    # The base law that NumPyro uses here cannot be rebuilt from its leaves, so it cannot leave a jitted function.
    base = _numpyro.NegativeBinomial2(mean, concentration, validate_args=validate_args)
    return _numpyro.HurdleProbs(base, gate, validate_args=validate_args)


_NOT_LAWS = {"Distribution"}  # the base class: give an instance to `from_distribution`
_OTHERWISE: dict[str, Callable[..., _numpyro.Distribution]] = {"HurdleNegativeBinomial2": _hurdle_negative_binomial}

__all__ = [
    name
    for name in _numpyro.__all__
    if name[0].isupper() and name not in _NOT_LAWS and callable(getattr(_numpyro, name))
]

for _name in __all__:
    globals()[_name] = make_constructor(_OTHERWISE.get(_name, getattr(_numpyro, _name)), _name)
