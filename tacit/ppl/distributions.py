"""One random-variable constructor for every public distribution of NumPyro, generated, named alike.

>>> import jax
>>> from tacit.ppl import Gamma
>>> Gamma(2.0, jax.numpy.ones(3), name="rate", key=jax.random.key(0)).shape
(3,)
"""

import numpyro.distributions as _numpyro

from tacit.ppl.constructors import make_constructor

# Not laws: building blocks that wrap one. Give the wrapped law to `from_distribution`.
_ABSTRACT = {"Distribution"}


def _laws() -> list[str]:
    return [
        name
        for name in _numpyro.__all__
        if name[0].isupper() and name not in _ABSTRACT and callable(getattr(_numpyro, name))
    ]


__all__ = _laws()

for _name in __all__:
    globals()[_name] = make_constructor(getattr(_numpyro, _name), _name)
