"""Likelihood-free variational inference: `fit` a `Problem` by ImplicitKLqp.

`fit` does all of it; `initialize`, `run` (or `update` by hand) and `finalize` are its steps; `save` and `load` carry a
session to another process.
"""

from tacit.inference.answers import Answer, Answers
from tacit.inference.driver import Fit, Progress, Session, finalize, fit, initialize, load, run, save, update
from tacit.inference.options import InferenceOptions
from tacit.inference.parts import Parts
from tacit.inference.planning import resolved_options
from tacit.inference.problem import Problem

__all__ = [
    "Answer",
    "Answers",
    "Fit",
    "InferenceOptions",
    "Parts",
    "Problem",
    "Progress",
    "Session",
    "finalize",
    "fit",
    "initialize",
    "load",
    "resolved_options",
    "run",
    "save",
    "update",
]
