"""The amortized objective: q is learnt for every data set that the model can make, and answers for each at once.

Everything is simulated at the prior, once. Then

- q(u | x) is a mixture whose weights, means and shapes are a network's answer to a data set. It minimises the forward
  Kullback-Leibler divergence averaged over data sets, E_x KL(p(u | x) || q(u | x)), whose gradient asks for nothing but
  simulations: -log q(u | x) at pairs of latents and the data that they made;
- r(x, u) = log p(u | x) - log q(u | x) is then learnt as ImplicitKLqp learns its ratio: by telling the latents that
  made a data set from draws of q given that data set. Draws of q resampled by exp(r) are the posterior, where q is not.

A part of the simulations is held out: half of it chooses among the parameters on the way, and of the other half nothing
is learnt. Posteriors of those data sets must hold the latents that made them, as often as they say, before posteriors
are offered.

`steps` simulates and learns, `networks` are q and r, `posterior` is what comes of it.
"""

from tacit.inference.amortized.posterior import (
    Held,
    Rows,
    calibration,
    held,
    moments,
    parameters,
    restored,
    rows,
    sample,
    surprise,
)
from tacit.inference.amortized.state import Prepared, State
from tacit.inference.amortized.steps import AGAINST, fresh_simulations, held_out, init, kept, step
from tacit.inference.forward.coordinates import flat

__all__ = [
    "AGAINST",
    "Held",
    "Prepared",
    "Rows",
    "State",
    "calibration",
    "flat",
    "fresh_simulations",
    "held",
    "held_out",
    "init",
    "kept",
    "moments",
    "parameters",
    "restored",
    "rows",
    "sample",
    "step",
    "surprise",
]
