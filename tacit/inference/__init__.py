"""Likelihood-free variational inference: `fit` a `Problem` by ImplicitKLqp.

`fit` does all of it; `initialize`, `update` and `finalize` are its steps, `save` and `load` carry a session to another
process.
"""

from tacit.inference.driver import Fit, Progress, Session, finalize, fit, initialize, load, save, update
from tacit.inference.options import InferenceOptions
from tacit.inference.problem import Problem

__all__ = [
    "Fit",
    "InferenceOptions",
    "Problem",
    "Progress",
    "Session",
    "finalize",
    "fit",
    "initialize",
    "load",
    "save",
    "update",
]
