"""What a fit under the amortized objective is made of: all that changes, and what is left of it in the end."""

from typing import Any, NamedTuple

import jax

from tacit.inference.forward import Prepared
from tacit.inference.forward.ring import Ring

__all__ = ["Best", "Prepared", "State"]


class Best(NamedTuple):
    """The parameters, in one row, that lost least on held-out simulations; and what they lost."""

    parameters: jax.Array
    loss: jax.Array


class State(NamedTuple):
    """All that changes during a fit. `law` and `ratio`: all parameters of each network in one row."""

    step: jax.Array
    key: jax.Array
    law: jax.Array
    law_average: jax.Array
    law_optimizer: Any
    law_best: Best
    ratio: jax.Array
    ratio_average: jax.Array
    ratio_optimizer: Any
    ratio_best: Best
    ring: Ring
    loss_disc: jax.Array
    loss_gen: jax.Array
    correct: jax.Array
    skipped: jax.Array
    dropped: jax.Array
