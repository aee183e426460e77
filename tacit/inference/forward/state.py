"""What a fit under the forward objective is made of: its data, and all that changes."""

from typing import Any, NamedTuple

import jax

from tacit.inference.features import FeatureScale
from tacit.inference.forward.ring import Ring
from tacit.inference.problem import Arrays
from tacit.inference.state import LeftOut

# Latents, data, and whether these are finite.
Simulations = tuple[jax.Array, jax.Array, jax.Array]


class Normal(NamedTuple):
    """loc (G,), tril (G, G)."""

    loc: jax.Array
    tril: jax.Array


class Prepared(NamedTuple):
    """A problem's arrays and scales, with the simulations these were read off: latents (P, G), data (P, N, D); and the
    Gaussian that q starts as."""

    arrays: Arrays
    features: FeatureScale
    latent_centre: jax.Array
    latent_spread: jax.Array
    latents: jax.Array
    data: jax.Array
    start: Normal
    left_out: LeftOut


class Begun(NamedTuple):
    """External simulations that were begun and not yet taken in: at latents (S, G), run with `key`; `held`: whether
    there are any."""

    latents: jax.Array
    key: jax.Array
    held: jax.Array


class Judged(NamedTuple):
    """What new simulations told before they were learnt from; averages.

    `log_decay`: the logarithm of the rate at which the ratio estimator's parameters decay, in units of its learning
    rate; `pull`: by how much the loss would fall with a decay by a unit, `square`: of its square. `beside`: by how much
    it is less where what is summarised is seen number by number too. `gap`: by how much it is more than that on
    simulations learnt from.
    """

    log_decay: jax.Array
    pull: jax.Array
    square: jax.Array
    beside: jax.Array
    gap: jax.Array


class Made(NamedTuple):
    """Simulations to be taken in: latents (S, G), data (S, N, D), and whether they are there; what these told; and what
    is to be taken in next time."""

    latents: jax.Array
    data: jax.Array
    there: jax.Array
    judged: Judged
    begun: Begun


class State(NamedTuple):
    """All that changes during a fit. `ratio` and its average (E, P): a row of parameters for each ratio estimator;
    `learning`: how many of these, the first, learn, and have r as their mean. `flow` and its average: all parameters in
    one row; `bent`: whether the flow is taken up; `local` (D,), (D,): the centre and the logarithm of the spread that
    data are seen by; `divergence` of q from the target, an estimate."""

    step: jax.Array
    key: jax.Array
    ratio: jax.Array
    ratio_average: jax.Array
    ratio_optimizer: Any
    learning: jax.Array
    judged: Judged
    q: Normal
    flow: jax.Array
    flow_average: jax.Array
    flow_optimizer: Any
    bent: jax.Array
    ring: Ring
    begun: Begun
    local: tuple[jax.Array, jax.Array]
    divergence: jax.Array
    loss_disc: jax.Array
    loss_gen: jax.Array
    correct: jax.Array
    skipped: jax.Array
    dropped: jax.Array
