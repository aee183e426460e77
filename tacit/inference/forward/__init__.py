"""The forward objective: q covers the posterior of a whole data set that a simulator makes in one go.

With few data points there is no sum over points to learn r for one at a time, and nothing to average r's noise over;
but a simulation is a whole data set, and the posterior may have any shape. So

- r compares whole data sets x: r(x, u) = log p(x | u) up to a function of x, learnt by telling which of several
  latents made each simulated data set (the marginal contrast, multi-class);
- simulations are made at draws of q, widened, and of the prior, and are kept in a ring to be learnt from again;
- q minimises the forward Kullback-Leibler divergence, E_posterior[-log q], by importance sampling: draws u of a
  mixture of q and the prior carry weights exp(r(x_obs, u)) p(u) / mixture(u), capped. What has weight must be covered
  by q, so no mode is left out as the reverse divergence leaves it.

q is a Gaussian that follows the weighted moments and, where that is not enough, a normalising flow before it. Whether
it is enough is decided by an estimate of the divergence itself. r sees the latents whitened by q, Gaussian and flow.

Where simulations are few, several ratio estimators learn of the same ones, each from other weights, and r is their
mean.

Simulations are counted, those from which scales are read included, and never exceed the budget.

`steps` simulates within the budget and makes the updates; `ratio` is r's, `cover` is q's, and `draws` what comes of it.
`coordinates` is how latents and data are seen, `pair_critic` is r's network, `ring` keeps simulations.
"""

from tacit.inference.forward.coordinates import has_choice, joined
from tacit.inference.forward.cover import AUTOMATIC, total_steps
from tacit.inference.forward.draws import Draws, parameters, sample, surprise
from tacit.inference.forward.ratio import contrasts, judge, update_disc
from tacit.inference.forward.state import Normal, Prepared, State
from tacit.inference.forward.steps import (
    FEW_POINTS,
    FEWEST_EXTERNAL,
    RANK,
    RING,
    WIDTH,
    begins_round,
    first_simulations,
    fresh_simulations,
    init,
    prepare,
    step,
)

__all__ = [
    "AUTOMATIC",
    "FEWEST_EXTERNAL",
    "FEW_POINTS",
    "RANK",
    "RING",
    "WIDTH",
    "Draws",
    "Normal",
    "Prepared",
    "State",
    "begins_round",
    "contrasts",
    "first_simulations",
    "fresh_simulations",
    "has_choice",
    "init",
    "joined",
    "judge",
    "parameters",
    "prepare",
    "sample",
    "step",
    "surprise",
    "total_steps",
    "update_disc",
]
